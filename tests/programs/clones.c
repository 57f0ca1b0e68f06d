/* clone and clone3 in all combinations of what a child may share: its directory, its descriptors, its memory.  The child
 * moves, opens and writes; the parent tells what of that happened to itself, and goes on using the tree. */
#include "canon.h"
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

/* struct clone_args of Linux 5.7, which older headers cut short. */
struct args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

enum { STACK = 256 * 1024 };
static char stack[STACK] __attribute__((aligned(16)));
static int number;
static volatile int changed;

static const char *where(void)
{
    static char buffer[PATH_MAX];
    return syscall(SYS_getcwd, buffer, sizeof buffer) > 0 ? buffer : errname(errno);
}

/* What every child does.  Each uses names that nobody has used before it, so that the engine has something to do. */
static int child(void *unused UNUSED)
{
    char rel[64];
    struct stat s;
    changed = 1;
    snprintf(rel, sizeof rel, "many/f%04d", 1000 + number);
    int fd = quiet_open(in(rel), O_RDONLY);
    if (fd < 0 || dup2(fd, 40) != 40 || fstat(40, &s) != 0 || s.st_size != 2)
        return 11;
    if (chdir(in("dir/sub")) != 0 || stat("leaf", &s) != 0 || strcmp(where(), in("dir/sub")) != 0)
        return 12;
    return 7;
}

static void aftermath(const char *how, unsigned long flags, pid_t pid)
{
    char rel[64];
    struct stat s;
    int status = 0, same = 0;
    MUST(pid > 0 && waitpid(pid, &status, __WALL) == pid);
    snprintf(rel, sizeof rel, "many/f%04d", 2000 + number);
    for (int i = 0; i < 3; i++) {
        int fd = quiet_open(in(rel), O_RDONLY);
        same += fd >= 0 && fstat(fd, &s) == 0 && s.st_size == 2;
        close(fd);
    }
    say("%s %06lx: exit %d, memory %d, directory %s, descriptor %d, then %d of 3", how, flags, WEXITSTATUS(status), changed,
        where(), fcntl(40, F_GETFD) >= 0, same);
    close(40);
    MUST(chdir("/") == 0);
    changed = 0;
    number++;
}

static void combinations(unsigned long more, const char *how)
{
    static const unsigned long bits[] = { CLONE_FS, CLONE_FILES, CLONE_VM };
    for (unsigned mask = 0; mask < 8; mask++) {
        unsigned long flags = more;
        for (unsigned b = 0; b < COUNT(bits); b++)
            flags |= mask & 1U << b ? bits[b] : 0;
        aftermath(how, flags, clone(child, stack + STACK, (int)(flags | SIGCHLD), NULL));
        if (flags & CLONE_VM)
            continue; /* clone3 gives no stack to a child of this function */
        struct args args = { .flags = flags, .exit_signal = SIGCHLD };
        pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
        if (pid == 0)
            _exit(child(NULL));
        aftermath(how, flags | 0x3000000, pid);
    }
}

static int told_by_pidfd(int pidfd)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int rv = waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED);
    say("waitid by pidfd: %s, code %d, status %d", rv ? errname(errno) : "ok", info.si_code, info.si_status);
    return close(pidfd);
}

static void pidfds(void)
{
    int pidfd = -1;
    struct args args = { .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd, .exit_signal = SIGCHLD };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(child(NULL));
    MUST(pid > 0 && pidfd >= 0);
    told_by_pidfd(pidfd);
    pid = clone(child, stack + STACK, CLONE_PIDFD | SIGCHLD, NULL, &pidfd);
    MUST(pid > 0);
    told_by_pidfd(pidfd);
}

static void handler(int number_of UNUSED) {}

static void handlers_gone(void)
{
    struct sigaction a = { .sa_handler = handler }, now;
    struct args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
    MUST(sigaction(SIGUSR1, &a, NULL) == 0);
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == SIG_DFL ? 5 : 6);
    say_wait("handlers of a child with CLONE_CLEAR_SIGHAND", pid);
}

static void refused(void)
{
    pid_t one = 1;
    struct args args = { .exit_signal = SIGCHLD, .set_tid = (uint64_t)(uintptr_t)&one, .set_tid_size = 1 };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(0);
    say("set_tid of init: %s", pid < 0 ? errname(errno) : "ok");
    args = (struct args){ .exit_signal = SIGCHLD, .flags = CLONE_INTO_CGROUP, .cgroup = 999 };
    told(syscall(SYS_clone3, &args, sizeof args), "CLONE_INTO_CGROUP with a bad descriptor");
    int fd = quiet_open(in("dir"), O_RDONLY);
    args.cgroup = (uint64_t)fd;
    told(syscall(SYS_clone3, &args, sizeof args), "CLONE_INTO_CGROUP with a directory of the tree");
    close(fd);
    args = (struct args){ .exit_signal = SIGCHLD };
    told(syscall(SYS_clone3, &args, (size_t)8), "clone3 with a short structure");
    told(syscall(SYS_clone3, &args, (size_t)8192), "clone3 with a huge structure");
    told(syscall(SYS_clone3, NULL, sizeof args), "clone3 without a structure");
    args.flags = CLONE_THREAD;
    told(syscall(SYS_clone3, &args, sizeof args), "clone3 of a thread without its signals");
    args.flags = CLONE_SIGHAND;
    told(syscall(SYS_clone3, &args, sizeof args), "clone3 of handlers without memory");
    told(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), "clone of a thread without its signals");
    told(unshare(0x1), "unshare of nothing known");
    told(setns(999, 0), "setns of a bad descriptor");
}

/* The child of a child becomes the grandparent's own. */
static void siblings(void)
{
    int pipes[2], status;
    pid_t grandchild;
    MUST(pipe(pipes) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        grandchild = clone(child, stack + STACK, CLONE_PARENT | SIGCHLD, NULL);
        MUST(write(pipes[1], &grandchild, sizeof grandchild) == sizeof grandchild);
        _exit(waitpid(grandchild, &status, 0) < 0 && errno == ECHILD ? 3 : 4);
    }
    MUST(read(pipes[0], &grandchild, sizeof grandchild) == sizeof grandchild);
    say_wait("who has no child of that number", pid);
    say_wait("the child's child is ours", grandchild);
    close(pipes[0]);
    close(pipes[1]);
}

static int untraced_grandchild(void *unused UNUSED)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(child(NULL));
    int status;
    return waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : 20;
}

/* A tracer can't be left behind: both children see the tree. */
static void untraced(void)
{
    aftermath("untraced", 0, clone(untraced_grandchild, stack + STACK, CLONE_UNTRACED | SIGCHLD, NULL));
    struct args args = { .flags = CLONE_UNTRACED | CLONE_FS, .exit_signal = SIGCHLD };
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(untraced_grandchild(NULL));
    aftermath("untraced", CLONE_FS | 0x3000000, pid);
}

/* Children that end with another signal than SIGCHLD, or none, are waited for with __WCLONE. */
static void other_signals(void)
{
    int status;
    pid_t pid = clone(child, stack + STACK, 0, NULL);
    MUST(pid > 0);
    told(waitpid(pid, &status, 0), "wait for a child without a signal");
    MUST(waitpid(pid, &status, __WCLONE) == pid);
    say("with __WCLONE: exit %d", WEXITSTATUS(status));
    MUST(signal(SIGUSR2, handler) != SIG_ERR);
    pid = clone(child, stack + STACK, SIGUSR2, NULL);
    MUST(pid > 0);
    MUST(waitpid(pid, &status, __WALL) == pid);
    say("with __WALL: exit %d", WEXITSTATUS(status));
}

/* In a program that has not used the tree yet: the child is the first who does, in memory that is its own or not. */
static void fresh(unsigned long flags)
{
    MUST(chdir("/") == 0);
    aftermath("first", flags, clone(child, stack + STACK, (int)(flags | SIGCHLD), NULL));
}

static void in_fresh_programs(char *tree)
{
    static char *const all[] = { "0", "4000", "100", "4100" };
    for (size_t i = 0; i < COUNT(all); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            execl("/proc/self/exe", "clones", tree, all[i], NULL);
            _exit(1);
        }
        say_wait(all[i], pid);
    }
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    if (argc > 2) {
        fresh(strtoul(argv[2], NULL, 16));
        return 0;
    }
    in_fresh_programs(argv[1]);
    MUST(chdir("/") == 0);
    combinations(0, "clone");
    combinations(CLONE_VFORK, "vfork");
    pidfds();
    handlers_gone();
    refused();
    siblings();
    untraced();
    other_signals();
    return 0;
}
