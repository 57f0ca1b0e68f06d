/* The calls of threads that debug or are debugged: at each entry and exit their debugger comes first. */
#include "pp.h"

/* What the kernel tells with a stop at a call (linux/ptrace.h, which does not go with sys/ptrace.h). */
#define NR_PTRACE 101
#define AT_ENTRY 1
#define AT_EXIT 2

/* What a debugger of the job has let go on from the entry of its call: the call is looked at when its turn comes.  Python
 * may have to answer it, and that can't be told from here. */
#define BEGIN_CALL (-1)
#define BEGIN_SECCOMP (-2)

void pp_begin_later(struct pp_engine *e, struct tracee *t, bool seccomp)
{
    if (pp_push(e, t->tid, seccomp ? BEGIN_SECCOMP : BEGIN_CALL) != 0)
        pp_go(e, t, 0);
}

/* Pre: pp_take_wait has read the registers. */
static bool is_ptrace(const struct tracee *t) { return t->abi == PP_X86_64 && pp_nr(&t->regs) == NR_PTRACE; }

/* The entry of a call of a thread that debugs or is debugged, once its debugger has seen it. */
static bool begin_call(struct pp_engine *e, struct tracee *t, struct pp_stop *s)
{
    if (t->watched && pp_take_wait(e, t))
        return false;
    /* ptrace is answered here, before our filter stops it once more; a filter of its own might kill what is skipped. */
    if (!e->use_seccomp || (t->watched && !t->own_filter && is_ptrace(t)))
        return pp_entry_stop(e, t, s);
    pp_go(e, t, 0);
    return false;
}

/* Whether this is the entry of a call.  The kernel says so since Linux 5.3. */
static bool at_entry(const struct pp_engine *e, struct tracee *t)
{
    unsigned long message = 0;
    pp_regs regs;
    pp_ptrace(e, PTRACE_GETEVENTMSG, t->tid, NULL, &message);
    if (message == AT_ENTRY || message == AT_EXIT)
        return message == AT_ENTRY;
    return !t->entered && pp_get_regs(e, t, &regs) == 0 && (int64_t)pp_result(&regs) == -ENOSYS;
}

/* A stop at the entry or exit of a call of such a thread.  True when *s now holds a stop for Python. */
bool pp_nested_syscall_stop(struct pp_engine *e, struct tracee *t, struct pp_stop *s)
{
    t->entered = at_entry(e, t);
    if (!t->entered)
        pp_exit_stop(e, t);
    else if (!pp_debug_entry(e, t))
        return begin_call(e, t, s);
    return false;
}

/* The turn of a call that pp_begin_later put off. */
bool pp_begin_held(struct pp_engine *e, struct wait_event event, struct pp_stop *s)
{
    struct tracee *t = pp_find(e, event.tid);
    if (!t || t->state != SHOWN)
        return false; /* it died */
    return event.status == BEGIN_SECCOMP ? pp_entry_stop(e, t, s) : begin_call(e, t, s);
}
