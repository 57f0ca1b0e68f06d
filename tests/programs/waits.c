/* What a parent is told of its children, by every form of wait and by SIGCHLD.  A tracer stands between the two. */
#include "canon.h"
#include <linux/wait.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

static void say_info(const char *what, idtype_t type, id_t id, int options)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int rv = waitid(type, id, &info, options);
    if (rv)
        say("%s: %s", what, errname(errno));
    else
        say("%s: pid %d, signo %d, code %d, status %d, uid %d", what, info.si_pid == (pid_t)id, info.si_signo, info.si_code,
            info.si_status, info.si_uid == getuid());
}

/* A child that has used the tree and waits for what comes. */
static pid_t ready_child(void)
{
    int pipes[2];
    char byte;
    MUST(pipe(pipes) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        MUST(setpgid(0, 0) == 0);
        MUST(quiet_open(in("hello.txt"), O_RDONLY) >= 0 && chdir(in("dir")) == 0);
        MUST(write(pipes[1], "x", 1) == 1);
        for (;;)
            pause();
    }
    MUST(read(pipes[0], &byte, 1) == 1 && close(pipes[0]) == 0 && close(pipes[1]) == 0);
    return pid;
}

static void stopped(int sig)
{
    pid_t pid = ready_child();
    id_t id = (id_t)pid;
    int status = 0;
    say("signal %d", sig);
    say_info("nothing yet", P_PID, id, WSTOPPED | WEXITED | WCONTINUED | WNOHANG);
    MUST(kill(pid, sig) == 0);
    say_info("a look at the stop", P_PID, id, WSTOPPED | WNOWAIT);
    say_info("once more", P_PID, id, WSTOPPED | WEXITED | WNOWAIT);
    say_info("by its group", P_PGID, id, WSTOPPED | WNOWAIT);
    MUST(waitpid(pid, &status, WUNTRACED) == pid);
    say("waitpid: stopped by %d", WIFSTOPPED(status) ? WSTOPSIG(status) : -1);
    say_info("told once only", P_PID, id, WSTOPPED | WNOHANG);
    MUST(kill(pid, sig) == 0);
    say_info("stopping again is no news", P_PID, id, WSTOPPED | WNOHANG);
    MUST(kill(pid, SIGCONT) == 0);
    say_info("a look at the going on", P_PID, id, WCONTINUED | WNOWAIT);
    MUST(wait4(pid, &status, WCONTINUED, NULL) == pid);
    say("wait4: continued %d", WIFCONTINUED(status));
    say_info("told once only", P_PID, id, WCONTINUED | WNOHANG);
    for (int i = 0; i < 20; i++) {
        MUST(kill(pid, sig) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
        MUST(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    }
    MUST(kill(pid, sig) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
    MUST(kill(pid, SIGTERM) == 0);
    say_info("a stopped child does not see SIGTERM", P_PID, id, WEXITED | WNOHANG);
    MUST(kill(pid, SIGKILL) == 0);
    say_info("a look at the end", P_PID, id, WEXITED | WNOWAIT);
    say_info("the end", P_PID, id, WEXITED);
    say_info("nobody left", P_PID, id, WEXITED);
}

/* SIGCONT may overtake what it answers: however they mix, a stop and a continue are told, and the child lives. */
static void storm(void)
{
    pid_t pid = ready_child();
    int status, stops = 0;
    for (int i = 0; i < 300; i++) {
        MUST(kill(pid, i % 3 == 1 ? SIGTSTP : SIGSTOP) == 0);
        MUST(kill(pid, SIGCONT) == 0);
        while (waitpid(pid, &status, WUNTRACED | WCONTINUED | WNOHANG) == pid)
            stops += WIFSTOPPED(status);
    }
    MUST(kill(pid, SIGSTOP) == 0);
    do
        MUST(waitpid(pid, &status, WUNTRACED) == pid);
    while (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP);
    MUST(kill(pid, SIGCONT) == 0 && kill(pid, SIGTERM) == 0);
    say_wait("after a storm", pid);
    say("stops told: not more than sent: %d", stops <= 301);
}

static siginfo_t told_of[64];
static volatile int told_count;

static void note(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
    if (told_count < 64)
        told_of[told_count++] = *info;
}

static void wait_for_news(int count)
{
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGCHLD);
    MUST(sigprocmask(SIG_BLOCK, &block, &old) == 0);
    while (told_count < count)
        sigsuspend(&old);
    MUST(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

static void chld(int flags)
{
    struct sigaction a = { .sa_sigaction = note, .sa_flags = SA_SIGINFO | SA_RESTART | flags };
    int status, silent = flags & SA_NOCLDSTOP, want = 0;
    told_count = 0;
    MUST(sigaction(SIGCHLD, &a, NULL) == 0);
    pid_t pid = ready_child();
    MUST(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid);
    if (!silent)
        wait_for_news(++want);
    MUST(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid);
    if (!silent)
        wait_for_news(++want);
    MUST(kill(pid, SIGKILL) == 0);
    wait_for_news(++want);
    for (int i = 0; i < told_count; i++)
        say("SIGCHLD: code %d, status %d, pid %d, uid %d", told_of[i].si_code, told_of[i].si_status,
            told_of[i].si_pid == pid, told_of[i].si_uid == getuid());
    say_wait("child", pid);
    MUST(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

/* Children of somebody who does not want to know leave no zombies, and wait ends when the last is gone. */
static void ignored(void)
{
    struct sigaction a = { .sa_handler = SIG_IGN };
    MUST(sigaction(SIGCHLD, &a, NULL) == 0);
    for (int i = 0; i < 20; i++)
        if (fork() == 0)
            _exit(quiet_open(in("hello.txt"), O_RDONLY) < 0);
    told(wait(NULL), "wait without zombies");
    a = (struct sigaction){ .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
    MUST(sigaction(SIGCHLD, &a, NULL) == 0);
    if (fork() == 0)
        _exit(3);
    told(wait(NULL), "wait with SA_NOCLDWAIT");
    MUST(signal(SIGCHLD, SIG_DFL) != SIG_ERR);
}

static char letter(pid_t pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = quiet_open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    close(fd);
    return n > 0 ? strrchr(text, ')')[2] : '-';
}

static void zombies(void)
{
    enum { MANY = 100 };
    pid_t pids[MANY];
    int sum = 0, dead = 0, gone = 0, status;
    siginfo_t info;
    for (int i = 0; i < MANY; i++)
        if ((pids[i] = fork()) == 0)
            _exit(i % 5);
    for (int i = 0; i < MANY; i++) {
        MUST(waitid(P_PID, (id_t)pids[i], &info, WEXITED | WNOWAIT) == 0);
        dead += letter(pids[i]) == 'Z' && kill(pids[i], 0) == 0 && kill(pids[i], SIGKILL) == 0;
    }
    for (int i = MANY - 1; i >= 0; i--) {
        MUST(waitpid(pids[i], &status, 0) == pids[i]);
        sum += WEXITSTATUS(status);
        gone += kill(pids[i], 0) != 0 && errno == ESRCH;
    }
    say("zombies: %d, their statuses: %d, gone: %d", dead, sum, gone);
    told(waitpid(-1, &status, WNOHANG), "wait for anybody");
    told(waitpid(-getpgrp(), &status, WNOHANG), "wait for anybody of our group");
    told(waitpid(1, &status, WNOHANG), "wait for somebody else's child");
    told(waitpid(0, &status, 0x100), "wait with unknown options");
}

/* A stop is complete when all threads take part, and the parent is told then. */
static void *uses_the_tree(void *unused)
{
    struct stat s;
    while (stat(in("hello.txt"), &s) == 0)
        close(quiet_open(in("many/f0007"), O_RDONLY));
    return unused;
}

static void threads(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        for (int i = 0; i < 6; i++)
            MUST(pthread_create(&t, NULL, uses_the_tree, NULL) == 0);
        uses_the_tree(NULL);
    }
    for (int i = 0; i < 30; i++) {
        MUST(kill(pid, SIGSTOP) == 0 && waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
        MUST(letter(pid) == 'T' || letter(pid) == 't');
        MUST(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    }
    MUST(kill(pid, SIGKILL) == 0);
    say_wait("thirty stops of seven threads", pid);
}

static void *waits(void *pid)
{
    int status;
    return (void *)(long)(waitpid((pid_t)(long)pid, &status, 0) == (pid_t)(long)pid && WEXITSTATUS(status) == 6);
}

static void other_threads_children(void)
{
    pthread_t t;
    void *result;
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(6);
    told(waitpid(pid, &status, __WCLONE | WNOHANG), "not a clone child");
    MUST(pthread_create(&t, NULL, waits, (void *)(long)pid) == 0 && pthread_join(t, &result) == 0);
    say("waited for by another thread: %d", (int)(long)result);
    struct rusage usage;
    pid = fork();
    if (pid == 0)
        _exit(0);
    MUST(wait4(pid, &status, 0, &usage) == pid);
    say("rusage of a child: %d", usage.ru_maxrss > 0);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    stopped(SIGSTOP);
    stopped(SIGTSTP);
    stopped(SIGTTIN);
    storm();
    chld(0);
    chld(SA_NOCLDSTOP);
    ignored();
    zombies();
    threads();
    other_threads_children();
    return 0;
}
