/* What a debugger tries when it starts, hundreds of times: seize a child that has hardly been born, kill it, wait for it.
 *
 * Which of two processes is faster must not show: all run on one processor, which others keep busy, so that each order
 * comes up. */
#define _GNU_SOURCE
#include <sched.h>

#include "trace.h"

enum { STARTS = 200, ROUNDS = 60, BUSY = 2, GET_SYSCALL_INFO = 0x420e };

static pid_t busy[BUSY];

/* What came, counted by its text; said in the order of the alphabet. */
static struct { char text[96]; int count; } seen[32];
static int seen_count;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    char text[sizeof seen[0].text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int i = 0;
    while (i < seen_count && strcmp(seen[i].text, text) != 0)
        i++;
    MUST(i < (int)COUNT(seen));
    strcpy(seen[i].text, text);
    seen[i].count++;
    seen_count += i == seen_count;
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

static void say_seen(const char *what)
{
    qsort(seen, (size_t)seen_count, sizeof seen[0], by_text);
    for (int i = 0; i < seen_count; i++)
        say("%s: %d times %s", what, seen[i].count, seen[i].text);
    memset(seen, 0, sizeof seen);
    seen_count = 0;
}

static void note_wait(const char *what, pid_t pid, int flags)
{
    int status = 0;
    pid_t got = waitpid(pid, &status, flags);
    if (got != pid)
        note("%s: %s", what, got < 0 ? errname(errno) : got == 0 ? "nothing" : "another");
    else
        note("%s: status %x", what, (unsigned)status);
}

static void sleeps(void)
{
    for (;;)
        pause();
}

static void runs(void)
{
    for (;;)
        syscall(SYS_getppid);
}

static pid_t child(void (*run)(void))
{
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        run();
        _exit(0);
    }
    return pid;
}

/* strace's test_ptrace_seize. */
static void seize_and_kill(const char *what, void (*run)(void), unsigned long options)
{
    for (int i = 0; i < STARTS; i++) {
        pid_t pid = child(run);
        note("seize: %s", errname(request(PTRACE_SEIZE, pid, 0, options) < 0 ? errno : 0));
        kill(pid, SIGKILL);
        note_wait("wait", pid, i % 2 ? 0 : __WALL);
    }
    say_seen(what);
}

/* The same with a stop in between, of which nobody or somebody has heard when the signal comes. */
static void stop_and_kill(const char *what, void (*run)(void), int look)
{
    siginfo_t info;
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = child(run);
        note("seize: %s", errname(request(PTRACE_SEIZE, pid, 0, 0) < 0 ? errno : 0));
        note("interrupt: %s", errname(request(PTRACE_INTERRUPT, pid, 0, 0) < 0 ? errno : 0));
        if (look) {
            MUST(waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | WNOWAIT) == 0);
            note("only a look: %d %x", info.si_code, (unsigned)info.si_status);
        }
        kill(pid, SIGKILL);
        note("go on: %s", errname(go(PTRACE_CONT, pid, 0) < 0 ? errno : 0));
        note("options: %s", errname(request(PTRACE_SETOPTIONS, pid, 0, 0) < 0 ? errno : 0));
        note_wait("wait", pid, __WALL);
        note_wait("wait again", pid, __WALL);
    }
    say_seen(what);
}

/* One stop for each interrupt, and none that nobody asked for. */
static void interrupts(const char *what, void (*run)(void), unsigned long options)
{
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = child(run);
        note("seize: %s", errname(request(PTRACE_SEIZE, pid, 0, options) < 0 ? errno : 0));
        note_wait("nothing asked for", pid, WNOHANG | __WALL);
        note("interrupt: %s", errname(request(PTRACE_INTERRUPT, pid, 0, 0) < 0 ? errno : 0));
        note_wait("interrupted", pid, __WALL);
        note("go on: %s", errname(go(PTRACE_CONT, pid, 0) < 0 ? errno : 0));
        note_wait("nothing more", pid, WNOHANG | __WALL);
        kill(pid, SIGUSR1);
        note_wait("its signal", pid, __WALL);
        kill(pid, SIGKILL);
        note_wait("end", pid, __WALL);
    }
    say_seen(what);
}

static void stop_me(void)
{
    MUST(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0);
    pid_t pid = getpid();
    kill(pid, SIGSTOP);
    syscall(SYS_chdir, in("dir"));
    syscall(SYS_gettid);
    syscall(SYS_exit_group, 0);
}

static void note_call(int stop, pid_t pid)
{
    unsigned char info[88] = {0};
    long size = request(GET_SYSCALL_INFO, pid, sizeof info, (uintptr_t)info);
    note("stop %d: info %ld, of kind %d", stop, size, info[0]);
}

/* strace's test_ptrace_get_syscall_info, and test_ptrace_setoptions of older ones. */
static void follow_calls(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = child(stop_me);
        int status = 0, stops = 0;
        while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
            note("stop %d: status %x", stops, (unsigned)status);
            if (stops++ == 0)
                note("options: %s", errname(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) < 0 ? errno : 0));
            else
                note_call(stops - 1, pid);
            note("go on: %s", errname(go(PTRACE_SYSCALL, pid, 0) < 0 ? errno : 0));
        }
        note("end: status %x", (unsigned)status);
    }
    say_seen("calls");
}

/* Killed in a stop, before or after its debugger has waited for that. */
static void killed_in_a_stop(const char *what, int wait_first)
{
    long word = 0;
    for (int i = 0; i < ROUNDS; i++) {
        pid_t pid = child(stop_me);
        siginfo_t info;
        MUST(waitid(P_PID, (id_t)pid, &info, WEXITED | WSTOPPED | (wait_first ? 0 : WNOWAIT)) == 0);
        note("stop: %d %x", info.si_code, (unsigned)info.si_status);
        kill(pid, SIGKILL);
        note("peek: %s", errname(request(PTRACE_PEEKDATA, pid, (uintptr_t)&word, (uintptr_t)&word) < 0 ? errno : 0));
        note("options: %s", errname(request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) < 0 ? errno : 0));
        note("siginfo: %s", errname(request(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info) < 0 ? errno : 0));
        note("go on: %s", errname(go(PTRACE_SYSCALL, pid, 0) < 0 ? errno : 0));
        note_wait("wait", pid, 0);
    }
    say_seen(what);
}

static void share_one_processor(void)
{
    cpu_set_t set, one;
    MUST(sched_getaffinity(0, sizeof set, &set) == 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    MUST(sched_setaffinity(0, sizeof one, &one) == 0);
    for (int i = 0; i < BUSY; i++)
        if ((busy[i] = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (volatile long turn = 0;; turn++)
                ;
        }
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    share_one_processor();
    seize_and_kill("seized asleep", sleeps, 0);
    seize_and_kill("seized at work", runs, 0);
    seize_and_kill("seized with options", runs, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC);
    interrupts("interrupted asleep", sleeps, 0);
    interrupts("interrupted at work", runs, PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK);
    stop_and_kill("stop unseen", runs, 0);
    stop_and_kill("stop looked at", runs, 1);
    follow_calls();
    killed_in_a_stop("killed before the wait", 0);
    killed_in_a_stop("killed after the wait", 1);
    for (int i = 0; i < BUSY; i++)
        kill(busy[i], SIGKILL);
    return 0;
}
