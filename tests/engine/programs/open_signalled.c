/* Open a file whose open has to wait, with a handler for SIGUSR1: open_signalled restart|interrupt FILE [fork|thread].
 * With a third argument somebody makes native calls without a pause meanwhile. */
#include "canon.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

static volatile int done;

static void handler(int sig UNUSED) { MUST(write(1, "handled\n", 8) == 8); }

static void *busy(void *said)
{
    struct stat s;
    for (long n = 0; !done; n++) {
        MUST(stat("/etc/passwd", &s) == 0);
        if (n == 1000 && said)
            MUST(write(1, "busy\n", 5) == 5);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_handler = handler };
    pthread_t thread;
    sigset_t set;
    pid_t child = 0;
    char buffer[100];
    MUST(argc >= 3);
    action.sa_flags = strcmp(argv[1], "restart") ? 0 : SA_RESTART;
    MUST(sigaction(SIGUSR1, &action, NULL) == 0);
    if (argc > 3 && !strcmp(argv[3], "fork")) {
        child = fork();
        if (!child) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            busy("");
        }
    } else if (argc > 3) {
        /* The signal is for the process, and only the thread that waits may take it. */
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        MUST(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
        MUST(pthread_create(&thread, NULL, busy, "") == 0);
        MUST(pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0);
    }
    int fd = quiet_open(argv[2], O_RDONLY);
    if (fd < 0)
        say("open: %s", errname(errno));
    ssize_t n = read(fd, buffer, sizeof buffer);
    MUST(n > 0 && write(1, buffer, (size_t)n) == n);
    done = 1;
    if (child)
        MUST(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    return 0;
}
