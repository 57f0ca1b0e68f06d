/* Births, deaths and transformations of the job's threads, and what parents and children share. */
#include <dirent.h>

#include "pp.h"

#define SHARES_MEMORY 0x100 /* CLONE_VM */
#define IS_THREAD 0x10000   /* CLONE_THREAD */

static pid_t *stillborn_slot(struct pp_engine *e, pid_t tid) { return &e->stillborn[(unsigned)tid % PP_STILLBORN]; }

void pp_note_death(struct pp_engine *e, pid_t tid, int status)
{
    struct tracee *t = pp_find(e, tid);
    if (tid == e->root) {
        e->root_done = true;
        e->root_status = status;
    }
    if (t) {
        pp_debug_death(e, t, status);
        pp_drop_members(e, t);
        pp_drop(e, t);
    } else {
        *stillborn_slot(e, tid) = tid;
    }
    if (tid == e->root && e->hung_up)
        pp_hang_up(e);
}

/* What the child of the call in hand shares with us: the call's own registers say so; clone3 keeps the flags in a
 * struct. */
static uint64_t clone_flags(const struct pp_engine *e, struct tracee *t, int event)
{
    pp_regs regs;
    uint64_t flags = event == PTRACE_EVENT_VFORK ? SHARES_MEMORY : 0;
    if (pp_get_regs(e, t, &regs) != 0) /* also after an event of fork: clone with CLONE_VM and SIGCHLD is told as one */
        return flags;
    int abi = pp_abi_of(e, t, &regs), nr = (int)pp_nr(&regs);
    if (nr == pp_nr_clone[abi])
        flags = pp_arg_value(&regs, abi, 0);
    else if (nr == pp_nr_clone3[abi])
        pp_read(t->tid, pp_arg_value(&regs, abi, 0), (char *)&flags, sizeof flags);
    return flags;
}

/* A thread stops of which nobody told us: its number is no dead one's. */
void pp_note_unknown(struct pp_engine *e, pid_t tid)
{
    if (*stillborn_slot(e, tid) == tid)
        *stillborn_slot(e, tid) = 0;
}

static bool traced(const struct pp_engine *e, pid_t tid) { return pp_status_number(tid, "TracerPid:") == e->owner; }

/* Whether the child died, and was reported dead, before its parent's event told of it.  If there is a child of that
 * number now, the dead one was another. */
static bool stillborn(struct pp_engine *e, pid_t tid)
{
    if (*stillborn_slot(e, tid) != tid)
        return false;
    *stillborn_slot(e, tid) = 0;
    return !traced(e, tid);
}

/* Whether the kernel has a process that we trace, though we may have heard nothing of it yet. */
bool pp_any_traced(const struct pp_engine *e)
{
    bool found = false;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; proc && !found && (entry = readdir(proc));)
        found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && traced(e, atoi(entry->d_name));
    if (proc)
        closedir(proc);
    return found;
}

void pp_note_child(struct pp_engine *e, struct tracee *t, int event)
{
    unsigned long told = 0;
    e->counters[PP_C_PROCESSES]++;
    if (pp_ptrace(e, PTRACE_GETEVENTMSG, t->tid, NULL, &told) != 0 || stillborn(e, (pid_t)told))
        return;
    pid_t tid = (pid_t)told;
    uint64_t flags = clone_flags(e, t, event);
    struct mm *mm = flags & SHARES_MEMORY ? pp_mm_share(t->mm) : pp_mm_copy(t->mm);
    struct tracee *child = pp_find(e, tid);
    if (!child) {
        child = pp_add(e, tid, mm);
    } else if (child->mm && child->mm->count == 0 && child->pending == NOTHING && !child->replaced) {
        /* The child's first stop overtook this event: it runs already, with an empty record of its memory.  It may even
         * have started a program by now, in whose memory there is nothing of ours. */
        pp_mm_release(child->mm, child->tid);
        child->mm = mm;
    } else {
        pp_mm_release(mm, 0);
    }
    if (!child)
        return;
    pp_join_group(e, child, flags & IS_THREAD ? pp_group_of(e, t) : tid);
    pp_inherit_persona(t, child);
    pp_debug_child(e, t, child, event);
}

/* exec by any thread makes it the leader; the other threads die without a word. */
struct tracee *pp_note_exec(struct pp_engine *e, struct tracee *t)
{
    unsigned long old = 0;
    if (pp_ptrace(e, PTRACE_GETEVENTMSG, t->tid, NULL, &old) == 0 && (pid_t)old != t->tid) {
        struct tracee *caller = pp_find(e, (pid_t)old);
        if (caller) {
            pid_t leader = t->tid;
            int others = t->members - (caller->group == leader);
            pp_drop(e, t);
            pp_rename(e, caller, leader);
            caller->members = others;
            t = caller;
        }
    }
    pp_drop_members(e, t);
    pp_exec_done(e, t);
    return t;
}
