/* Sessions, process groups and the terminal's foreground group: who may move whom, who is stopped, who is orphaned. */
#include "canon.h"
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

static int pipes[2], back[2], master;

static void hello(int to) { MUST(write(to, "x", 1) == 1); }

static void heard(int from)
{
    char byte;
    MUST(read(from, &byte, 1) == 1);
}

static void idle(void)
{
    for (;;)
        pause();
}

static void moves(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        MUST(chdir(in("dir")) == 0);
        hello(pipes[1]);
        heard(back[0]);
        execl(in("bin/report-static"), "x", "2", NULL);
        _exit(1);
    }
    heard(pipes[0]);
    told(setpgid(pid, pid), "setpgid of a child");
    say("its group: %d", getpgid(pid) == pid);
    told(setpgid(pid, getpgrp()), "and back");
    told(setpgid(pid, 1), "to a group of others");
    told(setpgid(1, 0), "of somebody else");
    told(setpgid(0, -1), "to a negative group");
    hello(back[1]);
    say_wait("child", pid);
    pid = fork();
    if (pid == 0) {
        execl("/bin/sleep", "sleep", "100", NULL);
        _exit(1);
    }
    char exe[64], text[PATH_MAX] = "";
    snprintf(exe, sizeof exe, "/proc/%d/exe", (int)pid);
    do {
        ssize_t n = readlink(exe, text, sizeof text - 1);
        text[n < 0 ? 0 : n] = 0;
    } while (!strstr(text, "sleep"));
    told(setpgid(pid, pid), "setpgid of a child after exec");
    MUST(kill(pid, SIGKILL) == 0);
    say_wait("sleep", pid);
}

static void sessions(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        say("setsid: %d", setsid() == getpid());
        told(setsid(), "once more");
        say("session %d, group %d", getsid(0) == getpid(), getpgrp() == getpid());
        told(setpgid(0, 0), "setpgid of a session's leader");
        pid_t child = fork();
        if (child == 0) {
            say("inherited: session %d, group %d", getsid(0) == getppid(), getpgrp() == getppid());
            told(setpgid(0, 0), "a group of its own");
            say("session still %d", getsid(0) == getppid());
            told(tcgetpgrp(0), "terminal of a session without one");
            execl(in("script.sh"), "s", "4", NULL);
            _exit(1);
        }
        say_wait("in a session", child);
        told((long)open("/dev/tty", O_RDWR), "no terminal");
        _exit(8);
    }
    say_wait("session", pid);
}

/* In a new session with a terminal, as its leader. */
static int on_terminal(void (*lead)(int))
{
    int slave;
    MUST(openpty(&master, &slave, NULL, NULL, NULL) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        MUST(setsid() == getpid() && ioctl(slave, TIOCSCTTY, 0) == 0);
        lead(slave);
        _exit(0);
    }
    close(slave);
    say_wait("session with a terminal", pid);
    return close(master);
}

static void say_stop(const char *what, pid_t pid)
{
    int status;
    MUST(waitpid(pid, &status, WUNTRACED) == pid);
    if (WIFSTOPPED(status))
        say("%s: stopped by %d", what, WSTOPSIG(status));
    else
        say("%s: status %x", what, (unsigned)status);
}

/* Like a shell: children in groups of their own, in the foreground and not, that read and write the terminal. */
static void shell(int tty)
{
    struct termios t;
    char byte;
    MUST(signal(SIGTTOU, SIG_IGN) != SIG_ERR);
    say("foreground: %d", tcgetpgrp(tty) == getpgrp());
    pid_t pid = fork();
    if (pid == 0) {
        MUST(signal(SIGTTOU, SIG_DFL) != SIG_ERR && setpgid(0, 0) == 0);
        MUST(quiet_open(in("hello.txt"), O_RDONLY) >= 0);
        told(read(tty, &byte, 1), "read after all");
        MUST(tcgetattr(tty, &t) == 0);
        told(tcsetattr(tty, TCSANOW, &t), "set the terminal");
        execl(in("bin/report-static"), "x", "5", NULL);
        _exit(1);
    }
    say_stop("reading in the background", pid);
    MUST(tcsetpgrp(tty, pid) == 0 && kill(-pid, SIGCONT) == 0);
    MUST(write(master, "\n", 1) == 1);
    say_wait("reading in the foreground", pid);
    MUST(tcsetpgrp(tty, getpgrp()) == 0);
    pid = fork();
    if (pid == 0) {
        MUST(signal(SIGTTOU, SIG_DFL) != SIG_ERR && setpgid(0, 0) == 0 && chdir(in("dir")) == 0);
        MUST(tcgetattr(tty, &t) == 0);
        told(tcsetattr(tty, TCSANOW, &t), "set the terminal");
        told(tcsetpgrp(tty, getpgrp()), "take the foreground");
        _exit(6);
    }
    say_stop("setting the terminal in the background", pid);
    MUST(tcsetpgrp(tty, pid) == 0 && kill(-pid, SIGCONT) == 0);
    say_wait("in the foreground", pid);
    told(tcsetpgrp(tty, 1), "foreground to a group of others");
    MUST(tcsetpgrp(tty, getpgrp()) == 0);
    say("foreground again: %d, session %d", tcgetpgrp(tty) == getpgrp(), tcgetsid(tty) == getsid(0));
}

static volatile sig_atomic_t hups, conts;
static void count(int sig) { *(sig == SIGHUP ? &hups : &conts) += 1; }

/* A stopped group whose last relative outside goes away is told so: SIGHUP, then SIGCONT. */
static void orphans(int handled)
{
    int status;
    pid_t grandchild;
    pid_t pid = fork();
    if (pid == 0) {
        grandchild = fork();
        if (grandchild == 0) {
            struct sigaction a = { .sa_handler = count };
            MUST(setpgid(0, 0) == 0 && chdir(in("dir")) == 0);
            if (handled)
                MUST(sigaction(SIGHUP, &a, NULL) == 0 && sigaction(SIGCONT, &a, NULL) == 0);
            hello(pipes[1]);
            raise(SIGSTOP);
            struct stat s;
            say("went on: hups %d, conts %d, still in dir: %d", (int)hups, (int)conts, stat("file", &s) == 0);
            /* Now nobody is outside: the terminal's stop signals are not for such a group. */
            raise(SIGTSTP);
            say("SIGTSTP did not stop an orphan");
            hello(back[1]);
            _exit(0);
        }
        heard(pipes[0]);
        MUST(waitpid(grandchild, &status, WUNTRACED) == grandchild && WIFSTOPPED(status));
        _exit(9);
    }
    if (handled)
        heard(back[0]);
    say_wait("the relative", pid);
}

static void hang_up(int tty UNUSED)
{
    pid_t pid = fork();
    if (pid == 0) {
        MUST(quiet_open(in("hello.txt"), O_RDONLY) >= 0);
        hello(pipes[1]);
        idle();
    }
    heard(pipes[0]);
    /* The leader goes: the foreground group of its terminal gets SIGHUP. */
}

static void whole_groups(void)
{
    enum { MANY = 12 };
    pid_t pids[MANY];
    int status, stops = 0, deaths = 0;
    for (int i = 0; i < MANY; i++) {
        if ((pids[i] = fork()) == 0) {
            MUST(chdir(in("many")) == 0);
            hello(pipes[1]);
            struct stat s;
            while (stat("f0001", &s) == 0)
                close(quiet_open(in("hello.txt"), O_RDONLY));
            _exit(1);
        }
        MUST(setpgid(pids[i], pids[0]) == 0);
        heard(pipes[0]);
    }
    for (int round = 0; round < 5; round++) {
        MUST(kill(-pids[0], SIGSTOP) == 0);
        for (int i = 0; i < MANY; i++)
            stops += waitpid(-pids[0], &status, WUNTRACED) > 0 && WIFSTOPPED(status);
        MUST(kill(-pids[0], SIGCONT) == 0);
        for (int i = 0; i < MANY; i++)
            MUST(waitpid(pids[i], &status, WCONTINUED) == pids[i]);
    }
    MUST(kill(-pids[0], SIGTERM) == 0);
    for (int i = 0; i < MANY; i++)
        deaths += waitpid(-pids[0], &status, 0) > 0 && WTERMSIG(status) == SIGTERM;
    say("a group of %d: %d stops, %d deaths", MANY, stops, deaths);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    MUST(pipe(pipes) == 0 && pipe(back) == 0);
    moves();
    sessions();
    on_terminal(shell);
    orphans(1);
    orphans(0);
    on_terminal(hang_up);
    whole_groups();
    return 0;
}
