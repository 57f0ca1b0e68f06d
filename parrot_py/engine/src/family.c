/* Births, deaths and transformations of the job's threads, and what parents and children share. */
#include "pp.h"

#define SHARES_MEMORY 0x100 /* CLONE_VM */

void pp_note_death(struct pp_engine *e, pid_t tid, int status)
{
    struct tracee *t = pp_find(e, tid);
    if (tid == e->root) {
        e->root_done = true;
        e->root_status = status;
    }
    if (t)
        pp_drop(e, t);
    else
        e->stillborn[e->stillborn_at++ % PP_STILLBORN] = tid;
    if (tid == e->root && e->hung_up)
        pp_hang_up(e);
}

/* Whether the call in hand asks for a child that shares our memory (its own registers say so; clone3 keeps the flags in a
 * struct). */
static bool shares_memory(const struct pp_engine *e, struct tracee *t, int event)
{
    pp_regs regs;
    uint64_t flags = 0;
    if (event == PTRACE_EVENT_VFORK || pp_get_regs(e, t, &regs) != 0)
        return true;
    int abi = PP_X86_64, nr = (int)pp_nr(&regs);
    if (nr == pp_nr_clone[abi])
        flags = pp_arg_value(&regs, abi, 0);
    else if (nr == pp_nr_clone3[abi])
        pp_read(t->tid, pp_arg_value(&regs, abi, 0), (char *)&flags, sizeof flags);
    return flags & SHARES_MEMORY;
}

/* Whether the child died, and was reported dead, before its parent's event told of it. */
static bool stillborn(struct pp_engine *e, pid_t tid)
{
    for (int i = 0; i < PP_STILLBORN; i++)
        if (e->stillborn[i] == tid) {
            e->stillborn[i] = 0;
            return true;
        }
    return false;
}

void pp_note_child(struct pp_engine *e, struct tracee *t, int event)
{
    unsigned long tid = 0;
    e->counters[PP_C_PROCESSES]++;
    if (pp_ptrace(e, PTRACE_GETEVENTMSG, t->tid, NULL, &tid) != 0 || stillborn(e, (pid_t)tid))
        return;
    struct mm *mm = shares_memory(e, t, event) ? pp_mm_share(t->mm) : pp_mm_copy(t->mm);
    struct tracee *child = pp_find(e, (pid_t)tid);
    if (!child) {
        pp_add(e, (pid_t)tid, mm);
        return;
    }
    /* The child's first stop overtook this event: it runs already, with an empty record of its memory. */
    if (child->mm && child->mm->count == 0 && child->pending == NOTHING) {
        pp_mm_release(child->mm, child->tid);
        child->mm = mm;
    } else {
        pp_mm_release(mm, 0);
    }
}

/* exec by any thread makes it the leader; the other threads die without a word. */
struct tracee *pp_note_exec(struct pp_engine *e, struct tracee *t)
{
    unsigned long old = 0;
    if (pp_ptrace(e, PTRACE_GETEVENTMSG, t->tid, NULL, &old) == 0 && (pid_t)old != t->tid) {
        struct tracee *caller = pp_find(e, (pid_t)old);
        if (caller) {
            pid_t leader = t->tid;
            pp_drop(e, t);
            pp_rename(e, caller, leader);
            t = caller;
        }
    }
    pp_exec_done(e, t);
    return t;
}
