/* Signals that the kernel sends to debuggers and debuggees, sent by us: they look like the kernel's. */
#include <sys/syscall.h>

#include "nested.h"

#define SIGCHLD_OF_OURS 0x70617272

/* SIGCHLD for a debugger.  The kernel lets us choose everything but si_code, which pp_dress_signal puts right when the
 * signal is delivered. */
void pp_tell_debugger(pid_t group, pid_t tid, uid_t uid, int code, int status)
{
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGCHLD;
    info.si_code = SI_QUEUE;
    info.si_pid = tid;
    info.si_uid = uid;
    info.si_value.sival_ptr = (void *)(uintptr_t)((uint64_t)SIGCHLD_OF_OURS << 32 | (uint32_t)status);
    info.si_errno = code;
    syscall(SYS_rt_sigqueueinfo, group, SIGCHLD, &info);
}

/* A SIGCHLD of ours looks like the kernel's. */
void pp_dress_signal(struct pp_engine *e, struct tracee *t, int sig)
{
    siginfo_t info;
    if (sig != SIGCHLD || pp_ptrace(e, PTRACE_GETSIGINFO, t->tid, NULL, &info) != 0 || info.si_code != SI_QUEUE)
        return;
    uint64_t value = (uint64_t)(uintptr_t)info.si_value.sival_ptr;
    if (value >> 32 != SIGCHLD_OF_OURS)
        return;
    info.si_code = info.si_errno;
    info.si_errno = 0;
    info.si_value.sival_ptr = (void *)(uintptr_t)(uint32_t)value; /* si_status lies there */
    pp_ptrace(e, PTRACE_SETSIGINFO, t->tid, NULL, &info);
}

void pp_send(pid_t tid, int sig) { syscall(SYS_tkill, tid, sig); }

/* A SIGSTOP or SIGTRAP of ours looks as if the kernel had sent it. */
void pp_dress(struct pp_engine *e, struct tracee *t, int *count, int code, pid_t pid)
{
    siginfo_t info;
    if (!*count || pp_ptrace(e, PTRACE_GETSIGINFO, t->tid, NULL, &info) != 0 || info.si_code != SI_TKILL ||
        info.si_pid != getpid())
        return;
    --*count;
    info.si_code = code;
    info.si_pid = pid;
    info.si_uid = pid ? t->debuggee->uid : 0;
    pp_ptrace(e, PTRACE_SETSIGINFO, t->tid, NULL, &info);
}
