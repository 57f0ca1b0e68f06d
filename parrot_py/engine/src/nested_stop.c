/* The stops of a debuggee: which of ours its debugger sees, and how it goes on from there.
 *
 * We hold the thread in the kernel's own stop until the debugger lets it go on.  What we do between (looking at its calls,
 * changing their arguments, repeating them) happens before or after, and leaves the registers as they would be. */
#include <sys/syscall.h>

#include "nested.h"

#define EXTRA_OPTIONS (PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESECCOMP)
#define STOP_EVENT (128 << 8) /* PTRACE_EVENT_STOP */
#define SYSCALL_INSN 0x050f

/* -- seen */

/* The debugger is to see a stop, in which the thread now stays. */
void pp_show_stop(struct pp_engine *e, struct tracee *t, enum debug_stop stop, int code)
{
    struct debuggee *d = t->debuggee;
    d->stop = stop;
    d->code = code;
    d->waited = d->interrupt = d->stepping = d->refiltered = false;
    d->order = ++e->debug_order;
    pp_set_state(e, t, SHOWN);
    pp_tell_debugger(d->debugger_group, t->tid, d->uid, CLD_TRAPPED, code);
    pp_wake_waiters(e, d->debugger_group);
}

/* The same for a signal stop that the kernel does not know of. */
void pp_show_made(struct pp_engine *e, struct tracee *t, int sig, int code)
{
    siginfo_t *info = &t->debuggee->info;
    memset(info, 0, sizeof *info);
    info->si_signo = sig;
    info->si_code = code;
    pp_show_stop(e, t, D_MADE, sig);
}

/* -- going on */

/* Let the thread go on from a stop that its debugger saw. */
void pp_let_go(struct pp_engine *e, struct tracee *t, enum debug_stop from, int code, int sig)
{
    struct debuggee *d = t->debuggee;
    if (d)
        d->stop = D_RUNS;
    switch (from) {
    case D_RUNS:
        return;
    case D_ENTRY:
    case D_SECCOMP:
        if (d)
            d->carry = sig;
        else if (sig)
            pp_send(t->tid, sig);
        pp_begin_later(e, t, from == D_SECCOMP);
        return;
    case D_GROUP:
        if (d || (code & 0xff) == SIGTRAP)
            break;
        pp_set_state(e, t, LISTENING); /* nobody holds it any more, but its process is stopped */
        pp_ptrace(e, PTRACE_LISTEN, t->tid, NULL, NULL);
        return;
    case D_MADE:
        if (sig && d)
            d->pass = sig;
        if (sig)
            pp_send(t->tid, sig);
        break;
    default:
        pp_go(e, t, sig);
        return;
    }
    pp_go(e, t, 0);
}

static bool steps(int mode)
{
    return mode == PTRACE_SINGLESTEP || mode == PTRACE_SINGLEBLOCK;
}

static bool at_syscall_insn(const struct pp_engine *e, struct tracee *t)
{
    pp_regs regs;
    unsigned short insn = 0;
    return pp_get_regs(e, t, &regs) == 0 && pp_read(t->tid, pp_ip(&regs), (char *)&insn, sizeof insn) == sizeof insn &&
           insn == SYSCALL_INSN;
}

/* Whether its debugger looks at the end of the call in hand, which must then be as the job made it. */
bool pp_debug_needs_exit(const struct tracee *t) { return t->debuggee && t->debuggee->mode != PTRACE_CONT; }

/* The call in hand is made again by us: its debugger sees neither the end of this one nor the beginning of the next. */
void pp_debug_repeats(struct tracee *t)
{
    if (!t->debuggee)
        return;
    t->debuggee->repeated = t->debuggee->mode == PTRACE_SYSCALL;
    t->debuggee->refiltered = t->own_filter;
}

/* How a thread that debugs, or is debugged, goes on: the request, and *sig to go with it. */
int pp_debug_request(struct pp_engine *e, struct tracee *t, int *sig)
{
    struct debuggee *d = t->debuggee;
    bool all = !e->use_seccomp || t->watched || t->pending != NOTHING;
    if (!d)
        return all ? PTRACE_SYSCALL : PTRACE_CONT;
    if (!*sig)
        *sig = d->carry;
    d->carry = 0;
    if (d->interrupt)
        pp_ptrace(e, PTRACE_INTERRUPT, t->tid, NULL, NULL); /* a stop of ours has swallowed it */
    if (!all)
        return d->mode;
    /* A single step would run through a call without the stops that we need there. */
    if (steps(d->mode) && (t->entered || at_syscall_insn(e, t)))
        d->stepping = true;
    else if (steps(d->mode) && t->pending == NOTHING)
        return d->mode;
    return PTRACE_SYSCALL;
}

/* The options that only this debugger wants; the rest we have for everybody. */
void pp_apply_options(struct pp_engine *e, struct tracee *t)
{
    unsigned long wanted = t->debuggee ? t->debuggee->options & EXTRA_OPTIONS : 0;
    if (wanted == t->extra_options)
        return;
    t->extra_options = wanted;
    pp_ptrace(e, PTRACE_SETOPTIONS, t->tid, NULL, (void *)(e->options | wanted));
}

/* -- which stops are seen */

/* The first stop of a thread that is debugged from its birth on. */
void pp_first_stop(struct pp_engine *e, struct tracee *t)
{
    t->debuggee->first = false;
    if (t->debuggee->seized)
        pp_show_stop(e, t, D_GROUP, SIGTRAP | STOP_EVENT);
    else
        pp_show_made(e, t, SIGSTOP, SI_USER);
}

/* A signal is about to be delivered.  True: its debugger sees that first. */
bool pp_debug_signal(struct pp_engine *e, struct tracee *t, int sig)
{
    struct debuggee *d = t->debuggee;
    if (d->pass == sig) {
        d->pass = 0;
        return false;
    }
    if (sig == SIGSTOP)
        pp_dress(e, t, &d->attach_signals, SI_KERNEL, 0);
    if (sig == SIGTRAP)
        pp_dress(e, t, &d->exec_signals, SI_USER, pp_group_of(e, t));
    pp_show_stop(e, t, D_SIGNAL, sig);
    return true;
}

/* A call that fails with EINTR whatever interrupts it must not do so because of us: it begins again, if no handler runs. */
static void hide_nudge(struct pp_engine *e, struct tracee *t)
{
    pp_regs regs;
    t->nudged = false;
    if (pp_get_regs(e, t, &regs) != 0 || !pp_in_call(&regs) || (int64_t)pp_result(&regs) != -EINTR)
        return;
    pp_set_result(&regs, (uint64_t)-ERESTARTNOHAND);
    pp_set_regs(e, t, &regs);
}

/* Another stop than that of PTRACE_INTERRUPT, which we have asked for.  The kernel forgets the request if the thread
 * stopped after it, and has it stop once more if it had stopped before: which, cannot be told.  Asked again in the stop
 * it comes for certain, and whoever debugs the thread is not shown one more stop that he did not ask for. */
void pp_keep_interrupt(struct pp_engine *e, struct tracee *t)
{
    const struct debuggee *d = t->debuggee;
    if (d && (d->first || (d->seized && t->nudged)))
        pp_ptrace(e, PTRACE_INTERRUPT, t->tid, NULL, NULL);
    else
        t->nudged = false;
}

/* PTRACE_EVENT_STOP.  True when it is dealt with, false when it is an ordinary one. */
bool pp_debug_event_stop(struct pp_engine *e, struct tracee *t, int sig)
{
    struct debuggee *d = t->debuggee;
    bool for_us = t->nudged || t->fresh; /* every thread stops so when it is new, debugged or not */
    if (t->nudged)
        hide_nudge(e, t);
    if (!d) {
        if (!t->fresh || t->forker || !e->debuggees || !pp_awaits_parent(e, t))
            return false;
        pp_set_state(e, t, ORPHAN);
        return true;
    }
    pp_home_from_stub(e, t);
    if (d->first)
        pp_first_stop(e, t);
    else if (sig != SIGTRAP)
        pp_show_stop(e, t, D_GROUP, d->seized ? sig | STOP_EVENT : sig);
    else if (d->seized && !for_us) /* PTRACE_INTERRUPT, or SIGCONT came */
        pp_show_stop(e, t, D_GROUP, SIGTRAP | STOP_EVENT);
    else
        pp_go(e, t, 0); /* if its debugger has interrupted it, too, to the stop that answers that */
    return true;
}

static int call_stop(const struct debuggee *d)
{
    return d->options & PTRACE_O_TRACESYSGOOD ? SIGTRAP | 0x80 : SIGTRAP;
}

/* The entry of a call.  True: its debugger sees that first. */
bool pp_debug_entry(struct pp_engine *e, struct tracee *t)
{
    struct debuggee *d = t->debuggee;
    bool repeated = d && d->repeated;
    if (d)
        d->repeated = false;
    if (!d || repeated || (d->mode != PTRACE_SYSCALL && d->mode != PTRACE_SYSEMU))
        return false;
    pp_show_stop(e, t, D_ENTRY, call_stop(d));
    return true;
}

/* The exit of a call, all registers as they are to be.  True: its debugger sees it. */
bool pp_debug_exit(struct pp_engine *e, struct tracee *t)
{
    struct debuggee *d = t->debuggee;
    pp_regs regs;
    if (!d || d->repeated)
        return false;
    if (d->stepping || steps(d->mode)) {
        pp_show_made(e, t, SIGTRAP, TRAP_BRKPT);
        if (pp_get_regs(e, t, &regs) == 0)
            d->info.si_addr = (void *)(uintptr_t)pp_ip(&regs);
        return true;
    }
    if (d->mode != PTRACE_SYSCALL)
        return false;
    pp_show_stop(e, t, D_EXIT, call_stop(d));
    return true;
}

/* An event of the kernel's (fork, exec, exit …).  True: its debugger sees it. */
bool pp_debug_event(struct pp_engine *e, struct tracee *t, int event)
{
    struct debuggee *d = t->debuggee;
    if (!d)
        return false;
    if (d->options & (1UL << event)) {
        pp_show_stop(e, t, D_EVENT, SIGTRAP | event << 8);
        return true;
    }
    if (event == PTRACE_EVENT_EXEC && !d->seized) { /* as the kernel does for debuggers that don't ask for the event */
        d->exec_signals++;
        pp_send(t->tid, SIGTRAP);
    }
    return false;
}

/* A stop of a filter of the job's own.  True when it is dealt with: its debugger sees it, or there is none, and the call
 * is ENOSYS, as it is when nobody traces. */
bool pp_debug_seccomp(struct pp_engine *e, struct tracee *t)
{
    unsigned long data = 0;
    pp_ptrace(e, PTRACE_GETEVENTMSG, t->tid, NULL, &data);
    if (e->use_seccomp && PP_IS_OUR_DATA(data))
        return false;
    if (data == PP_STRICT_DATA) {
        syscall(SYS_tkill, t->tid, SIGKILL);
        return true;
    }
    if (t->debuggee && t->debuggee->options & PTRACE_O_TRACESECCOMP) {
        bool seen = t->debuggee->refiltered;
        t->debuggee->refiltered = false;
        if (seen)
            return false;
        pp_show_stop(e, t, D_SECCOMP, SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
        return true;
    }
    if (pp_get_regs(e, t, &t->regs) != 0)
        return true; /* it died */
    t->abi = pp_abi_of(e, t, &t->regs);
    pp_answer_now(e, t, -ENOSYS);
    return true;
}
