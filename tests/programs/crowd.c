/* Eight threads open, look, move and list at once, while one of them starts a program: the others vanish, the process
 * keeps its number, and the program finds what it was promised. */
#include "canon.h"
#include <pthread.h>
#include <signal.h>

enum { THREADS = 8, ROUNDS = 4 };

static pthread_barrier_t barrier;
static char program[PATH_MAX];
static int dirfd;

static void *busy(void *argument)
{
    size_t me = (size_t)argument;
    char rel[64], buffer[4096];
    struct stat s;
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0;; i++) {
        snprintf(rel, sizeof rel, "many/f%04u", (unsigned)(me * 131 + i * 37) % 3000);
        int fd = quiet_open(in(rel), O_RDONLY);
        if (fd < 0 || fstat(fd, &s) != 0 || s.st_size != 2 || close(fd) != 0)
            _exit(101);
        if (stat(in("no/such/name"), &s) == 0 || errno != ENOENT)
            _exit(102);
        if ((me % 2 ? chdir(in("dir")) : fchdir(dirfd)) != 0 || stat("file", &s) != 0)
            _exit(103);
        if (stat("/etc/passwd", &s) != 0 || syscall(SYS_getcwd, buffer, sizeof buffer) <= 0)
            _exit(104);
        if (strcmp(buffer, in("dir")) != 0)
            _exit(105);
        fd = quiet_open(in("dir"), O_RDONLY);
        if (fd < 0 || syscall(SYS_getdents64, fd, buffer, sizeof buffer) <= 0 || close(fd) != 0)
            _exit(106);
    }
    return NULL;
}

static void *replaces(void *unused UNUSED)
{
    char *const argv[] = { "zeroth", "7", NULL }, *const env[] = { "TWIN=crowd", NULL };
    pthread_barrier_wait(&barrier);
    for (volatile int i = 0; i < (getpid() * 7919) % 200000; i++)
        ;
    /* The others are in the middle of anything; a name that does not exist changes nothing for them. */
    execve(in("no/such/program"), argv, env);
    if (errno != ENOENT)
        _exit(107);
    execve(program, argv, env);
    _exit(108);
}

static void crowd(const char *what, const char *name, int first)
{
    int statuses[256] = { 0 }, status;
    snprintf(program, sizeof program, "%s", name); /* what in() gave is good for sixteen calls */
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0) {
            pthread_t t;
            int quiet = quiet_open("/dev/null", O_WRONLY);
            MUST(quiet >= 0 && dup2(quiet, 1) == 1 && close(quiet) == 0);
            dirfd = quiet_open(in("dir"), O_RDONLY);
            MUST(dirfd >= 0 && fcntl(dirfd, F_SETFD, FD_CLOEXEC) == 0);
            MUST(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
            for (size_t i = 1; i < THREADS - 1; i++)
                MUST(pthread_create(&t, NULL, busy, (void *)i) == 0);
            MUST(pthread_create(&t, NULL, first ? busy : replaces, (void *)0) == 0);
            (first ? replaces : busy)((void *)7);
        }
        MUST(waitpid(pid, &status, 0) == pid);
        statuses[WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)]++;
    }
    for (int i = 0; i < 256; i++)
        if (statuses[i])
            say("%s, replaced by %s: status %d, %d times", what, first ? "the first" : "another", i, statuses[i]);
}

/* Threads of several processes at once, which start programs of their own by fork. */
static void *starts(void *argument)
{
    volatile long wrong = 0;
    for (int i = 0; i < 6; i++) {
        int status;
        pid_t pid = (i + (int)(long)argument) % 2 ? fork() : vfork();
        if (pid == 0) {
            execl(in("bin/report-own-loader"), "x", NULL);
            _exit(1);
        }
        wrong += pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status);
    }
    return (void *)wrong;
}

static void starters(void)
{
    pthread_t t[THREADS];
    void *result;
    volatile long wrong = 0;
    int out = dup(1), quiet = quiet_open("/dev/null", O_WRONLY);
    MUST(dup2(quiet, 1) == 1);
    for (long i = 0; i < THREADS; i++)
        MUST(pthread_create(&t[i], NULL, starts, (void *)i) == 0);
    for (int i = 0; i < THREADS; i++) {
        MUST(pthread_join(t[i], &result) == 0);
        wrong += (long)result;
    }
    MUST(dup2(out, 1) == 1 && close(out) == 0 && close(quiet) == 0);
    say("programs that did not start: %ld", wrong);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    static const char *const names[] = { "bin/report-static", "script.sh", "bin/report-own-loader", "links/out-true" };
    for (int first = 0; first < 2; first++) {
        for (size_t i = 0; i < COUNT(names); i++)
            crowd(names[i], in(names[i]), first);
        crowd("native", "/bin/true", first);
    }
    starters();
    return 0;
}
