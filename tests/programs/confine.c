/* no_new_privs and seccomp filters of a program's own: what it is told about them, and what its filters do to calls that
 * parrot_run answers.  As uid 0 of a user namespace or as nobody: only what does not depend on that is printed. */
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "canon.h"

static long mode(void) { return prctl(PR_GET_SECCOMP, 0, 0, 0, 0); }
static long privileges(void) { return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); }

/* A filter that does one thing to one call (or two). */
static long install(int nr, int nr2, unsigned action, unsigned flags)
{
    struct sock_filter code[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (unsigned)nr},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, (unsigned)nr2},
        {BPF_RET | BPF_K, 0, 0, action},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    struct sock_fprog program = {COUNT(code), code};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void on_sys(int sig, siginfo_t *info, void *context)
{
    (void)context;
    say("signal %d code %d call %d errno %d", sig, info->si_code, info->si_syscall, info->si_errno);
}

static void calls(void)
{
    struct stat st;
    say("getppid: %d", syscall(SYS_getppid) > 0);
    told(quiet_open(in("hello.txt"), O_RDONLY), "open in the tree");
    told(quiet_open("/etc/passwd", O_RDONLY), "open native");
    told(syscall(SYS_mkdir, in("new"), 0777), "mkdir in the tree");
    told(syscall(SYS_stat, in("hello.txt"), &st), "stat");
    told(syscall(SYS_chdir, in("dir")), "chdir");
}

/* The same, as /proc tells it. */
static void say_status(const char *what)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    MUST(file);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "TracerPid", 9) || !strncmp(line, "NoNewPrivs", 10) || !strncmp(line, "Seccomp", 7))
            say("%s %.*s", what, (int)strcspn(line, "\n"), line);
    fclose(file);
}

static void child(const char *what, int nr, int nr2, unsigned action)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct sigaction sa = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
        MUST(sigaction(SIGSYS, &sa, NULL) == 0);
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        MUST(install(nr, nr2, action, 0) == 0);
        say("-- %s: mode %ld", what, mode());
        if (nr != SYS_openat)
            say_status("filtered");
        calls();
        _exit(0);
    }
    say_wait(what, pid);
}

static void told_about(void)
{
    say_status("at first");
    say("at first: %ld %ld", privileges(), mode());
    told(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), "set to 0");
    told(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0), "with more arguments");
    told(prctl(PR_GET_NO_NEW_PRIVS, 0, 1, 0, 0), "asked with more arguments");
    told(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL), "no filter");
    told(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1 << 20, NULL), "odd flags");
    told(syscall(SYS_seccomp, 99, 0, NULL), "odd operation");
    told(prctl(PR_SET_SECCOMP, 7, 0, 0, 0), "odd mode");
    struct sock_fprog empty = {0, NULL};
    told(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty, 0, 0), "empty filter");
    unsigned action = SECCOMP_RET_TRACE;
    told(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action), "RET_TRACE is there");
    if (geteuid() != 0)
        told(install(SYS_getppid, SYS_getppid, SECCOMP_RET_ALLOW, 0), "without no_new_privs");
    else
        say("without no_new_privs: EACCES"); /* an administrator may */
    say("still: %ld %ld", privileges(), mode());
    pid_t pid = fork();
    if (pid == 0) {
        told(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set");
        say("set: %ld %ld", privileges(), mode());
        say_status("set");
        if (fork() == 0) {
            say("in a child: %ld %ld", privileges(), mode());
            execl("/bin/true", "true", (char *)NULL);
        }
        wait(NULL);
        _exit(0);
    }
    say_wait("child", pid);
    say("not in the parent: %ld %ld", privileges(), mode());
}

static void *other_thread(void *unused)
{
    usleep(200000);
    say("thread: %ld %ld, getppid %s", privileges(), mode(), syscall(SYS_getppid) < 0 ? errname(errno) : "ok");
    return unused;
}

static void all_threads(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t t;
        pthread_create(&t, NULL, other_thread, NULL);
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        told(install(SYS_getppid, SYS_getppid, SECCOMP_RET_ERRNO | EXDEV, SECCOMP_FILTER_FLAG_TSYNC), "for all threads");
        pthread_join(t, NULL);
        _exit(0);
    }
    say_wait("threads", pid);
}

/* A supervisor in the job answers opens by itself, and lets others go on. */
static void supervised(void)
{
    int pair[2], listener = -1;
    MUST(pipe(pair) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        listener = (int)install(SYS_mkdir, SYS_getppid, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
        MUST(listener >= 0);
        MUST(write(pair[1], &listener, sizeof listener) == sizeof listener);
        calls();
        _exit(0);
    }
    MUST(read(pair[0], &listener, sizeof listener) == sizeof listener);
    int pidfd = (int)syscall(434 /* pidfd_open */, pid, 0);
    listener = (int)syscall(438 /* pidfd_getfd */, pidfd, listener, 0);
    MUST(listener >= 0);
    for (int i = 0; i < 2; i++) {
        struct seccomp_notif ask;
        struct seccomp_notif_resp answer;
        memset(&ask, 0, sizeof ask);
        memset(&answer, 0, sizeof answer);
        MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &ask) == 0);
        say("supervisor: call %d", ask.data.nr);
        answer.id = ask.id;
        if (ask.data.nr == SYS_mkdir)
            answer.error = -EDOM;
        else
            answer.val = 4711;
        MUST(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0);
    }
    say_wait("supervised", pid);
}

static void strict(const char *what, int good)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0)
            syscall(SYS_exit, 77);
        ssize_t n = write(1, "strict\n", 7);
        if (!good)
            syscall(SYS_getppid);
        syscall(SYS_exit, (int)n);
    }
    say_wait(what, pid);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    told_about();
    child("errno", SYS_openat, SYS_getppid, SECCOMP_RET_ERRNO | ENOTBLK);
    child("errno for mkdir", SYS_mkdir, SYS_chdir, SECCOMP_RET_ERRNO | EDOM);
    child("trap", SYS_mkdir, SYS_getppid, SECCOMP_RET_TRAP | 17);
    child("trap for stat", SYS_stat, SYS_stat, SECCOMP_RET_TRAP);
    child("trace", SYS_getppid, SYS_mkdir, SECCOMP_RET_TRACE | 3);
    child("trace with our numbers", SYS_openat, SYS_chdir, SECCOMP_RET_TRACE | 0x700);
    child("kill", SYS_chdir, SYS_chdir, SECCOMP_RET_KILL_PROCESS);
    child("log", SYS_stat, SYS_mkdir, SECCOMP_RET_LOG);
    all_threads();
    supervised();
    strict("strict", 1);
    strict("strict, and a call", 0);
    say("at last: %ld %ld", privileges(), mode());
    return 0;
}
