/* Processes: how they end, what they inherit, what they may use. */
#include "case.h"
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>

extern char **environ;

CASE(killed_by_9_in_a_shell)
{
    int status = system("sh -c 'kill -9 $$'; echo $?; sh -c 'kill -15 $$'; echo $?; exit 7");
    say("%d", WEXITSTATUS(status));
}

CASE(killed_by_the_parent)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    MUST(kill(pid, SIGKILL) == 0);
    say_wait("child", pid);
}

CASE(killed_while_it_uses_the_tree)
{
    int ends[2];
    char c;
    for (int i = 0; i < 10; i++) {
        MUST(pipe(ends) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            for (int n = 0;; n++) {
                close(open(in("hello.txt"), O_RDONLY));
                if (n == i * 3)
                    MUST(write(ends[1], "x", 1) == 1);
            }
        }
        MUST(read(ends[0], &c, 1) == 1 && kill(pid, SIGKILL) == 0);
        say_wait("child", pid);
        close(ends[0]), close(ends[1]);
    }
}

CASE(umask_on_mkdir)
{
    static const mode_t masks[] = {0, 022, 027, 077, 0777};
    struct stat s;
    char name[16];
    for (size_t i = 0; i < COUNT(masks); i++) {
        umask(masks[i]);
        snprintf(name, sizeof name, "d%zu", i);
        MUST(mkdir(name, 0777) == 0 && stat(name, &s) == 0);
        say("%03o: %04o", masks[i], s.st_mode & 07777);
        snprintf(name, sizeof name, "f%zu", i);
        MUST(close(open(name, O_CREAT | O_WRONLY, 0666)) == 0 && stat(name, &s) == 0);
        say("%03o: %04o", masks[i], s.st_mode & 07777);
        snprintf(name, sizeof name, "p%zu", i);
        MUST(mkfifo(name, 0666) == 0 && stat(name, &s) == 0);
        say("%03o: %04o", masks[i], s.st_mode & 07777);
    }
}

CASE(umask_on_mkdirat_from_the_tree)
{
    struct stat s;
    int here = open(".", O_RDONLY);
    umask(027);
    MUST(chdir(in("dir")) == 0);
    told(mkdirat(here, "made", 0777), "mkdirat");
    MUST(fstatat(here, "made", &s, 0) == 0);
    say("%04o", s.st_mode & 07777);
    told(mkdir("made", 0777), "in the tree");
}

CASE(umask_is_inherited_and_shared)
{
    umask(031);
    if (child()) {
        say("%03o", umask(077));
        _exit(0);
    }
    join("child");
    say("%03o", umask(0));
}

CASE(spawn_with_file_actions)
{
    posix_spawn_file_actions_t a;
    char *argv[] = {"cat", NULL};
    pid_t pid;
    MUST(posix_spawn_file_actions_init(&a) == 0);
    posix_spawn_file_actions_addopen(&a, 0, in("hello.txt"), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&a, 1, "out", O_WRONLY | O_CREAT, 0644);
    MUST(posix_spawnp(&pid, "cat", &a, NULL, argv, environ) == 0);
    say_wait("cat", pid);
    say_file("out");
}

CASE(spawn_from_the_tree)
{
    char *argv[] = {"report", "3", NULL}, *none[] = {"missing", NULL};
    pid_t pid;
    say("%s", errname(posix_spawn(&pid, in("bin/missing"), NULL, NULL, none, environ)));
    say("%s", errname(posix_spawn(&pid, in("dir"), NULL, NULL, none, environ)));
    int done = posix_spawn(&pid, in("bin/report-static"), NULL, NULL, argv, environ);
    say_wait("report", pid); /* what the child says comes first */
    say("%d", done);
}

CASE(vfork_shares_memory)
{
    static volatile int seen;
    pid_t pid = vfork();
    if (pid == 0) {
        seen = access(in("hello.txt"), R_OK) == 0 ? 1 : 2;
        _exit(5);
    }
    say_wait("child", pid);
    say("%d", seen);
}

CASE(closed_standard_streams)
{
    int out = fcntl(1, F_DUPFD, 10);
    close(0), close(1), close(2);
    int a = open(in("hello.txt"), O_RDONLY), b = open(in("dir"), O_RDONLY), c = open("own", O_CREAT | O_RDWR, 0600);
    dup2(out, 1);
    say("%d %d %d", a, b, c);
}

CASE(stop_and_continue)
{
    int status, ends[2];
    char byte;
    MUST(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        MUST(read(ends[0], &byte, 1) == 1); /* who has ended is not told of as continued any more */
        told(access(in("hello.txt"), R_OK), "after the stop");
        _exit(0);
    }
    MUST(waitpid(pid, &status, WUNTRACED) == pid);
    say("stopped %d by %d", WIFSTOPPED(status), WSTOPSIG(status));
    MUST(kill(pid, SIGCONT) == 0 && waitpid(pid, &status, WCONTINUED) == pid);
    say("continued %d", WIFCONTINUED(status));
    MUST(write(ends[1], "x", 1) == 1);
    say_wait("child", pid);
}

CASE(waitid_tells_all)
{
    siginfo_t s;
    pid_t pid = fork();
    if (pid == 0)
        _exit(42);
    MUST(waitid(P_PID, (id_t)pid, &s, WEXITED | WNOWAIT) == 0);
    say("%d %d %d", s.si_code, s.si_status, s.si_pid == pid);
    say_wait("child", pid);
    told(waitid(P_ALL, 0, &s, WEXITED), "no more");
}

CASE(sessions_and_groups)
{
    if (child()) {
        say("leader %d", setsid() == getpid());
        told(setsid(), "again");
        if (child()) {
            say("same session %d, own group %d", getsid(0) == getppid(), setpgid(0, 0) == 0 && getpgrp() == getpid());
            _exit(0);
        }
        join("grandchild");
        _exit(0);
    }
    join("child");
}

CASE(orphan_is_adopted)
{
    int ends[2];
    char c;
    MUST(pipe(ends) == 0 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    pid_t me = getpid();
    if (child()) {
        if (child()) {
            MUST(read(ends[0], &c, 1) == 1);
            say("adopted by the reaper %d", getppid() == me);
            told(access(in("hello.txt"), R_OK), "and reads");
            _exit(9);
        }
        _exit(0);
    }
    join("child");
    MUST(write(ends[1], "x", 1) == 1);
    join("orphan");
}

CASE(parent_death_signal)
{
    int ends[2];
    char c;
    MUST(pipe(ends) == 0);
    if (child()) {
        int ready[2];
        MUST(pipe(ready) == 0);
        if (child()) {
            MUST(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && write(ready[1], "x", 1) == 1);
            for (;;)
                pause();
        }
        MUST(read(ready[0], &c, 1) == 1);
        _exit(0);
    }
    close(ends[1]);
    say("all gone: %zd", read(ends[0], &c, 1));
    join("child");
}

CASE(names_and_limits)
{
    char name[16];
    struct rlimit l = {64, 64};
    MUST(prctl(PR_SET_NAME, "a name") == 0 && prctl(PR_GET_NAME, name) == 0);
    say("%s", name);
    MUST(setrlimit(RLIMIT_NOFILE, &l) == 0);
    int fd, last = -1;
    while ((fd = open(in("hello.txt"), O_RDONLY)) >= 0)
        last = fd;
    told(fd, "last was %d", last);
    l = (struct rlimit){5, RLIM_INFINITY};
    MUST(setrlimit(RLIMIT_FSIZE, &l) == 0);
    signal(SIGXFSZ, SIG_IGN);
    close(last);
    fd = open("own", O_CREAT | O_WRONLY, 0600);
    ssize_t first = write(fd, "0123456789", 10), second = write(fd, "x", 1);
    int error = errno;
    l.rlim_cur = RLIM_INFINITY; /* what is printed may go to a file, too */
    MUST(setrlimit(RLIMIT_FSIZE, &l) == 0);
    say("%zd %zd %s", first, second, errname(error));
}

static void on_signal(int number)
{
    say("signal %d", number);
    _exit(3);
}

CASE(sigsys_sigtrap_handlers)
{
    signal(SIGTRAP, on_signal);
    if (child()) {
        __asm__ volatile("int3");
        _exit(0);
    }
    join("child");
    signal(SIGSYS, on_signal);
    if (child()) {
        raise(SIGSYS);
        _exit(0);
    }
    join("child");
}

static int thread_main(void *p)
{
    told(chdir(in("dir")), "thread goes into the tree");
    umask(077);
    return p != NULL;
}

CASE(clone_that_shares_the_working_directory)
{
    static char stack[65536];
    char here[PATH_MAX];
    pid_t pid = clone(thread_main, stack + sizeof stack, CLONE_FS | SIGCHLD, NULL);
    say_wait("clone", pid);
    MUST(getcwd(here, sizeof here));
    say("%s %03o", here, umask(0));
    told(access("sub/leaf", R_OK), "relative");
}

CASE(unshared_working_directory)
{
    static char stack[65536];
    char here[PATH_MAX], before[PATH_MAX];
    MUST(getcwd(before, sizeof before));
    pid_t pid = clone(thread_main, stack + sizeof stack, SIGCHLD, NULL);
    say_wait("clone", pid);
    MUST(getcwd(here, sizeof here));
    say("%d", strcmp(here, before));
}
