/* How a debugger hears of its debuggees: wait4 and waitid in their forms, SIGCHLD, threads that wait for others. */
#include <pthread.h>

#include "trace.h"

static volatile sig_atomic_t heard;
static siginfo_t last;

static void on_child(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    heard++;
    last = *info;
}

static void on_alarm(int sig) { (void)sig; }

static void handle(int sig, void (*action)(int, siginfo_t *, void *), int flags)
{
    struct sigaction sa = {.sa_sigaction = action, .sa_flags = SA_SIGINFO | flags};
    MUST(sigaction(sig, &sa, NULL) == 0);
}

static void spin(void)
{
    for (;;)
        pause();
}

static void stop_often(void)
{
    raise(SIGUSR1);
    raise(SIGUSR2);
}

static void say_waitid(const char *what, idtype_t type, id_t id, int flags)
{
    siginfo_t info;
    memset(&info, 0x55, sizeof info);
    int rv = waitid(type, id, &info, flags);
    if (rv < 0)
        say("%s: %s", what, errname(errno));
    else if (info.si_pid == 0)
        say("%s: nothing, signo %d", what, info.si_signo);
    else
        say("%s: %s signo %d code %d status %x uid %d", what, who(info.si_pid), info.si_signo, info.si_code,
            info.si_status, info.si_uid == getuid());
}

static void forms(void)
{
    pid_t pid = traced_child(stop_often);
    int status = 77;
    struct { long words[18]; } usage;
    memset(&usage, 0x55, sizeof usage);
    say("nothing new: %ld", (long)syscall(SYS_wait4, pid, &status, WNOHANG, 0));
    say("nothing new: %ld", (long)syscall(SYS_wait4, -1, &status, WNOHANG | __WALL, 0));
    say_waitid("nothing new", P_ALL, 0, WEXITED | WNOHANG);
    told(syscall(SYS_wait4, 1, &status, WNOHANG, 0), "somebody else");
    told(syscall(SYS_wait4, -getpid() - 100000, &status, 0, 0), "another process group");
    told(syscall(SYS_wait4, pid, &status, 0x1000, 0), "odd flags");
    told(syscall(SYS_waitid, P_PID, pid, NULL, WNOHANG, 0), "no flags");
    go(PTRACE_CONT, pid, 0);
    say_waitid("only a look", P_PID, (id_t)pid, WSTOPPED | WNOWAIT);
    say_waitid("only a look, exits asked for", P_PGID, (id_t)getpgrp(), WEXITED | WNOWAIT);
    say("wait4: %d", syscall(SYS_wait4, 0, &status, 0, &usage) == pid);
    say_status("wait4", pid, status);
    say("usage: %d", usage.words[0] >= 0 && usage.words[0] < 100 && usage.words[17] >= 0);
    go(PTRACE_CONT, pid, 0);
    told(syscall(SYS_wait4, pid, (int *)8, 0, 0), "status to nowhere");
    told(syscall(SYS_wait4, pid, NULL, WNOHANG, 0), "and it is lost");
    go(PTRACE_CONT, pid, 0);
    say_waitid("the end, looked at", P_PID, (id_t)pid, WEXITED | WNOWAIT);
    say("no status: %d", syscall(SYS_wait4, pid, NULL, 0, 0) == pid);
    told(syscall(SYS_wait4, -1, &status, 0, 0), "nobody");
}

static void *wait_in_thread(void *result)
{
    int status;
    *(long *)result = waitpid(-1, &status, __WALL);
    return NULL;
}

static void *wait_for_own(void *result)
{
    *(long *)result = syscall(SYS_wait4, -1, NULL, __WALL | __WNOTHREAD, NULL) < 0 ? -errno : 1;
    return NULL;
}

static void *peek_in_thread(void *pid)
{
    return (void *)(intptr_t)(request(PTRACE_PEEKDATA, *(pid_t *)pid, (uintptr_t)&heard, (uintptr_t)&last) < 0 ? errno : 0);
}

/* Any thread may wait, only one may make requests. */
static void threads(void)
{
    pid_t pid = traced_child(stop_often);
    pthread_t t;
    long result = 0;
    void *error;
    pthread_create(&t, NULL, peek_in_thread, &pid);
    pthread_join(t, &error);
    say("request of another thread: %s", errname((int)(intptr_t)error));
    pthread_create(&t, NULL, wait_for_own, &result);
    pthread_join(t, NULL);
    say("wait for one's own in another thread: %s", errname((int)-result));
    pthread_create(&t, NULL, wait_in_thread, &result);
    go(PTRACE_CONT, pid, 0);
    pthread_join(t, NULL);
    say("wait in another thread: %d", result == pid);
    finish(pid);
}

static void interrupted(const char *what, int flags)
{
    pid_t pid = traced_child(spin);
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = flags};
    sigaction(SIGALRM, &sa, NULL);
    go(PTRACE_CONT, pid, 0);
    alarm(1);
    if (flags & SA_RESTART) { /* comes to an end by the child's own stop, after the handler */
        pid_t helper = fork();
        if (helper == 0) {
            usleep(1500000);
            kill(pid, SIGUSR2);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
        say("%s: came back with its child", what);
        waitpid(helper, NULL, 0);
    } else {
        told(waitpid(pid, NULL, 0), "%s", what);
    }
    finish(pid);
}

static void signals(void)
{
    handle(SIGCHLD, on_child, SA_RESTART);
    pid_t pid = traced_child(stop_often);
    heard = 0;
    go(PTRACE_CONT, pid, 0);
    int status = await("stop", pid);
    say("heard %d: code %d status %d child %d", (int)heard, last.si_code, last.si_status, last.si_pid == pid);
    say("errno of it %d", last.si_errno);
    go(PTRACE_CONT, pid, 0);
    await("stop", pid);
    heard = 0;
    go(PTRACE_CONT, pid, 0);
    await("end", pid);
    say("heard %d: code %d status %d", (int)heard, last.si_code, last.si_status);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    handle(SIGCHLD, on_child, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid = traced_child(stop_often);
    go(PTRACE_CONT, pid, 0);
    siginfo_t info;
    MUST(sigwaitinfo(&set, &info) == SIGCHLD);
    say("waited for: child %d status %d", info.si_pid == pid, info.si_status == SIGUSR1 || info.si_status == SIGSTOP);
    MUST(waitpid(pid, &status, 0) == pid);
    finish(pid);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGCHLD, SIG_DFL);
}

/* Children that are traced and others, at once: nothing is lost, nothing comes twice. */
static void crowd(void)
{
    enum { N = 6, ROUNDS = 40 };
    int stops = 0, ends = 0, status;
    for (int i = 0; i < N; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            if (i % 2)
                MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
            for (int j = 0; i % 2 && j < ROUNDS; j++)
                raise(SIGUSR1);
            _exit(i);
        }
    }
    for (pid_t pid; (pid = waitpid(-1, &status, WUNTRACED)) > 0;) {
        stops += WIFSTOPPED(status);
        ends += WIFEXITED(status);
        if (WIFSTOPPED(status))
            go(PTRACE_CONT, pid, 0);
    }
    say("crowd: %d stops, %d ends, %s", stops, ends, errname(errno));
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    forms();
    threads();
    interrupted("interrupted wait", 0);
    interrupted("restarted wait", SA_RESTART);
    signals();
    crowd();
    return 0;
}
