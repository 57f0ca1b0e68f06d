/* Processes that share memory with their parent, and programs started from odd places: births TREE.
 * The tree has text ("text"), program (a script that says "started"), f0 … f49. */
#include "canon.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>

static char *const argv_of_child[] = { "p", NULL };
static char *const empty[] = { NULL };

static int vfork_and_start(const char *path)
{
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        execve(path, argv_of_child, empty);
        _exit(7);
    }
    MUST(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void with_vfork(void)
{
    for (int i = 0; i < 10; i++)
        MUST(vfork_and_start(in("program")) == 0 && vfork_and_start(in("missing")) == 7);
    say_content("after vfork", quiet_open(in("text"), O_RDONLY));
}

static void with_spawn(void)
{
    pid_t pid;
    MUST(posix_spawn(&pid, in("program"), NULL, NULL, argv_of_child, empty) == 0);
    say_wait("spawned", pid);
    say("spawn of nothing: %s", errname(posix_spawn(&pid, in("missing"), NULL, NULL, argv_of_child, empty)));
}

static long open_all(void)
{
    long failed = 0;
    char rel[16];
    for (int i = 0; i < 500; i++) {
        snprintf(rel, sizeof rel, "f%d", i % 50);
        int fd = quiet_open(in(rel), O_RDONLY);
        failed += fd < 0;
        close(fd);
    }
    return failed;
}

#ifdef __i386__
#define RAW(result, nr, a, b) __asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(a), "c"(b), "d"(0) : "memory")
#else
#define RAW(result, nr, a, b) \
    __asm__ volatile("syscall" : "=a"(result) : "a"(nr), "D"(a), "S"(b), "d"(0) : "rcx", "r11", "memory")
#endif

/* No thread-local storage of its own: it must not use in() beside its parent. */
static int raw_child(void *path)
{
    long failed = 0;
    for (int i = 0; i < 500; i++) {
        long fd;
        RAW(fd, SYS_open, path, O_RDONLY);
        failed += fd < 0;
        RAW(fd, SYS_close, fd, 0);
    }
    return failed != 0;
}

static void with_shared_memory(void)
{
    enum { CHILDREN = 8, STACK = 64 * 1024 };
    char *stacks = mmap(NULL, CHILDREN * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static char path[PATH_MAX];
    pid_t pids[CHILDREN];
    int status, failed = 0;
    MUST(stacks != MAP_FAILED);
    strcpy(path, in("text"));
    for (int i = 0; i < CHILDREN; i++) {
        pids[i] = clone(raw_child, stacks + (i + 1) * STACK, CLONE_VM | SIGCHLD, path);
        MUST(pids[i] > 0);
    }
    failed += open_all() != 0;
    for (int i = 0; i < CHILDREN; i++) {
        MUST(waitpid(pids[i], &status, 0) == pids[i]);
        failed += status != 0;
    }
    say("failed beside each other in one address space: %d", failed);
}

static void *open_for_ever(void *unused UNUSED)
{
    for (;;)
        open_all();
    return NULL;
}

static void *replace(void *rel)
{
    execve(in(rel), argv_of_child, empty);
    _exit(9);
}

/* exec by a thread that is not the leader, while the others have calls under way. */
static void with_exec_beside_opens(void)
{
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t t;
            for (int n = 0; n < 4; n++)
                MUST(pthread_create(&t, NULL, open_for_ever, NULL) == 0);
            MUST(pthread_create(&t, NULL, replace, i % 2 ? "program" : "native") == 0);
            open_for_ever(NULL);
        }
        say_wait("exec beside opens", pid);
    }
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    with_vfork();
    with_spawn();
    with_shared_memory();
    with_exec_beside_opens();
    return 0;
}
