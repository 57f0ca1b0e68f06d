/* Signals around the job: what the terminal and other people send, and what waits for threads that we hold. */
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include "pp.h"

/* A stop from the terminal stops the job; stop with it, so that the shell that started us sees the job as stopped. */
void pp_mirror_stop(const struct pp_engine *e, pid_t tid, int sig)
{
    if (tid == e->root && sig != SIGSTOP && getpgid(tid) == getpgrp())
        raise(SIGSTOP);
}

/* Pass a signal on that somebody sent to us and that was meant for the job.  The terminal and the job itself address the
 * job directly, so their signals are not for us to repeat.  SIGUSR1 is for us alone: whoever sends it wants to know what
 * is going on, which must not end the job; one of the job's own was for whoever shares our group with it. */
void pp_forward(struct pp_engine *e, const siginfo_t *info)
{
    bool from_user = info->si_code <= 0;
    if (info->si_signo == SIGIO && !from_user)
        e->news |= PP_KNOCK;
    if (info->si_signo == SIGHUP && !from_user)
        e->hung_up = true; /* we lead the session in the job's place, and only the leader is told */
    else if (!from_user || pp_find(e, info->si_pid) || info->si_signo == SIGTSTP)
        return;
    if (info->si_signo == SIGUSR1) {
        e->news |= PP_REPORT;
        return;
    }
    if (!e->root_done)
        kill(e->root, info->si_signo);
    else if (e->hung_up)
        pp_hang_up(e);
}

/* Take the signals that came while the job left no time to sleep; SIGCHLD is not among them. */
void pp_take_signals(struct pp_engine *e)
{
    static const struct timespec at_once = {0, 0};
    siginfo_t info;
    sigset_t set = e->wait_set;
    sigdelset(&set, SIGCHLD);
    while (sigtimedwait(&set, &info, &at_once) > 0)
        pp_forward(e, &info);
}

/* What happened beside the stops since the last time: bits of enum pp_news. */
int pp_take_news(struct pp_engine *e)
{
    int news = e->news;
    e->news = 0;
    return news;
}

/* The terminal is gone and with it the job's first process: the rest gets what the kernel sends when a session ends.
 * Daemons have a session of their own. */
void pp_hang_up(struct pp_engine *e)
{
    pid_t session = getsid(0);
    for (int b = 0; b < PP_BUCKETS; b++)
        for (struct tracee *t = e->buckets[b]; t; t = t->next)
            if (getsid(t->tid) == session)
                kill(t->tid, SIGHUP);
}

struct masks {
    uint64_t pending, blocked, ignored, caught;
};

/* What the /proc status of a thread says about signals; nothing is pending when it cannot be told. */
static struct masks masks_of(pid_t tid)
{
    char path[64], line[128];
    unsigned long long value, pending = 0, blocked = 0, ignored = 0, caught = 0;
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "SigPnd: %llx", &value) == 1 || sscanf(line, "ShdPnd: %llx", &value) == 1)
            pending |= value;
        sscanf(line, "SigBlk: %llx", &blocked);
        sscanf(line, "SigIgn: %llx", &ignored);
        sscanf(line, "SigCgt: %llx", &caught);
    }
    if (f)
        fclose(f);
    return (struct masks){pending, blocked, ignored, caught};
}

/* Signals that do nothing to the process: ignored, or by default without effect. */
static uint64_t harmless(const struct masks *m)
{
    uint64_t by_default =
        (1ULL << (SIGCHLD - 1)) | (1ULL << (SIGURG - 1)) | (1ULL << (SIGWINCH - 1)) | (1ULL << (SIGCONT - 1));
    return m->ignored | (by_default & ~m->caught);
}

/* Signals that would be delivered to a thread now, as its /proc status tells; 0 when it cannot be told. */
static uint64_t deliverable(pid_t tid)
{
    struct masks m = masks_of(tid);
    return m.pending & ~m.blocked & ~harmless(&m);
}

/* A thread stops for a signal.  The kernel drops one that does nothing at once, unless the thread is traced: then it is
 * woken for it, and calls that cannot be begun again (epoll_wait, sigtimedwait, semop ...) would fail with EINTR.  They
 * begin again here, with their full time.  True when that takes the registers as they are made here. */
bool pp_hide_harmless(pid_t tid, pp_regs *regs, int sig)
{
    if ((int64_t)pp_result(regs) != -EINTR || !pp_in_call(regs))
        return false;
    struct masks m = masks_of(tid);
    if (!(harmless(&m) >> (sig - 1) & 1))
        return false;
    pp_set_result(regs, (uint64_t)-ERESTARTNOHAND);
    return true;
}

int64_t pp_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* The same to a few milliseconds, which never needs a system call. */
int64_t pp_now_roughly(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Whether another thread of the process stopped as a group stop asks: it is complete only when this one stops, too. */
static bool group_stops(struct pp_engine *e, struct tracee *parked)
{
    struct tracee *first = pp_find(e, pp_group_of(e, parked));
    return first && first->listeners > 0;
}

/* A parked thread with a signal to deliver or a stop to take part in goes back to before its call, so that the signal
 * acts at once and no call fails with EINTR: it is made again when the handler returns. */
void pp_check_parked(struct pp_engine *e)
{
    e->parked_checked = pp_now();
    for (struct tracee *t = e->first_parked, *next; t; t = next) {
        next = t->parked_after;
        if (group_stops(e, t) || deliverable(t->tid)) {
            struct pp_stop s = {.tid = t->tid, .serial = t->serial};
            pp_restart(e, &s);
            e->news |= PP_LEFT;
        }
    }
}

/* Make pp_next return PP_WOKEN soon.  May be called on any thread. */
void pp_wake(struct pp_engine *e)
{
    /* One signal for all who call before the tracer has looked: these queue, and there is room for so many only. */
    if (!__atomic_exchange_n(&e->woken, 1, __ATOMIC_ACQ_REL))
        syscall(SYS_tgkill, getpid(), e->owner, PP_WAKE_SIGNAL);
}

/* The thread that waits for tracees, 0 while nobody does. */
static volatile pid_t waiter;

/* SIGCHLD is for the process, and the kernel gives it to any thread that does not block it.  Threads that were there
 * before us, or that a library starts with a mask of its own, would swallow it, and the tracer would sleep for ever. */
static void pass_on(int sig)
{
    int saved = errno;
    pid_t tid = waiter;
    if (tid && tid != (pid_t)syscall(SYS_gettid))
        syscall(SYS_tgkill, getpid(), tid, sig);
    errno = saved;
}

/* Signals that the loop takes by sigtimedwait; everything that would stop or end the tracer for the job's sake. */
void pp_block_signals(struct pp_engine *e)
{
    static const int taken[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTIN,
                                SIGTTOU, SIGIO};
    sigemptyset(&e->wait_set);
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        sigaddset(&e->wait_set, taken[i]);
    pthread_sigmask(SIG_BLOCK, &e->wait_set, &e->old_mask);
    struct sigaction mine = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    waiter = e->owner;
    e->catches = sigaction(SIGCHLD, &mine, &e->old_action) == 0;
}

/* Nobody waits any more. */
void pp_release_signals(struct pp_engine *e)
{
    if (!e->catches)
        return;
    waiter = 0;
    sigaction(SIGCHLD, &e->old_action, NULL);
    e->catches = false;
}
