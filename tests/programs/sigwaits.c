/* Programs that wait for signals, block them all, use SIGTRAP and SIGSYS for themselves, stop and continue children. */
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include "canon.h"

static volatile sig_atomic_t heard, code;

static void on_signal(int sig, siginfo_t *info, void *context)
{
    (void)context;
    heard = sig;
    code = info->si_code;
    struct stat st; /* a handler may make calls of its own */
    if (syscall(SYS_stat, in("hello.txt"), &st) != 0)
        heard = -1;
}

static void handle(int sig, int flags)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    MUST(sigaction(sig, &sa, NULL) == 0);
}

static pid_t sender(int sig, unsigned after)
{
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        usleep(after);
        kill(parent, sig);
        _exit(0);
    }
    return pid;
}

static void traps(void)
{
    handle(SIGTRAP, 0);
    handle(SIGSYS, 0);
    raise(SIGTRAP);
    say("raised: %d code %d", heard, code);
    __asm__ volatile("int3");
    say("int3: %d code %d", heard, code);
    raise(SIGSYS);
    say("raised: %d code %d", heard, code);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGTRAP, SIG_DFL);
        __asm__ volatile("int3");
        _exit(0);
    }
    say_wait("int3 without a handler", pid);
    pid = fork();
    if (pid == 0) {
        signal(SIGTRAP, SIG_IGN);
        raise(SIGTRAP);
        say("ignored");
        __asm__ volatile("int3"); /* cannot be ignored */
        _exit(0);
    }
    say_wait("int3 ignored", pid);
}

/* With everything blocked, calls of ours work as ever, and what came is there afterwards. */
static void blocked(void)
{
    sigset_t all, before;
    sigfillset(&all);
    MUST(sigprocmask(SIG_BLOCK, &all, &before) == 0);
    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGKILL && sig != SIGSTOP && sig != SIGCONT)
            kill(getpid(), sig);
    kill(getpid(), SIGRTMIN + 7);
    told(quiet_open(in("hello.txt"), O_RDONLY), "open");
    told(quiet_open(in("big.bin"), O_RDONLY), "open another");
    told(syscall(SYS_mkdir, in("new"), 0777), "mkdir");
    int fd = signalfd(-1, &all, SFD_NONBLOCK), n = 0;
    struct signalfd_siginfo info;
    for (; n < 5 && read(fd, &info, sizeof info) == sizeof info; n++)
        say("signalfd: %u code %d mine %d", info.ssi_signo, info.ssi_code, info.ssi_pid == (unsigned)getpid());
    siginfo_t got;
    for (n = 0; sigtimedwait(&all, &got, &(struct timespec){0, 0}) > 0; n++)
        if (got.si_signo > 28)
            say("left: %d code %d", got.si_signo, got.si_code);
    say("%d left, then %s", n, errname(errno));
    pid_t pid = sender(SIGUSR1, 100000);
    int sig = 0;
    do /* the sender's end is a signal, too */
        MUST(sigwait(&all, &sig) == 0);
    while (sig == SIGCHLD);
    say("sigwait: %d", sig);
    waitpid(pid, NULL, 0);
    MUST(sigprocmask(SIG_SETMASK, &before, NULL) == 0);
}

static void job_control(void)
{
    pid_t pid = fork();
    int status;
    if (pid == 0)
        for (;;)
            syscall(SYS_access, in("hello.txt"), R_OK);
    for (int i = 0; i < 3; i++) {
        kill(pid, SIGSTOP);
        MUST(waitpid(pid, &status, WUNTRACED | WCONTINUED) == pid);
        say("stopped %d by %d", WIFSTOPPED(status) ? 1 : 0, WSTOPSIG(status));
        say("again: %d", waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG));
        kill(pid, SIGCONT);
        siginfo_t info;
        MUST(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WCONTINUED) == 0);
        say("waitid: code %d status %d", info.si_code, info.si_status);
    }
    kill(pid, SIGTERM);
    say_wait("terminated", pid);
}

/* A signal that nobody handles interrupts nothing. */
static void not_interrupted(void)
{
    signal(SIGCHLD, SIG_DFL);
    int poll = epoll_create1(0);
    struct epoll_event event;
    pid_t pid = sender(SIGWINCH, 50000);
    say("epoll_wait: %s", epoll_wait(poll, &event, 1, 300) == 0 ? "time over" : errname(errno));
    waitpid(pid, NULL, 0);
    struct timespec left = {0, 300000000};
    pid = sender(SIGURG, 50000);
    say("nanosleep: %s", nanosleep(&left, &left) == 0 ? "time over" : errname(errno));
    waitpid(pid, NULL, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid = sender(SIGWINCH, 50000);
    say("sigtimedwait: %s", sigtimedwait(&set, NULL, &(struct timespec){0, 300000000}) < 0 ? errname(errno) : "?");
    waitpid(pid, NULL, 0);
    signal(SIGUSR1, SIG_IGN);
    pid = sender(SIGUSR1, 50000);
    say("ignored, epoll_wait: %s", epoll_wait(poll, &event, 1, 300) == 0 ? "time over" : errname(errno));
    waitpid(pid, NULL, 0);
    handle(SIGUSR1, SA_RESTART);
    pid = sender(SIGUSR1, 50000);
    say("handled, epoll_wait: %s", epoll_wait(poll, &event, 1, 300) == 0 ? "time over" : errname(errno));
    say("and heard %d", heard);
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    traps();
    blocked();
    job_control();
    not_interrupted();
    return 0;
}
