/* Records: one per thread of the job, found by thread id; one per address space, counted. */
#include "pp.h"

static struct tracee **bucket(struct pp_engine *e, pid_t tid) { return &e->buckets[(unsigned)tid % PP_BUCKETS]; }

struct tracee *pp_find(struct pp_engine *e, pid_t tid)
{
    struct tracee *t = *bucket(e, tid);
    while (t && t->tid != tid)
        t = t->next;
    return t;
}

static void link_in(struct pp_engine *e, struct tracee *t)
{
    struct tracee **head = bucket(e, t->tid);
    t->next = *head;
    *head = t;
}

static void unlink_from(struct pp_engine *e, struct tracee *t)
{
    struct tracee **at = bucket(e, t->tid);
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
}

/* A new record in state RUNNING.  Takes over one reference to mm.  NULL when memory is out. */
struct tracee *pp_add(struct pp_engine *e, pid_t tid, struct mm *mm)
{
    struct tracee *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->tid = tid;
    t->mm = mm;
    t->fresh = true;
    link_in(e, t);
    e->tracees++;
    return t;
}

void pp_drop(struct pp_engine *e, struct tracee *t)
{
    unlink_from(e, t);
    if (t->state == PARKED)
        e->parked--;
    pp_mm_release(t->mm, t->tid);
    free(t->exec_name);
    free(t);
    e->tracees--;
}

void pp_drop_all(struct pp_engine *e)
{
    for (int b = 0; b < PP_BUCKETS; b++)
        while (e->buckets[b])
            pp_drop(e, e->buckets[b]);
}

/* The thread now goes by another id (exec by a thread that was not the leader). */
void pp_rename(struct pp_engine *e, struct tracee *t, pid_t tid)
{
    unlink_from(e, t);
    t->tid = t->group = tid;
    link_in(e, t);
}

struct mm *pp_mm_new(void)
{
    struct mm *mm = calloc(1, sizeof *mm);
    if (mm)
        mm->users = 1;
    return mm;
}

struct mm *pp_mm_share(struct mm *mm)
{
    if (mm)
        mm->users++;
    return mm;
}

/* What fork leaves the child: the same mappings, with no slot in use. */
struct mm *pp_mm_copy(const struct mm *mm)
{
    struct mm *copy = pp_mm_new();
    if (!copy || !mm)
        return copy;
    copy->no_exec = mm->no_exec;
    copy->regions = mm->count ? malloc((size_t)mm->count * sizeof *copy->regions) : NULL;
    if (!copy->regions)
        return copy; /* without the mappings it will be given one of its own */
    copy->room = mm->count;
    for (int i = 0; i < mm->count; i++) {
        copy->regions[i] = mm->regions[i];
        copy->regions[i].owners = NULL;
    }
    copy->count = mm->count;
    return copy;
}

void pp_mm_release(struct mm *mm, pid_t tid)
{
    if (!mm)
        return;
    pp_release_slots(mm, tid);
    if (--mm->users > 0)
        return;
    for (int i = 0; i < mm->count; i++)
        free(mm->regions[i].owners);
    free(mm->regions);
    free(mm);
}

/* The record behind a stop that Python holds, or NULL when the thread died or went on meanwhile. */
struct tracee *pp_held(struct pp_engine *e, const struct pp_stop *s)
{
    struct tracee *t = pp_find(e, s->tid);
    if (!t || t->serial != s->serial || (t->state != HELD && t->state != PARKED))
        return NULL;
    if (t->state == PARKED)
        e->parked--;
    t->state = HELD;
    return t;
}
