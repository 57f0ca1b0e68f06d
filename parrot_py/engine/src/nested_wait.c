/* wait4 and waitid of processes that debug others.
 *
 * A call that can be answered by a stop of a debuggee is answered at its entry.  Any other goes to the kernel, which knows
 * about children; when a debuggee stops meanwhile the call is interrupted, and answered at its exit.  Where the kernel
 * would not wait, because the debuggee is nobody's child here, the call becomes pause(2).  An exit with -ERESTARTSYS is
 * left to the kernel: it begins the call again, or makes it EINTR if a handler without SA_RESTART ran. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "nested.h"

#define NR_WAIT4 61
#define NR_WAITID 247
#define NR_PAUSE 34
#define WAIT4_FLAGS (WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)
#define WAITID_FLAGS (WAIT4_FLAGS | WEXITED | WNOWAIT)
#define P_PIDFD_TYPE 3

static pid_t pid_of_pidfd(pid_t tid, int fd)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", tid, fd);
    return (pid_t)pp_proc_number(path, "Pid:", 10);
}

/* What the call asks for.  False when it is no wait, or one that fails by its arguments alone. */
static bool read_wait(struct tracee *t, struct wait_call *w)
{
    uint64_t nr = pp_nr(&t->regs), arg[5];
    for (int i = 0; i < 5; i++)
        arg[i] = *pp_arg(&t->regs, PP_X86_64, i);
    if (t->abi != PP_X86_64 || (nr != NR_WAIT4 && nr != NR_WAITID))
        return false;
    *w = (struct wait_call){.waitid = nr == NR_WAITID};
    pid_t id = (pid_t)arg[0];
    if (!w->waitid) {
        *w = (struct wait_call){.type = id == -1 ? P_ALL : id > 0 ? P_PID : P_PGID, .id = id < -1 ? -id : id,
                                .status = arg[1], .usage = arg[3], .flags = (int)arg[2] | WEXITED};
        if (w->type == P_PGID && id == 0)
            w->id = getpgid(t->tid);
        return !(arg[2] & ~(uint64_t)WAIT4_FLAGS) && id != INT32_MIN;
    }
    id = (pid_t)arg[1];
    *w = (struct wait_call){.waitid = true, .type = (int)arg[0], .id = id, .status = arg[2], .usage = arg[4],
                            .flags = (int)arg[3]};
    if (w->type == P_PIDFD_TYPE) {
        w->type = P_PID;
        w->id = pid_of_pidfd(t->tid, id);
    } else if (w->type == P_PGID && id == 0) {
        w->id = getpgid(t->tid);
    }
    return !(w->flags & ~WAITID_FLAGS) && w->flags & (WEXITED | WSTOPPED | WCONTINUED) && w->type <= P_PGID;
}

/* Whether the wait of t may tell of tid, a thread of process_group that the thread debugger of group debugs. */
static bool concerns(struct pp_engine *e, const struct wait_call *w, struct tracee *t, pid_t tid, pid_t debugger,
                     pid_t group, pid_t process_group)
{
    if (group != pp_group_of(e, t) || (w->flags & __WNOTHREAD && debugger != t->tid))
        return false;
    return w->type == P_ALL || (w->type == P_PID && w->id == tid) || (w->type == P_PGID && w->id == process_group);
}

/* What there is to tell: *d (a stop) or *o (a death), whichever came first.  False when there is nothing yet; *any says
 * whether there may be later. */
static bool find_news(struct pp_engine *e, struct tracee *t, const struct wait_call *w, struct debuggee **d,
                      struct obituary **o, bool *any)
{
    uint64_t first = UINT64_MAX;
    *d = NULL;
    *o = NULL;
    *any = false;
    for (struct debuggee *i = e->debuggees; i; i = i->next) {
        pid_t process_group = w->type == P_PGID ? getpgid(i->thread->tid) : 0;
        if (!concerns(e, w, t, i->thread->tid, i->debugger, i->debugger_group, process_group))
            continue;
        *any = true;
        if (i->stop != D_RUNS && !i->waited && i->order < first && pp_still_stopped(e, i->thread)) {
            first = i->order;
            *d = i;
        }
    }
    for (struct obituary *i = e->obituaries; i && w->flags & WEXITED; i = i->next)
        if (concerns(e, w, t, i->tid, i->debugger, i->debugger_group, i->process_group) && i->order < first) {
            first = i->order;
            *o = i;
            *d = NULL;
        }
    return *d || *o;
}

/* The processor time of a thread, as wait4 tells it.  /proc counts in ticks. */
static void usage_of(pid_t tid, struct rusage *usage)
{
    char path[64];
    unsigned long user = 0, kernel = 0;
    memset(usage, 0, sizeof *usage);
    snprintf(path, sizeof path, "/proc/%d/stat", tid);
    FILE *f = fopen(path, "re");
    if (!f)
        return;
    if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2) {
        unsigned long tick = (unsigned long)sysconf(_SC_CLK_TCK);
        usage->ru_utime = (struct timeval){(time_t)(user / tick), (suseconds_t)(user % tick * (1000000 / tick))};
        usage->ru_stime = (struct timeval){(time_t)(kernel / tick), (suseconds_t)(kernel % tick * (1000000 / tick))};
    }
    fclose(f);
}

static long write_siginfo(struct tracee *t, uint64_t address, int code, pid_t tid, uid_t uid, int status)
{
    const int head[3] = {SIGCHLD, 0, code}, tail[3] = {tid, (int)uid, status};
    if (!address)
        return 0;
    bool ok = pp_write(t->tid, address, (const char *)head, sizeof head) == sizeof head &&
              pp_write(t->tid, address + offsetof(siginfo_t, si_pid), (const char *)tail, sizeof tail) == sizeof tail;
    return ok ? 0 : -EFAULT;
}

/* Tell of one of them.  The call's result. */
static long tell(struct tracee *t, const struct wait_call *w, pid_t tid, uid_t uid, int status)
{
    struct rusage usage;
    if (w->usage) {
        usage_of(tid, &usage);
        if (pp_write(t->tid, w->usage, (const char *)&usage, sizeof usage) != sizeof usage)
            return -EFAULT;
    }
    if (!w->waitid) {
        if (w->status && pp_write(t->tid, w->status, (const char *)&status, sizeof status) != sizeof status)
            return -EFAULT;
        return tid;
    }
    if (WIFSTOPPED(status & 0xffff))
        return write_siginfo(t, w->status, CLD_TRAPPED, tid, uid, status >> 8);
    int code = WIFEXITED(status) ? CLD_EXITED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
    return write_siginfo(t, w->status, code, tid, uid, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* Whether there is something to tell; then *result is the call's. */
static bool answer(struct pp_engine *e, struct tracee *t, const struct wait_call *w, long *result, bool *any)
{
    struct debuggee *d;
    struct obituary *o;
    if (!find_news(e, t, w, &d, &o, any))
        return false;
    if (d) {
        *result = tell(t, w, d->thread->tid, d->uid, d->code << 8 | 0x7f);
        d->waited = !(w->flags & WNOWAIT);
        return true;
    }
    *result = tell(t, w, o->tid, o->uid, o->status);
    if (!(w->flags & WNOWAIT))
        pp_forget_obituary(e, o);
    return true;
}

/* The entry of a call of a thread that debugs.  True when it was a wait: it has been dealt with. */
bool pp_take_wait(struct pp_engine *e, struct tracee *t)
{
    struct wait_call w;
    long result;
    bool any, pause = false;
    if (pp_get_regs(e, t, &t->regs) != 0)
        return true; /* it died */
    t->abi = pp_abi_of(e, t, &t->regs);
    pause = t->pause_at == pp_ip(&t->regs);
    t->pause_at = 0;
    if (!read_wait(t, &w))
        return false;
    if (answer(e, t, &w, &result, &any)) {
        pp_answer_now(e, t, result);
        return true;
    }
    t->waiting = pause && any ? W_PAUSED : W_REAL;
    if (t->waiting == W_PAUSED) {
        pp_regs regs = t->regs;
        pp_set_nr(&regs, NR_PAUSE);
        pp_set_regs(e, t, &regs);
    }
    pp_go_to_exit(e, t);
    return true;
}

/* Whether the kernel's answer is the stop of a debuggee that is a child, too: its debugger sees it as we tell it. */
static bool stop_of_debuggee(struct pp_engine *e, struct tracee *t, const struct wait_call *w, long result)
{
    int info[6] = {0}, status = 0;
    bool stopped = false;
    if (!(w->flags & WUNTRACED) || w->flags & WNOWAIT || result < 0)
        return false;
    pid_t tid = (pid_t)result;
    if (w->waitid && pp_read(t->tid, w->status, (char *)info, sizeof info) == sizeof info) {
        stopped = info[2] == CLD_STOPPED;
        tid = info[4];
    } else if (!w->waitid) {
        pp_read(t->tid, w->status, (char *)&status, sizeof status);
        stopped = !w->status || WIFSTOPPED(status);
    }
    const struct tracee *child = tid > 0 ? pp_find(e, tid) : NULL;
    return stopped && child && child->debuggee && child->debuggee->debugger_group == pp_group_of(e, t);
}

/* The exit of a wait.  The registers are left as the job is to see them, or so that the kernel begins the call again. */
void pp_end_wait(struct pp_engine *e, struct tracee *t)
{
    pp_regs regs;
    struct wait_call w;
    bool any = false, was_real = t->waiting == W_REAL;
    t->waiting = W_NOT;
    if (pp_get_regs(e, t, &regs) != 0 || !read_wait(t, &w))
        return;
    long result = (long)pp_result(&regs), kernels = result;
    pp_set_nr(&regs, pp_nr(&t->regs));
    bool nothing = result == -ECHILD || result == -ERESTARTSYS || result == -ERESTARTNOHAND ||
                   (result == 0 && w.flags & WNOHANG && !w.waitid);
    if (stop_of_debuggee(e, t, &w, result)) {
        result = -ERESTARTSYS;
        kernels = 0;
    } else if (nothing && !answer(e, t, &w, &result, &any)) {
        if (kernels == -ECHILD && any && w.flags & WNOHANG)
            result = 0;
        else if (kernels != 0 && (kernels != -ECHILD || any))
            result = -ERESTARTSYS;
        if (kernels == -ECHILD && any && !(w.flags & WNOHANG))
            t->pause_at = pp_ip(&regs);
    }
    pp_set_result(&regs, (uint64_t)result);
    pp_set_regs(e, t, &regs);
    bool ours = result == -ERESTARTSYS && kernels != -ERESTARTSYS && kernels != -ERESTARTNOHAND;
    if (ours)
        pp_nudge(e, t); /* the kernel begins a call again only where it looks for signals */
    if (t->debuggee)
        t->debuggee->repeated = result == -ERESTARTSYS && (ours || !was_real);
}
