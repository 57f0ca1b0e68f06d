/* Thirty-two threads use the tree at once; working directory and descriptors are shared where clone says so; exec from a thread. */
#include "canon.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>

enum { THREADS = 32, ROUNDS = 40 };

static pthread_barrier_t barrier;
static unsigned wrong[THREADS];

static void *work(void *argument)
{
    size_t me = (size_t)argument;
    char rel[64], text[64], expect[64];
    struct stat s;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned n = (unsigned)(me * 91 + (size_t)i * 37) % 3000;
        snprintf(rel, sizeof rel, "many/f%04u", n);
        snprintf(expect, sizeof expect, "%u\n", n % 10);
        int fd = quiet_open(in(rel), O_RDONLY);
        ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);
        wrong[me] += got != (ssize_t)strlen(expect) || memcmp(text, expect, (size_t)got) != 0;
        wrong[me] += fd < 0 || fstat(fd, &s) < 0 || s.st_size != got;
        if (fd >= 0)
            close(fd);
        wrong[me] += stat(in("missing"), &s) == 0 || errno != ENOENT;
        wrong[me] += access("/dev/null", R_OK) != 0;
        wrong[me] += quiet_open(in("dir/sub/../missing"), O_RDONLY) >= 0 || errno != ENOENT;
    }
    return NULL;
}

static void many(void)
{
    pthread_t t[THREADS];
    unsigned total = 0;
    MUST(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++)
        MUST(pthread_create(&t[i], NULL, work, (void *)i) == 0);
    for (size_t i = 0; i < THREADS; i++)
        MUST(pthread_join(t[i], NULL) == 0);
    for (size_t i = 0; i < THREADS; i++)
        total += wrong[i];
    say("wrong answers: %u", total);
}

static void *go_there(void *to) { return (void *)syscall(SYS_chdir, to); }

static void *go_alone(void *to)
{
    char buffer[PATH_MAX];
    MUST(unshare(CLONE_FS) == 0 && chdir(to) == 0 && syscall(SYS_getcwd, buffer, sizeof buffer) > 0);
    say("the thread that left alone: %s", buffer);
    return NULL;
}

static void *open_file(void *rel) { return (void *)(long)quiet_open(rel, O_RDONLY); }

static void shared(void)
{
    pthread_t t;
    void *result;
    char buffer[PATH_MAX];
    MUST(chdir("/") == 0);
    MUST(pthread_create(&t, NULL, go_there, (void *)in("dir/sub")) == 0 && pthread_join(t, &result) == 0);
    MUST(syscall(SYS_getcwd, buffer, sizeof buffer) > 0);
    say("all threads go along: %s", buffer);
    MUST(pthread_create(&t, NULL, go_alone, (void *)in("emptydir")) == 0 && pthread_join(t, NULL) == 0);
    MUST(syscall(SYS_getcwd, buffer, sizeof buffer) > 0);
    say("the others stay: %s", buffer);
    MUST(pthread_create(&t, NULL, open_file, "leaf") == 0 && pthread_join(t, &result) == 0);
    say_content("opened by another thread", (int)(long)result);
    close((int)(long)result);
}

/* A child that shares the working directory and the descriptors, but not the memory. */
static int sharing_child(void *unused UNUSED)
{
    int fd = quiet_open(in("hello.txt"), O_RDONLY);
    MUST(chdir(in("dir")) == 0);
    return fd;
}

static void clone_sharing(void)
{
    static char stack[256 * 1024] __attribute__((aligned(16)));
    char buffer[PATH_MAX];
    int status;
    MUST(chdir("/tmp") == 0);
    pid_t pid = clone(sharing_child, stack + sizeof stack, CLONE_FS | CLONE_FILES | SIGCHLD, NULL);
    MUST(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    MUST(syscall(SYS_getcwd, buffer, sizeof buffer) > 0);
    say("moved by a child: %s", buffer);
    say_content("opened by a child", WEXITSTATUS(status));
    close(WEXITSTATUS(status));
}

static void *sleeper(void *unused UNUSED)
{
    for (;;)
        pause();
    return NULL;
}

static void *replace(void *path)
{
    char *argv[] = { "zeroth", "5", NULL }, *env[] = { "TWIN=thread", NULL };
    execve(path, argv, env);
    told(-1, "exec from a thread");
    _exit(6);
}

/* exec from a thread that is not the leader: the others die, the pid stays. */
static void exec_from_thread(const char *rel)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        for (int i = 0; i < 4; i++)
            MUST(pthread_create(&t, NULL, sleeper, NULL) == 0);
        MUST(pthread_create(&t, NULL, replace, (void *)in(rel)) == 0);
        for (;;)
            pause();
    }
    say_wait(rel, pid);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    many();
    shared();
    clone_sharing();
    exec_from_thread("bin/report-static");
    exec_from_thread("script.sh");
    exec_from_thread("bin/report-own-loader");
    exec_from_thread("links/out-true");
    return 0;
}
