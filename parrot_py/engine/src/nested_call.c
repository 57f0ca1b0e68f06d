/* ptrace(2) of the job: who may debug whom, and the requests that let a debuggee go on.  The order of the checks and
 * their errors are those of kernel/ptrace.c. */
#include <signal.h>
#include <sys/syscall.h>

#include "nested.h"

#define OLD_SETOPTIONS 21
#define NR_PROCESS_VM_READV 310
#define KNOWN_OPTIONS (0xffUL | PTRACE_O_EXITKILL | PTRACE_O_SUSPEND_SECCOMP)
#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1UL << 21)
#endif

/* A request that only we answer: 'parr', of nobody.  The kernel says ESRCH. */
#define ARE_YOU_THERE 0x70617272
#define I_AM 1

/* Whether the engine of another run is around this process. */
int pp_answers_inside(void) { return syscall(SYS_ptrace, (long)ARE_YOU_THERE, 0L, 0L, 0L) == I_AM; }

static bool valid_signal(uint64_t sig) { return sig <= 64; }

static long check_options(unsigned long options)
{
    if (options & ~KNOWN_OPTIONS)
        return -EINVAL;
    return options & PTRACE_O_SUSPEND_SECCOMP ? -EPERM : 0; /* it would suspend our filter, too */
}

/* -- the beginning */

static long trace_me(struct pp_engine *e, struct tracee *t)
{
    if (t->debuggee)
        return -EPERM;
    pid_t parent = pp_identity(t->tid).parent;
    struct tracee *p = t->forker ? pp_find(e, t->forker) : NULL;
    if (!p || pp_group_of(e, p) != parent)
        p = pp_find(e, parent);
    if (!p)
        return 0; /* a child of parrot_run, which lets it go on from every stop */
    if (!pp_debug(e, t, p->tid, parent, false, 0))
        return -ENOMEM;
    pp_watch(e, parent, NULL);
    return 0;
}

static void reach(struct pp_engine *e, struct tracee *t)
{
    if (t->state == PARKED) {
        struct pp_stop s = {.tid = t->tid, .serial = t->serial};
        pp_restart(e, &s);
    }
    if (t->state == LISTENING)
        pp_set_state(e, t, RUNNING); /* the request below makes it stop once more */
    pp_ptrace(e, PTRACE_INTERRUPT, t->tid, NULL, NULL);
}

/* PTRACE_ATTACH or PTRACE_SEIZE, now that the kernel says that the caller may. */
static long attach(struct pp_engine *e, struct tracee *caller, pid_t tid, bool seize, unsigned long options)
{
    struct tracee *t = pp_find(e, tid);
    if (!t)
        return -ESRCH;
    if (t->debuggee)
        return -EPERM;
    struct debuggee *d = pp_debug(e, t, caller->tid, pp_group_of(e, caller), seize, options);
    if (!d)
        return -ENOMEM;
    pp_watch(e, d->debugger_group, caller);
    if (t->state == LISTENING)
        reach(e, t);
    else if (seize && options)
        pp_nudge(e, t); /* the kernel takes options in a stop only */
    if (seize)
        return 0;
    d->attach_signals++;
    pp_send(tid, SIGSTOP);
    if (e->parked)
        pp_check_parked(e);
    return 0;
}

/* The call that asked the kernel has ended: value is what it says. */
long pp_asked(struct pp_engine *e, struct tracee *t, long value)
{
    if (value == -EPERM || value == -ESRCH)
        return value;
    return attach(e, t, (pid_t)*pp_arg(&t->regs, PP_X86_64, 1), *pp_arg(&t->regs, PP_X86_64, 0) == PTRACE_SEIZE,
                  *pp_arg(&t->regs, PP_X86_64, 3));
}

/* Whether the caller may debug the thread, only the kernel can tell: users, capabilities, Yama and its exceptions.
 * process_vm_readv asks it the same question.  The call becomes one, at an address where there is nothing to read. */
static long ask(struct pp_engine *e, struct tracee *t, pid_t tid)
{
    const uint64_t parts[4] = {0, 1, 0, 1}; /* two struct iovec: one byte at address 0, for both sides */
    uint64_t slot = pp_slot(t, sizeof parts);
    if (!slot)
        return pp_inject(e, t, sizeof parts);
    long failed = pp_fill(e, t, slot, parts, sizeof parts);
    if (failed)
        return failed;
    pp_regs regs = t->regs;
    const uint64_t args[6] = {(uint64_t)tid, slot, 1, slot + 16, 1, 0};
    for (int i = 0; i < 6; i++)
        *pp_arg(&regs, PP_X86_64, i) = args[i];
    pp_set_nr(&regs, NR_PROCESS_VM_READV);
    pp_set_regs(e, t, &regs);
    t->pending = ASK;
    pp_go_to_exit(e, t);
    return 1;
}

static long begin(struct pp_engine *e, struct tracee *caller, struct tracee *t, const struct pp_stop *s)
{
    if (s->args[0] == PTRACE_SEIZE) {
        if (s->args[2] != 0 || s->args[3] & ~KNOWN_OPTIONS)
            return -EIO;
        long wrong = check_options(s->args[3]);
        if (wrong)
            return wrong;
    }
    if (pp_group_of(e, t) == pp_group_of(e, caller) || t->debuggee)
        return -EPERM;
    return ask(e, caller, t->tid);
}

/* -- going on */

static long listen_on(struct pp_engine *e, struct tracee *t)
{
    struct debuggee *d = t->debuggee;
    if (!d->seized || d->stop != D_GROUP)
        return -EIO;
    d->stop = D_RUNS;
    pp_set_state(e, t, LISTENING);
    pp_ptrace(e, PTRACE_LISTEN, t->tid, NULL, NULL);
    return 0;
}

static long go_on(struct pp_engine *e, struct tracee *t, long request, uint64_t sig)
{
    struct debuggee *d = t->debuggee;
    if (!valid_signal(sig))
        return -EIO;
    if (request == PTRACE_DETACH) {
        pp_part(e, d, (int)sig);
        return 0;
    }
    d->mode = (int)request;
    pp_let_go(e, t, d->stop, d->code, (int)sig);
    return 0;
}

static long set_options(struct pp_engine *e, struct tracee *t, unsigned long options)
{
    long wrong = check_options(options);
    if (wrong)
        return wrong;
    t->debuggee->options = options;
    pp_apply_options(e, t);
    return 0;
}

/* Whether a thread is still in the stop that we hold it in.  SIGKILL takes it out: for waits and requests the kernel has
 * forgotten the stop at once, long before we hear of the death. */
bool pp_still_stopped(const struct pp_engine *e, const struct tracee *t)
{
    unsigned long message;
    return pp_ptrace(e, PTRACE_GETEVENTMSG, t->tid, NULL, &message) == 0;
}

static long request(struct pp_engine *e, struct tracee *caller, struct tracee *t, const struct pp_stop *s)
{
    struct debuggee *d = t->debuggee;
    long what = (long)s->args[0];
    if (!d || d->debugger != caller->tid)
        return -ESRCH;
    if (what == PTRACE_KILL)
        return syscall(SYS_tkill, t->tid, SIGKILL) == 0 ? 0 : -ESRCH;
    if (what == PTRACE_INTERRUPT) {
        if (!d->seized)
            return -EIO;
        d->interrupt = true;
        reach(e, t);
        return 0;
    }
    if (d->stop == D_RUNS || !pp_still_stopped(e, t))
        return -ESRCH;
    switch (what) {
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
    case PTRACE_SINGLEBLOCK:
    case PTRACE_SYSEMU:
    case PTRACE_SYSEMU_SINGLESTEP:
    case PTRACE_DETACH:
        return go_on(e, t, what, s->args[3]);
    case PTRACE_LISTEN:
        return listen_on(e, t);
    case PTRACE_SETOPTIONS:
    case OLD_SETOPTIONS:
        return set_options(e, t, s->args[3]);
    default:
        return pp_data_request(e, caller, t, what, s->args[2], s->args[3]);
    }
}

/* A call of ptrace.  Threads that are not of the job are the kernel's to answer for, but we are nobody's to debug. */
enum verdict pp_ptrace_call(struct pp_engine *e, struct tracee *caller, const struct pp_stop *s)
{
    long what = (long)s->args[0], result;
    pid_t tid = (pid_t)s->args[1];
    struct tracee *t = pp_find(e, tid);
    bool begins = what == PTRACE_ATTACH || what == PTRACE_SEIZE;
    if (caller->abi != PP_X86_64)
        return NATIVE;
    if (what == PTRACE_TRACEME)
        result = trace_me(e, caller);
    else if (what == ARE_YOU_THERE && tid == 0)
        result = I_AM;
    else if (!t && begins && pp_identity(tid).group == getpid())
        result = -EPERM;
    else if (!t)
        return NATIVE;
    else
        result = begins ? begin(e, caller, t, s) : request(e, caller, t, s);
    if (result != 1 || !begins)
        pp_answer_now(e, caller, result);
    return ANSWERED;
}
