/* ptrace: births, programs started, ends, attaching and detaching, stops of whole processes. */
#include <pthread.h>
#include <sched.h>

#include "trace.h"

#define ALL_EVENTS (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | \
                    PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT)

static const char *self;

static void *thread(void *unused) { return unused; }

static void one_of_each(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(5);
    waitpid(pid, NULL, 0);
    pid = vfork();
    if (pid == 0)
        _exit(6);
    waitpid(pid, NULL, 0);
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    execl(self, self, "end", (char *)NULL);
}

/* Let everything that stops go on, one stop at a time of the same thread: the order between threads is nobody's. */
static void follow(const char *what, pid_t first, int seized)
{
    char lines[64][96];
    int n = 0, status;
    for (pid_t pid; n < 64 && (pid = waitpid(-1, &status, __WALL)) > 0;) {
        int sig = WIFSTOPPED(status) ? WSTOPSIG(status) : 0, event = status >> 16;
        unsigned long message = 0;
        if (event && event != 128)
            request(PTRACE_GETEVENTMSG, pid, 0, (uintptr_t)&message);
        char *line = lines[n++];
        const char *name = pid == first ? "first" : "child";
        if (event == PTRACE_EVENT_EXIT)
            snprintf(line, sizeof lines[0], "%s: %s about to end with %lx", what, name, message);
        else if (event == PTRACE_EVENT_EXEC)
            snprintf(line, sizeof lines[0], "%s: exec, was %s", what, message == (unsigned long)pid ? "itself" : "another");
        else if (event && event != 128)
            snprintf(line, sizeof lines[0], "%s: event %s tells of %s", what, event_name(event), message ? "a child" : "?");
        else
            snprintf(line, sizeof lines[0], "%s: %s %s", what, name,
                     WIFEXITED(status) ? "ended" : event == 128 ? "stopped anew" : strsignal(sig));
        if (WIFSTOPPED(status))
            go(PTRACE_CONT, pid, sig == SIGTRAP || event == 128 || pid != first ? 0 : sig);
    }
    for (int i = 0; i < n; i++) /* sorted, so that only their number counts */
        for (int j = i + 1; j < n; j++)
            if (strcmp(lines[i], lines[j]) > 0) {
                char swap[96];
                memcpy(swap, lines[i], sizeof swap);
                memcpy(lines[i], lines[j], sizeof swap);
                memcpy(lines[j], swap, sizeof swap);
            }
    for (int i = 0; i < n; i++)
        say("%s", lines[i]);
    say("%s: %s, seized %d", what, errname(errno), seized);
}

static void events(void)
{
    pid_t pid = traced_child(one_of_each);
    told(request(PTRACE_SETOPTIONS, pid, 0, ALL_EVENTS), "all events");
    go(PTRACE_CONT, pid, 0);
    follow("traced", pid, 0);
    pid = traced_child(one_of_each);
    go(PTRACE_CONT, pid, 0);
    follow("no events", pid, 0);
    int go_on[2];
    MUST(pipe(go_on) == 0);
    pid = fork();
    if (pid == 0) {
        char c;
        MUST(read(go_on[0], &c, 1) == 1);
        one_of_each();
    }
    told(request(PTRACE_SEIZE, pid, 0, ALL_EVENTS), "seize");
    MUST(write(go_on[1], "", 1) == 1);
    follow("seized", pid, 1);
}

static void spin(void)
{
    for (;;)
        pause();
}

/* A process that is nobody's child here: made by a child that ends. */
static pid_t stranger(void)
{
    int number[2];
    pid_t pid, middle;
    MUST(pipe(number) == 0);
    if ((middle = fork()) == 0) {
        if ((pid = fork()) == 0)
            spin();
        MUST(write(number[1], &pid, sizeof pid) == sizeof pid);
        _exit(0);
    }
    MUST(read(number[0], &pid, sizeof pid) == sizeof pid);
    waitpid(middle, NULL, 0);
    return pid;
}

static void attach(void)
{
    pid_t pid = stranger();
    told(waitpid(pid, NULL, WNOHANG), "wait for a stranger");
    told(request(PTRACE_PEEKDATA, pid, 0, 8), "peek before");
    told(request(PTRACE_ATTACH, pid, 0, 0), "attach");
    told(request(PTRACE_ATTACH, pid, 0, 0), "attach again");
    await("attached", pid);
    say_info("attached", pid);
    told(waitpid(pid, NULL, WNOHANG | __WALL), "nothing more");
    told(go(PTRACE_DETACH, pid, 0), "detach");
    told(waitpid(pid, NULL, WNOHANG), "a stranger again");
    told(request(PTRACE_SEIZE, pid, 8, 0), "seize with an address");
    told(request(PTRACE_SEIZE, pid, 0, 1UL << 50), "seize with odd options");
    told(request(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), "seize");
    told(request(PTRACE_LISTEN, pid, 0, 0), "listen while it runs");
    told(request(PTRACE_INTERRUPT, pid, 0, 0), "interrupt");
    await("interrupted", pid);
    say_info("interrupted", pid);
    told(go(PTRACE_CONT, pid, 0), "go on");
    kill(pid, SIGSTOP);
    await("its signal", pid);
    go(PTRACE_CONT, pid, SIGSTOP);
    await("its process", pid);
    say_info("its process", pid);
    told(request(PTRACE_LISTEN, pid, 0, 0), "listen");
    told(waitpid(pid, NULL, WNOHANG | __WALL), "nothing now");
    kill(pid, SIGCONT);
    await("continued", pid);
    go(PTRACE_CONT, pid, 0);
    await("its signal", pid);
    kill(pid, SIGKILL);
    await("killed", pid);
    await("gone", pid);
    told(request(PTRACE_ATTACH, getpid(), 0, 0), "attach to oneself");
}

/* Stops by signals under a debugger that has not seized. */
static void stops(void)
{
    pid_t pid = traced_child(spin);
    go(PTRACE_CONT, pid, 0);
    kill(pid, SIGSTOP);
    await("signal", pid);
    go(PTRACE_CONT, pid, SIGSTOP);
    await("group", pid);
    say_info("group", pid);
    told(request(PTRACE_LISTEN, pid, 0, 0), "listen");
    told(request(PTRACE_INTERRUPT, pid, 0, 0), "interrupt");
    told(go(PTRACE_CONT, pid, 0), "go on");
    kill(pid, SIGCONT);
    await("signal", pid);
    go(PTRACE_CONT, pid, 0);
    kill(pid, SIGTERM);
    await("signal", pid);
    go(PTRACE_CONT, pid, SIGTERM);
    await("end", pid);
}

/* The debugger ends while its debuggee is stopped: that goes on, or is killed. */
static void lost_debugger(const char *what, long options)
{
    int end[2], status;
    MUST(pipe(end) == 0);
    pid_t debugger = fork();
    if (debugger == 0) {
        close(end[0]);
        pid_t pid = fork();
        if (pid == 0) {
            MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
            raise(SIGSTOP);
            MUST(write(end[1], "x", 1) == 1);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        request(PTRACE_SETOPTIONS, pid, 0, (uintptr_t)options);
        kill(pid, SIGCONT);
        go(PTRACE_CONT, pid, 0);
        waitpid(pid, &status, 0);
        _exit(0);
    }
    close(end[1]);
    char c = '-';
    ssize_t n = read(end[0], &c, 1);
    say("%s: %s", what, n == 1 ? "it went on" : "it was killed");
    waitpid(debugger, &status, 0);
    close(end[0]);
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc > 1 && !strcmp(argv[1], "end"))
        return 8;
    begin(argc, argv);
    MUST(prctl(PR_SET_CHILD_SUBREAPER, 0) == 0);
    events();
    attach();
    stops();
    lost_debugger("debugger gone", 0);
    lost_debugger("debugger gone, EXITKILL", PTRACE_O_EXITKILL);
    return 0;
}
