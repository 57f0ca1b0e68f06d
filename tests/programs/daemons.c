/* Processes that leave: daemons, orphans and their reapers, parents' deaths as signals, names; setuid programs. */
#include "canon.h"
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

static int pipes[2];

static void hello(void) { MUST(write(pipes[1], "x", 1) == 1); }

static void heard(void)
{
    char byte;
    MUST(read(pipes[0], &byte, 1) == 1);
}

/* An orphan of this process comes back to it, so that it can be told when the other has done its part. */
static void reap(const char *what)
{
    int status;
    pid_t pid = wait(&status);
    MUST(pid > 0);
    say("%s: %s %d", what, WIFEXITED(status) ? "exit" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void until_orphan(pid_t parent)
{
    while (getppid() == parent)
        usleep(1000);
}

/* Forks twice, leaves session, directory and streams, and goes on with the tree when nobody is there any more. */
static void daemon_of(pid_t adopter)
{
    pid_t pid = fork();
    if (pid == 0) {
        MUST(setsid() == getpid());
        if (fork() != 0)
            _exit(3);
        pid_t middle = getsid(0);
        until_orphan(middle);
        heard();
        char here[PATH_MAX];
        int null = quiet_open("/dev/null", O_RDWR);
        MUST(chdir("/") == 0 && dup2(null, 0) == 0 && dup2(null, 2) == 2);
        say("daemon: adopted %d, session of the dead %d, leader of a group %d", getppid() == adopter, getsid(0) == middle,
            getpgrp() == getpid());
        say_content("daemon reads", quiet_open(in("hello.txt"), O_RDONLY));
        MUST(chdir(in("dir")) == 0 && syscall(SYS_getcwd, here, sizeof here) > 0);
        say("daemon in %s", here);
        execl(in("bin/report-own-loader"), "daemon", "5", NULL);
        _exit(6);
    }
    reap("the first process of a daemon");
    hello();
    reap("the daemon");
}

static void subreaper(void)
{
    int is;
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &is) == 0);
    say("subreaper: %d", is);
    daemon_of(getpid());
    /* Three generations, whose middle ones go from the youngest to the oldest. */
    pid_t pid = fork();
    if (pid == 0) {
        pid_t second = fork();
        if (second == 0) {
            pid_t parent = getpid(), third = fork();
            if (third == 0) {
                until_orphan(parent);
                say_content("the last reads", quiet_open(in("dir/file"), O_RDONLY));
                _exit(1);
            }
            _exit(2);
        }
        MUST(waitpid(second, NULL, 0) == second);
        _exit(4);
    }
    int sum = 0, status;
    for (int i = 0; i < 2; i++) {
        MUST(wait(&status) > 0 && WIFEXITED(status));
        sum += WEXITSTATUS(status);
    }
    say("their statuses: %d", sum);
    told(wait(NULL), "nobody left");
}

static void death_signal(int status_of_parent)
{
    pid_t pid = fork();
    if (pid == 0) {
        pid_t parent = getpid();
        if (fork() == 0) {
            int now = 0;
            MUST(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &now) == 0 && now == SIGUSR1);
            MUST(getppid() == parent && quiet_open(in("hello.txt"), O_RDONLY) >= 0);
            hello();
            for (;;)
                pause();
        }
        heard();
        _exit(status_of_parent);
    }
    /* In either order: the parent, and the child that its death kills. */
    int codes = 0, status;
    for (int i = 0; i < 2; i++) {
        MUST(wait(&status) > 0);
        codes += WIFEXITED(status) ? WEXITSTATUS(status) : 100 * WTERMSIG(status);
    }
    say("parent and child: %d", codes);
}

static void *renamed(void *unused UNUSED)
{
    char name[16] = "", comm[64] = "", path[64];
    MUST(prctl(PR_SET_NAME, "a name that is too long") == 0 && prctl(PR_GET_NAME, name) == 0);
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
    int fd = quiet_open(path, O_RDONLY);
    MUST(read(fd, comm, sizeof comm - 1) > 0);
    say("thread: %s, in /proc: %s", name, comm);
    return NULL;
}

static void names(void)
{
    pthread_t t;
    char name[16] = "";
    MUST(prctl(PR_SET_NAME, "fi) R 1") == 0);
    MUST(pthread_create(&t, NULL, renamed, NULL) == 0 && pthread_join(t, NULL) == 0);
    MUST(prctl(PR_GET_NAME, name) == 0);
    say("process: %s", name);
    pid_t pid = fork();
    if (pid == 0) {
        MUST(prctl(PR_GET_NAME, name) == 0);
        say("inherited: %s", name);
        /* From a thread-like name to that of the program, also through a link. */
        execl(in("links/file"), "x", NULL);
        execl(in("bin/report-static"), "x", "0", NULL);
        _exit(1);
    }
    say_wait("renamed by exec", pid);
}

/* The tree has programs and files with set-id bits; nothing is gained from them on a nosuid mount, and less is said. */
static void set_id(void)
{
    struct stat s;
    static const char *const modes[] = { "modes/4755", "modes/2755" };
    for (size_t i = 0; i < COUNT(modes); i++) {
        told(stat(in(modes[i]), &s), "stat %s", modes[i]);
        say("mode %o", s.st_mode & 07777);
        pid_t pid = fork();
        if (pid == 0) {
            execl(in(modes[i]), "x", NULL);
            _exit(errno == ENOEXEC ? 5 : errno);
        }
        say_wait(modes[i], pid);
    }
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    MUST(pipe(pipes) == 0);
    subreaper();
    death_signal(0);
    death_signal(7);
    names();
    set_id();
    return 0;
}
