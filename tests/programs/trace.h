/* What the twin programs about ptrace share: stops printed by name, never by number of a process. */
#ifndef TRACE_H
#define TRACE_H

#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "canon.h"

#define GOOD (SIGTRAP | 0x80)

static pid_t known[16];
static int known_count;

/* Processes get letters in the order in which they are named first. */
static UNUSED const char *who(pid_t pid)
{
    static char letters[2 * COUNT(known) + 2];
    int i = 0;
    while (i < known_count && known[i] != pid)
        i++;
    if (i == known_count && known_count < (int)COUNT(known))
        known[known_count++] = pid;
    letters[2 * i] = (char)('A' + i);
    return letters + 2 * i;
}

static UNUSED const char *event_name(int event)
{
    static const char *const names[] = {"", "fork", "vfork", "clone", "exec", "vfork_done", "exit", "seccomp"};
    return event == 128 ? "stop" : event < (int)COUNT(names) ? names[event] : "?";
}

static UNUSED void say_status(const char *what, pid_t pid, int status)
{
    if (WIFSTOPPED(status))
        say("%s %s: stopped by %d%s event %s", what, who(pid), WSTOPSIG(status) & 0x7f,
            WSTOPSIG(status) & 0x80 ? " at a call" : "", event_name(status >> 16));
    else if (WIFEXITED(status))
        say("%s %s: exit %d", what, who(pid), WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        say("%s %s: killed by %d", what, who(pid), WTERMSIG(status));
    else
        say("%s %s: %x", what, who(pid), status);
}

/* Wait and say what came. */
static UNUSED int await(const char *what, pid_t pid)
{
    int status = 0;
    pid_t got = waitpid(pid, &status, __WALL);
    if (got < 0)
        say("%s: %s", what, errname(errno));
    else
        say_status(what, got, status);
    return status;
}

/* A ptrace request without its C library wrapper, which changes results. */
static UNUSED long request(long what, pid_t pid, uintptr_t address, uintptr_t data)
{
    return syscall(SYS_ptrace, what, pid, address, data);
}

static UNUSED long go(long what, pid_t pid, int sig) { return request(what, pid, 0, (uintptr_t)sig); }

static UNUSED void say_info(const char *what, pid_t pid)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    if (request(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info) != 0)
        say("%s: siginfo %s", what, errname(errno));
    else
        say("%s: siginfo %d code %x pid %s", what, info.si_signo, info.si_code,
            info.si_pid == getpid() ? "mine" : info.si_pid == pid ? "its own" : info.si_pid ? "other" : "0");
}

/* A child that is traced, stopped by its own SIGSTOP and waited for. */
static UNUSED pid_t traced_child(void (*run)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
            _exit(99);
        raise(SIGSTOP);
        run();
        _exit(0);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    who(pid);
    return pid;
}

static UNUSED void finish(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WALL) == pid)
        ;
}

#endif
