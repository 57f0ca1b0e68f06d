/* Who debugs whom in the job, and whose calls are watched for that.
 *
 * The threads of a process that debugs others run under PTRACE_SYSCALL, so that their waits can be answered; nobody else
 * gains a stop.  Before the first ptrace call of a job nothing here costs anything. */
#include <dirent.h>
#include <stdio.h>
#include <sys/wait.h>

#include "nested.h"

struct identity pp_identity(pid_t tid)
{
    char path[64], line[256];
    struct identity who = {0, 0, 0};
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    FILE *f = fopen(path, "re");
    if (!f)
        return who;
    while (fgets(line, sizeof line, f)) {
        sscanf(line, "Tgid: %d", &who.group);
        sscanf(line, "PPid: %d", &who.parent);
        if (sscanf(line, "Uid: %u", &who.uid) == 1)
            break;
    }
    fclose(f);
    return who;
}

/* From now on debugger (a thread of process group) debugs the thread.  NULL when memory is out. */
struct debuggee *pp_debug(struct pp_engine *e, struct tracee *t, pid_t debugger, pid_t group, bool seized,
                          unsigned long options)
{
    struct debuggee *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    struct identity who = pp_identity(t->tid);
    *d = (struct debuggee){.thread = t, .next = e->debuggees, .debugger = debugger, .debugger_group = group,
                           .uid = who.uid, .seized = seized, .options = options, .mode = PTRACE_CONT};
    d->own_child = who.group == t->tid && who.parent == group;
    e->debuggees = t->debuggee = d;
    return d;
}

/* -- whose calls are watched */

static void watch_thread(struct pp_engine *e, struct tracee *t)
{
    t->watched = true;
    t->next_watched = e->watched;
    e->watched = t;
}

static void unwatch_thread(struct pp_engine *e, struct tracee *t)
{
    struct tracee **at = &e->watched;
    while (*at != t)
        at = &(*at)->next_watched;
    *at = t->next_watched;
    t->watched = false;
}

/* Bring a running thread to a stop, so that it goes on as it now should.  A new one stops anyhow. */
void pp_nudge(struct pp_engine *e, struct tracee *t)
{
    if (t->state != RUNNING || t->nudged || t->fresh)
        return;
    t->nudged = true;
    pp_ptrace(e, PTRACE_INTERRUPT, t->tid, NULL, NULL);
}

/* Watch all threads of a process.  present: the one that is in its stop and needs no nudge, or NULL.  A wait that sleeps
 * in the kernel is left by the nudge and begins again, watched. */
void pp_watch(struct pp_engine *e, pid_t group, const struct tracee *present)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", group);
    DIR *tasks = opendir(path);
    struct dirent *entry;
    while (tasks && (entry = readdir(tasks))) {
        struct tracee *t = pp_find(e, (pid_t)atoi(entry->d_name));
        if (!t || t->watched)
            continue;
        watch_thread(e, t);
        if (t != present)
            pp_nudge(e, t);
    }
    if (tasks)
        closedir(tasks);
}

static bool debugs(const struct pp_engine *e, pid_t group)
{
    for (const struct debuggee *d = e->debuggees; d; d = d->next)
        if (d->debugger_group == group)
            return true;
    for (const struct obituary *o = e->obituaries; o; o = o->next)
        if (o->debugger_group == group)
            return true;
    return false;
}

/* Something that the process may wait for has changed: let its waiting threads look again. */
void pp_wake_waiters(struct pp_engine *e, pid_t group)
{
    for (struct tracee *t = e->watched; t; t = t->next_watched)
        if (t->waiting != W_NOT && pp_group_of(e, t) == group)
            pp_nudge(e, t);
}

static void fewer_debuggees(struct pp_engine *e, pid_t group)
{
    pp_wake_waiters(e, group);
    if (e->orphans)
        pp_release_orphans(e);
    if (debugs(e, group))
        return;
    struct tracee *next;
    for (struct tracee *t = e->watched; t; t = next) {
        next = t->next_watched;
        if (pp_group_of(e, t) == group)
            unwatch_thread(e, t);
    }
}

/* -- ends */

static void unlink_debuggee(struct pp_engine *e, struct debuggee *d)
{
    struct debuggee **at = &e->debuggees;
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    d->thread->debuggee = NULL;
}

/* The thread is no longer debugged and goes on, with a signal if it is in a stop that can deliver one. */
void pp_part(struct pp_engine *e, struct debuggee *d, int sig)
{
    struct tracee *t = d->thread;
    unlink_debuggee(e, d);
    if (d->stop != D_RUNS) {
        pp_apply_options(e, t);
        pp_let_go(e, t, d->stop, d->code, sig);
    }
    pid_t group = d->debugger_group;
    free(d);
    fewer_debuggees(e, group);
}

void pp_forget_obituary(struct pp_engine *e, struct obituary *o)
{
    struct obituary **at = &e->obituaries;
    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    pid_t group = o->debugger_group;
    free(o);
    fewer_debuggees(e, group);
}

/* A debuggee has died: its debugger must be told, unless the kernel does it. */
void pp_debug_death(struct pp_engine *e, struct tracee *t, int status)
{
    const struct debuggee *d = t->debuggee;
    struct obituary *o = d && !d->own_child ? calloc(1, sizeof *o) : NULL;
    if (!o)
        return;
    *o = (struct obituary){.next = e->obituaries, .tid = t->tid, .process_group = getpgid(t->tid), .uid = d->uid,
                           .debugger = d->debugger, .debugger_group = d->debugger_group, .status = status,
                           .order = ++e->debug_order};
    e->obituaries = o;
    int how = WIFEXITED(status) ? CLD_EXITED : WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
    pp_tell_debugger(d->debugger_group, t->tid, d->uid, how, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

/* A debugger has died: what it debugged is killed or goes on, as it has asked for. */
static void debugger_died(struct pp_engine *e, pid_t tid)
{
    struct debuggee *next;
    for (struct debuggee *d = e->debuggees; d; d = next) {
        next = d->next;
        if (d->debugger != tid)
            continue;
        if (d->options & PTRACE_O_EXITKILL)
            kill(d->thread->tid, SIGKILL);
        pp_part(e, d, d->stop == D_SIGNAL ? d->code : 0);
    }
    struct obituary *after;
    for (struct obituary *o = e->obituaries; o; o = after) {
        after = o->next;
        if (o->debugger == tid)
            pp_forget_obituary(e, o);
    }
}

/* The record of a thread is about to go. */
void pp_debug_drop(struct pp_engine *e, struct tracee *t)
{
    if (t->state == ORPHAN)
        pp_set_state(e, t, RUNNING);
    if (t->watched)
        unwatch_thread(e, t);
    if (t->debuggee) {
        struct debuggee *d = t->debuggee;
        unlink_debuggee(e, d);
        pid_t group = d->debugger_group;
        free(d);
        fewer_debuggees(e, group);
    }
    debugger_died(e, t->tid);
}

/* A thread that was not its leader has started a program and now goes by the id of its process. */
void pp_debug_rename(struct pp_engine *e, struct tracee *t, pid_t old)
{
    for (struct debuggee *d = e->debuggees; d; d = d->next)
        if (d->debugger == old)
            d->debugger = t->tid;
    for (struct obituary *o = e->obituaries; o; o = o->next)
        if (o->debugger == old)
            o->debugger = t->tid;
    if (t->debuggee)
        t->debuggee->own_child = pp_identity(t->tid).parent == t->debuggee->debugger_group;
}

/* No thread is left, or none that we could still ask anything of. */
void pp_debug_end(struct pp_engine *e)
{
    while (e->debuggees) {
        struct debuggee *d = e->debuggees;
        unlink_debuggee(e, d);
        free(d);
    }
    while (e->obituaries) {
        struct obituary *o = e->obituaries;
        e->obituaries = o->next;
        free(o);
    }
}

/* A thread of a process that debugs: watched like the others. */
void pp_watch_child(struct pp_engine *e, struct tracee *child)
{
    if (!child->watched)
        watch_thread(e, child);
}
