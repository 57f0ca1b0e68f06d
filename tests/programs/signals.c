/* Signals during calls on the tree: no EINTR from open or stat, handlers run and may use the tree, stops and continues work. */
#include "canon.h"
#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t alarms, handler_failures;

static void on_alarm(int sig UNUSED)
{
    struct stat s;
    int e = errno;
    alarms++;
    handler_failures += stat(root, &s) != 0;
    errno = e;
}

static void storm(int flags)
{
    struct sigaction a = { .sa_handler = on_alarm, .sa_flags = flags };
    struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
    struct stat s;
    char buffer[PATH_MAX];
    unsigned failures = 0, rounds = 0;
    alarms = 0;
    MUST(sigaction(SIGALRM, &a, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    while (alarms < 300) {
        int fd = quiet_open(in("dir"), O_RDONLY);
        failures += fd < 0 || syscall(SYS_getdents64, fd, buffer, sizeof buffer) <= 0 || fstat(fd, &s) != 0;
        failures += fd >= 0 && close(fd) != 0;
        failures += stat(in("hello.txt"), &s) != 0 || s.st_size != 13;
        failures += access(in("missing"), F_OK) == 0 || errno != ENOENT;
        failures += chdir(in("dir/sub")) != 0 || syscall(SYS_getcwd, buffer, sizeof buffer) <= 0;
        failures += stat("leaf", &s) != 0 || stat("/dev/null", &s) != 0;
        rounds++;
    }
    MUST(setitimer(ITIMER_REAL, &never, NULL) == 0);
    say("calls that failed: %u, in the handler: %d, some rounds: %d", failures, (int)handler_failures, rounds > 0);
}

static void on_other(int sig) { say("handler for %d", sig); }

/* A stopped child is seen as stopped, goes on when continued, and its open file is as it was. */
static void stop_and_go(void)
{
    int pipes[2], go[2], status;
    char byte;
    MUST(pipe(pipes) == 0 && pipe(go) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = quiet_open(in("hello.txt"), O_RDONLY);
        MUST(read(fd, &byte, 1) == 1 && chdir(in("dir")) == 0);
        MUST(write(pipes[1], "x", 1) == 1);
        raise(SIGSTOP);
        MUST(read(go[0], &byte, 1) == 1); /* not to have ended before its parent hears that it goes on */
        say_content("after the stop", fd);
        fd = quiet_open("file", O_RDONLY);
        say_content("relative after the stop", fd);
        raise(SIGTSTP);
        _exit(5);
    }
    MUST(read(pipes[0], &byte, 1) == 1);
    MUST(waitpid(pid, &status, WUNTRACED) == pid);
    say("stopped: %d by %d", WIFSTOPPED(status), WIFSTOPPED(status) ? WSTOPSIG(status) : 0);
    MUST(kill(pid, SIGCONT) == 0);
    MUST(waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid);
    int continued = WIFCONTINUED(status), again = 0; /* said later: the child is speaking now */
    MUST(write(go[1], "x", 1) == 1);
    /* Under a terminal-less session SIGTSTP is ignored in an orphaned process group, natively too. */
    MUST(waitpid(pid, &status, WUNTRACED) == pid);
    if (WIFSTOPPED(status)) {
        again = WSTOPSIG(status);
        MUST(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, 0) == pid);
    }
    say("continued %d, stopped again by %d, exit %d", continued, again, WEXITSTATUS(status));
}

static void deaths(void)
{
    static const int signals[] = { SIGTERM, SIGKILL, SIGSEGV, SIGABRT, SIGPIPE, SIGUSR1 };
    for (size_t i = 0; i < COUNT(signals); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            MUST(quiet_open(in("hello.txt"), O_RDONLY) >= 0);
            signal(signals[i], SIG_DFL);
            raise(signals[i]);
            _exit(1);
        }
        say_wait("child", pid);
    }
}

static void masks(void)
{
    sigset_t set, old;
    struct stat s;
    struct sigaction a = { .sa_handler = on_other };
    MUST(sigaction(SIGUSR1, &a, NULL) == 0 && sigaction(SIGUSR2, &a, NULL) == 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &set, &old) == 0);
    raise(SIGUSR1);
    told(stat(in("hello.txt"), &s), "stat with a signal pending");
    MUST(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
    raise(SIGUSR2);
    told(stat(in("hello.txt"), &s), "stat afterwards");
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    storm(0);
    storm(SA_RESTART);
    MUST(chdir("/") == 0);
    stop_and_go();
    masks();
    deaths();
    return 0;
}
