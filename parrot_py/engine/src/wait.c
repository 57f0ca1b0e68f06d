/* Waiting for tracees: one look collects all that has happened, and sleeping is put off while that pays. */
#include <sys/wait.h>
#include <time.h>

#include "pp.h"

#define SPIN_NS 30000   /* a third of what waking a sleeping processor of a virtual machine costs */
#define CREDIT_MAX 16
#define RETRY_AFTER 16
#define PARKED_CHECK_NS 100000000L
#define FEW 64   /* tracees that the kernel looks through in no time */
#define HINTS 32 /* events in a row that may be taken by themselves */

/* Put an event behind all others.  0 or -ENOMEM. */
int pp_push(struct pp_engine *e, pid_t tid, int status)
{
    if (e->queue_count == e->queue_size) {
        int size = e->queue_size ? 2 * e->queue_size : 64;
        struct wait_event *bigger = realloc(e->queue, (size_t)size * sizeof *bigger);
        if (!bigger)
            return -ENOMEM;
        e->queue = bigger;
        e->queue_size = size;
    }
    e->queue[e->queue_count++] = (struct wait_event){tid, status};
    return 0;
}

/* exec by another thread gave the leader's number away: what the leader itself said before that is history. */
static void forget_leader(struct pp_engine *e, pid_t tid)
{
    for (int i = 0; i < e->queue_count; i++)
        if (e->queue[i].tid == tid)
            e->queue[i].tid = 0;
}

/* Collect everything that can be collected now before any of it is handled: no busy thread starves the others.
 * Children of other threads of ours are theirs to wait for, and need not be looked through. */
static bool drain(struct pp_engine *e)
{
    int status;
    pid_t tid;
    e->queue_head = e->queue_count = 0;
    while ((tid = waitpid(-1, &status, __WALL | __WNOTHREAD | WNOHANG)) > 0) {
        if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC)
            forget_leader(e, tid);
        if (pp_push(e, tid, status) != 0)
            break;
    }
    e->childless = tid < 0 && errno == ECHILD && e->queue_count == 0;
    if (e->childless)
        pp_drop_all(e); /* whatever the records say */
    return e->queue_count > 0;
}

/* The same for one tracee. */
static bool collect(struct pp_engine *e, pid_t tid)
{
    int status;
    e->queue_head = e->queue_count = 0;
    if (tid <= 0) /* the kernel had no room to say who (`ulimit -i`); and for waitpid, 0 would be our group */
        return false;
    return waitpid(tid, &status, __WALL | __WNOTHREAD | WNOHANG) == tid && pp_push(e, tid, status) == 0;
}

/* Among thousands of tracees waiting for any of them costs several times what a stop costs: the kernel looks through
 * all.  SIGCHLD tells of one.  Of others that stop before it is taken there is no signal, so all are looked through
 * after HINTS, and before sleeping. */
static bool hinted(struct pp_engine *e)
{
    static const struct timespec at_once = {0, 0};
    siginfo_t info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigtimedwait(&set, &info, &at_once) != SIGCHLD || !collect(e, info.si_pid))
        return false;
    e->hints++;
    return true;
}

static bool look(struct pp_engine *e, bool by_hints)
{
    if (by_hints)
        return hinted(e);
    e->hints = 0;
    return drain(e);
}

/* Look for the next event a little while before sleeping.  A job that makes one call after the other is served without
 * waking a processor each time, which on virtual machines costs several times the stop itself; a job that computes soon
 * makes this give up, so that no time is taken from it. */
static bool spin(struct pp_engine *e, bool by_hints)
{
    if (e->spin_credit <= 0 && ++e->sleeps % RETRY_AFTER != 0)
        return false;
    for (int64_t end = pp_now() + SPIN_NS; pp_now() < end;)
        if (look(e, by_hints)) {
            e->spin_credit = e->spin_credit + 2 < CREDIT_MAX ? e->spin_credit + 2 : CREDIT_MAX;
            return true;
        }
    e->spin_credit -= e->spin_credit > 0;
    return false;
}

/* Wait until a tracee changes state (1: the queue is filled), somebody calls pp_wake (0) or the job has no process left
 * (-1). */
int pp_wait(struct pp_engine *e)
{
    struct timespec tick = {0, PARKED_CHECK_NS};
    for (;;) {
        bool many = e->tracees > FEW;
        /* By the clock, not only when nothing happens: somebody else may keep us busy for long. */
        if (e->parked && pp_now() - e->parked_checked >= PARKED_CHECK_NS)
            pp_check_parked(e);
        /* Before what the job does: processes that never rest would keep an outcome or a signal waiting for ever. */
        if (pp_now_roughly() - e->signals_checked >= PARKED_CHECK_NS) {
            e->signals_checked = pp_now_roughly();
            pp_take_signals(e);
        }
        if (__atomic_exchange_n(&e->woken, 0, __ATOMIC_ACQ_REL) || e->news)
            return 0;
        if (many && e->hints < HINTS && spin(e, true))
            return 1;
        if (look(e, false))
            return 1;
        /* Without a record there may still be a child whose parent was killed before it could tell of it. */
        if (e->childless || (e->tracees == 0 && !pp_any_traced(e)))
            return -1;
        if (!many && spin(e, false))
            return 1;
        if (__atomic_load_n(&e->woken, __ATOMIC_ACQUIRE))
            continue; /* the signal that goes with it may have been taken for a hint */
        siginfo_t info;
        int sig = sigtimedwait(&e->wait_set, &info, e->parked ? &tick : NULL);
        if (sig == SIGCHLD && collect(e, info.si_pid))
            return 1;
        if (sig > 0 && sig != SIGCHLD)
            pp_forward(e, &info);
    }
}
