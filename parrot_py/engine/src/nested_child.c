/* New threads and processes: which of them are debugged from the start, as their parents are. */
#include "nested.h"

#define FOLLOWS (PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE)

/* Whether a new thread may have to be debugged, because somebody who may have made it is, with its children.  Its parent's
 * event tells; until then it must not run. */
bool pp_awaits_parent(struct pp_engine *e, struct tracee *t)
{
    struct identity who = pp_identity(t->tid);
    for (const struct debuggee *d = e->debuggees; d; d = d->next) {
        pid_t group = pp_group_of(e, d->thread);
        if (d->options & FOLLOWS && (group == who.parent || group == who.group))
            return true;
    }
    return false;
}

/* Some debuggee is gone: threads that waited for their parent's event may wait in vain. */
void pp_release_orphans(struct pp_engine *e)
{
    for (int b = 0; b < PP_BUCKETS && e->orphans; b++)
        for (struct tracee *t = e->buckets[b]; t; t = t->next)
            if (t->state == ORPHAN && !pp_awaits_parent(e, t))
                pp_go(e, t, 0);
}

/* The thread asked that its child be left alone (we took the flag out of the call: family.c). */
static bool asks_untraced(struct tracee *t)
{
    return t->pending == RESTORE && pp_nr(&t->regs) == (uint64_t)pp_nr_clone[t->abi] &&
           pp_arg_value(&t->regs, t->abi, 0) & PP_CLONE_UNTRACED;
}

static void adopt(struct pp_engine *e, const struct debuggee *parent, struct tracee *child)
{
    struct debuggee *d = pp_debug(e, child, parent->debugger, parent->debugger_group, parent->seized, parent->options);
    if (!d)
        return;
    d->first = true;
    if (child->state == ORPHAN) {
        pp_set_state(e, child, RUNNING);
        pp_first_stop(e, child);
    } else if (!child->fresh) {
        pp_ptrace(e, PTRACE_INTERRUPT, child->tid, NULL, NULL); /* it runs already: its first stop is the next one */
    }
}

/* The parent's event tells of a child, whose own first stop may have come before. */
void pp_debug_child(struct pp_engine *e, struct tracee *t, struct tracee *child, int event)
{
    const struct debuggee *d = t->debuggee;
    child->forker = t->tid;
    child->no_new_privs |= t->no_new_privs; /* it may run already, and have asked for that itself */
    child->own_filter |= t->own_filter;
    child->extra_options = t->extra_options; /* the kernel hands them on */
    if (t->watched && pp_group_of(e, child) == pp_group_of(e, t)) {
        pp_watch_child(e, child);
        pp_nudge(e, child);
    } else if (t->watched) {
        pp_wake_waiters(e, pp_group_of(e, t)); /* who waits without a child of its own has one now */
    }
    if (d && d->options & (1UL << event) && !asks_untraced(t)) {
        adopt(e, d, child);
        return;
    }
    if (child->state == ORPHAN) {
        pp_apply_options(e, child);
        pp_go(e, child, 0);
    } else if (child->extra_options) {
        pp_nudge(e, child);
    }
}
