/* The event loop: classify the stops of tracees, resume what does not concern us, hand the rest to Python. */
#include <sys/wait.h>

#include "pp.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static void event_stop(struct pp_engine *e, struct tracee *t, int sig)
{
    bool dealt_with = pp_debug_event_stop(e, t, sig);
    t->fresh = false;
    if (dealt_with)
        return;
    if (sig == SIGTRAP) {
        pp_go(e, t, 0);
        return;
    }
    pp_set_state(e, t, LISTENING);
    pp_ptrace(e, PTRACE_LISTEN, t->tid, NULL, NULL);
    if (e->parked)
        pp_check_parked(e);
    pp_mirror_stop(e, t->tid, sig);
}

/* A thread that stops inside the stub or its hop is taken home by hand. */
static bool leave_code_of_ours(const struct tracee *t, pp_regs *regs)
{
    uint64_t stub = pp_stub(t->mm);
    return stub && (pp_leave_stub(regs, stub) || pp_leave_hop(t, regs));
}

void pp_home_from_stub(struct pp_engine *e, struct tracee *t)
{
    pp_regs regs;
    if (pp_stub(t->mm) && pp_get_regs(e, t, &regs) == 0 && leave_code_of_ours(t, &regs))
        pp_set_regs(e, t, &regs);
}

static void signal_stop(struct pp_engine *e, struct tracee *t, int sig)
{
    pp_regs regs;
    e->counters[PP_C_SIGNALS]++;
    if (pp_get_regs(e, t, &regs) == 0) {
        bool home = leave_code_of_ours(t, &regs), hidden = pp_hide_harmless(t->tid, &regs, sig);
        if (home || hidden)
            pp_set_regs(e, t, &regs);
    }
    if (t->watched)
        pp_dress_signal(e, t, sig);
    if (t->debuggee && pp_debug_signal(e, t, sig))
        return;
    pp_go(e, t, sig);
}

/* A call that began again inside the stub must not run with the stub's registers when it is native after all. */
static void resume_native(struct pp_engine *e, struct tracee *t)
{
    if (t->undone)
        pp_set_regs(e, t, &t->regs);
    pp_go(e, t, 0);
}

/* A call interrupted inside the stub is made again from the stub's own syscall instruction: go on from the original. */
static void undo_stub_restart(struct tracee *t)
{
    if (t->hop) {
        t->undone = pp_leave_hop(t, &t->regs);
        t->hop = 0; /* whatever it makes now, the last call is over */
    }
    if (t->undone || t->abi != PP_X86_64)
        return;
    uint64_t stub = pp_stub(t->mm), off = pp_ip(&t->regs) - stub;
    if (!stub || off >= PP_STUB_ARGS * PP_STUB_STRIDE || off % PP_STUB_STRIDE != PP_SYSCALL_INSN_LEN)
        return;
    *pp_arg(&t->regs, PP_X86_64, (int)(off / PP_STUB_STRIDE)) = t->stub_value;
    pp_set_ip(&t->regs, t->stub_ip);
    t->undone = true;
}

/* The entry of a call.  True when Python must answer it. */
bool pp_entry_stop(struct pp_engine *e, struct tracee *t, struct pp_stop *s)
{
    if (pp_get_regs(e, t, &t->regs) != 0)
        return false;
    if (t->no_room != pp_ip(&t->regs))
        t->no_room = 0;
    t->abi = pp_abi_of(e, t, &t->regs);
    uint64_t nr = pp_nr(&t->regs);
    int index = nr < PP_NR_LIMIT ? e->by_nr[t->abi][nr] : -1;
    if (index < 0) {
        e->counters[PP_C_OTHER]++;
        pp_go(e, t, 0);
        return false;
    }
    e->counters[PP_C_STOPS]++;
    e->per_call[index]++;
    t->undone = false;
    if (t->mm && t->mm->count) {
        pp_release_slots(t->mm, t->tid);
        undo_stub_restart(t);
    }
    s->index = index;
    s->native = s->persona = 0;
    switch (pp_gate(e, t, &e->calls[index], s)) {
    case NATIVE:
        if (pp_shown(e, s)) {
            s->native = true;
            break;
        }
        e->counters[PP_C_NATIVE]++;
        resume_native(e, t);
        return false;
    case ANSWERED:
        e->counters[PP_C_WARM]++;
        return false;
    default:
        break;
    }
    e->counters[PP_C_PYTHON]++;
    if (e->calls[index].kind == PP_ASKED)
        s->persona = pp_persona_of(e, t);
    pp_set_state(e, t, HELD);
    t->serial = ++e->serial;
    s->tid = t->tid;
    s->serial = t->serial;
    s->abi = t->abi;
    return true;
}

static bool syscall_stop(struct pp_engine *e, struct tracee *t, struct pp_stop *s)
{
    if (pp_nested(t))
        return pp_nested_syscall_stop(e, t, s);
    if (e->use_seccomp) {
        pp_exit_stop(e, t);
        return false;
    }
    t->entered = !t->entered;
    if (t->entered)
        return pp_entry_stop(e, t, s);
    pp_exit_stop(e, t);
    return false;
}

/* Handle one wait status.  True when *s now holds a stop for Python. */
static bool handle(struct pp_engine *e, struct wait_event event, struct pp_stop *s)
{
    if (!event.tid)
        return false;
    if (event.status < 0)
        return pp_begin_held(e, event, s);
    if (!WIFSTOPPED(event.status)) {
        pp_note_death(e, event.tid, event.status);
        return false;
    }
    struct tracee *t = pp_find(e, event.tid);
    if (!t) {
        pp_note_unknown(e, event.tid);
        if (!(t = pp_add(e, event.tid, pp_mm_new())))
            return false;
    }
    int sig = WSTOPSIG(event.status), kind = event.status >> 16;
    if (kind != PTRACE_EVENT_STOP)
        pp_keep_interrupt(e, t);
    if (t->debuggee || t->extra_options)
        pp_apply_options(e, t);
    if (sig == (SIGTRAP | 0x80))
        return syscall_stop(e, t, s);
    switch (kind) {
    case 0:
        signal_stop(e, t, sig);
        return false;
    case PTRACE_EVENT_SECCOMP:
        return (t->own_filter || !e->use_seccomp) && pp_debug_seccomp(e, t) ? false : pp_entry_stop(e, t, s);
    case PTRACE_EVENT_STOP:
        event_stop(e, t, sig);
        return false;
    case PTRACE_EVENT_EXEC:
        t = pp_note_exec(e, t);
        break;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        pp_note_child(e, t, kind);
        break;
    default:
        break;
    }
    if (pp_debug_event(e, t, kind))
        return false;
    if (t->pending != NOTHING)
        pp_go_to_exit(e, t); /* clone with a changed flag: its register is still to be restored */
    else
        pp_go(e, t, 0);
    return false;
}

/* Wait for the next stop that Python must answer; everything else is handled here.
 * Precondition: called on the thread that spawned.  Holds no Python lock.  An enum pp_event. */
int pp_next(struct pp_engine *e, struct pp_stop *stop)
{
    for (;;) {
        while (e->queue_head < e->queue_count)
            if (handle(e, e->queue[e->queue_head++], stop))
                return PP_STOPPED;
        int woke = pp_wait(e);
        if (woke <= 0)
            return woke < 0 ? PP_DONE : PP_WOKEN;
    }
}
