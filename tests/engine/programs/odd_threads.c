/* Threads whose process is not what it seems: odd_threads WHAT TREE.  The tree has dir/a, dir/b, text, program. */
#include "canon.h"
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

static char *const argv_of_child[] = { "p", NULL };
static char *const empty[] = { NULL };

static long count_names(int fd)
{
    char buffer[4096];
    long n, names = 0;
    while ((n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < n; at += *(unsigned short *)(buffer + at + 16))
            names++;
    return n < 0 ? -errno : names;
}

static void use_everything(void)
{
    char buffer[PATH_MAX];
    struct stat s;
    int fd = quiet_open(in("dir"), O_RDONLY);
    say("names: %ld", count_names(fd));
    say("once more: %ld", count_names(fd));
    MUST(lseek(fd, 0, SEEK_SET) == 0);
    say("from the start: %ld", count_names(fd));
    told(fstat(fd, &s), "fstat");
    told(fchdir(fd), "fchdir");
    say("getcwd: %s", syscall(SYS_getcwd, buffer, sizeof buffer) > 0 ? strrchr(buffer, '/') : errname(errno));
    say_content("relative", quiet_open("a", O_RDONLY));
    told(chdir(".."), "chdir up");
    say_content("again", quiet_open("text", O_RDONLY));
    close(fd);
}

static void *without_leader(void *leader)
{
    MUST(pthread_join(*(pthread_t *)leader, NULL) == 0);
    use_everything();
    execve(in("program"), argv_of_child, empty);
    told(-1, "exec");
    _exit(1);
}

/* The first thread is gone and its process a zombie to look at, while another thread goes on. */
static void leader_gone(void)
{
    static pthread_t leader;
    pthread_t t;
    leader = pthread_self();
    MUST(pthread_create(&t, NULL, without_leader, &leader) == 0);
    pthread_exit(NULL);
}

static void *own_descriptors(void *number)
{
    int fd = (int)(long)number;
    MUST(unshare(CLONE_FILES) == 0);
    int mine = quiet_open(in("dir"), O_RDONLY);
    MUST(mine >= 0 && dup2(mine, fd) == fd);
    say("names in the thread's own table: %ld", count_names(fd));
    say("then: %ld", count_names(fd));
    return NULL;
}

/* A thread has a descriptor table of its own, in which a number means another file. */
static void tables_apart(void)
{
    pthread_t t;
    int fd = quiet_open("/etc/passwd", O_RDONLY);
    MUST(lseek(fd, 7, SEEK_SET) == 7);
    MUST(pthread_create(&t, NULL, own_descriptors, (void *)(long)fd) == 0 && pthread_join(t, NULL) == 0);
    say("position of the other table's file: %ld", (long)lseek(fd, 0, SEEK_CUR));
}

static void not_dumpable(void)
{
    MUST(prctl(PR_SET_DUMPABLE, 0) == 0);
    use_everything();
    execve(in("program"), argv_of_child, empty);
    told(-1, "exec");
}

static int child_ends(int how)
{
    int status;
    pid_t pid = how % 2 ? fork() : vfork();
    if (pid == 0)
        _exit(how % 7);
    return waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != how % 7;
}

/* Many processes that are gone before anybody has looked at them. */
static void storm(void)
{
    enum { PARENTS = 6, EACH = 300 };
    static int failed;
    int status;
    for (int p = 0; p < PARENTS; p++)
        if (fork() == 0) {
            for (int i = 0; i < EACH; i++)
                failed += child_ends(i);
            _exit(failed);
        }
    while (wait(&status) > 0)
        failed += status != 0;
    say("failed: %d", failed);
}

static void *never_ends(void *argument)
{
    struct stat s;
    while (stat(in("text"), &s) == 0) {
        int fd = quiet_open(in("dir"), O_RDONLY);
        count_names(fd);
        close(fd);
    }
    return argument;
}

static void *ends_at_once(void *argument) { return argument; }

static void thread_storm(void)
{
    pthread_t t[16];
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 100; i++) {
            for (int n = 0; n < 16; n++)
                MUST(pthread_create(&t[n], NULL, ends_at_once, NULL) == 0);
            for (int n = 0; n < 16; n++)
                MUST(pthread_join(t[n], NULL) == 0);
        }
        /* And some that are alive when the process ends, in the middle of calls. */
        for (int n = 0; n < 8; n++)
            MUST(pthread_create(&t[n], NULL, never_ends, NULL) == 0);
        _exit(3);
    }
    say_wait("threads", pid);
}

static void stopped_and_killed(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        quiet_open(in("text"), O_RDONLY);
        raise(SIGSTOP);
        _exit(0);
    }
    MUST(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    MUST(kill(pid, SIGKILL) == 0);
    say_wait("stopped, then killed", pid);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*run)(void); } all[] = {
        { "leader-gone", leader_gone }, { "tables-apart", tables_apart }, { "not-dumpable", not_dumpable }, { "storm", storm },
        { "thread-storm", thread_storm }, { "stopped-and-killed", stopped_and_killed },
    };
    MUST(argc == 3);
    begin(argc - 1, argv + 1);
    for (size_t i = 0; i < COUNT(all); i++)
        if (!strcmp(all[i].name, argv[1]))
            all[i].run();
    return 0;
}
