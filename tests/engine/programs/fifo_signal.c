/* A signal reaches a thread that waits in open of a FIFO: fifo_signal FIFO.  Says the same on any FIFO. */
#include "canon.h"
#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t alarms;
static int handled[2];

static void on_alarm(int sig UNUSED)
{
    int e = errno;
    alarms++;
    MUST(write(handled[1], "x", 1) == 1);
    errno = e;
}

/* Opens the FIFO once the signal was handled. */
static pid_t late_writer(const char *fifo)
{
    char byte;
    pid_t pid = fork();
    if (pid == 0) {
        MUST(read(handled[0], &byte, 1) == 1);
        MUST(quiet_open(fifo, O_WRONLY) >= 0);
        _exit(0);
    }
    return pid;
}

static void once(const char *fifo, int flags, long nr)
{
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
    struct itimerval often = { { 0, 100 * 1000 }, { 0, 100 * 1000 } }, never = { { 0, 0 }, { 0, 0 } };
    MUST(pipe(handled) == 0);
    pid_t writer = flags ? late_writer(fifo) : 0;
    alarms = 0;
    MUST(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    long fd = nr == SYS_open ? syscall(nr, fifo, O_RDONLY, 0) : syscall(nr, AT_FDCWD, fifo, O_RDONLY, 0);
    told(fd, "%s %s SA_RESTART", nr == SYS_open ? "open" : "openat", flags ? "with" : "without");
    MUST(setitimer(ITIMER_REAL, &never, NULL) == 0);
    say("handled: %d", alarms > 0);
    if (fd >= 0)
        close((int)fd);
    if (writer)
        say_wait("writer", writer);
    close(handled[0]);
    close(handled[1]);
}

int main(int argc, char **argv)
{
    MUST(argc == 2);
    setvbuf(stdout, NULL, _IOLBF, 0);
    once(argv[1], 0, SYS_open);
    once(argv[1], 0, SYS_openat);
    once(argv[1], SA_RESTART, SYS_open);
    once(argv[1], SA_RESTART, SYS_openat);
    return 0;
}
