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
    t->persona = -1;
    link_in(e, t);
    e->tracees++;
    return t;
}

static struct tracee *first_of(struct pp_engine *e, struct tracee *t)
{
    return t->group == t->tid ? t : t->group ? pp_find(e, t->group) : NULL;
}

static void park(struct pp_engine *e, struct tracee *t)
{
    t->parked_before = NULL;
    t->parked_after = e->first_parked;
    if (e->first_parked)
        e->first_parked->parked_before = t;
    e->first_parked = t;
    e->parked++;
}

static void unpark(struct pp_engine *e, struct tracee *t)
{
    if (t->parked_before)
        t->parked_before->parked_after = t->parked_after;
    else
        e->first_parked = t->parked_after;
    if (t->parked_after)
        t->parked_after->parked_before = t->parked_before;
    e->parked--;
}

/* The only way to change a thread's state: others keep account of some of them. */
void pp_set_state(struct pp_engine *e, struct tracee *t, enum state state)
{
    if (t->state == state)
        return;
    if (t->state == PARKED)
        unpark(e, t);
    e->orphans += (state == ORPHAN) - (t->state == ORPHAN);
    if (t->state == LISTENING || state == LISTENING) {
        pp_group_of(e, t);
        struct tracee *first = first_of(e, t);
        if (first)
            first->listeners += state == LISTENING ? 1 : -1;
    }
    t->state = state;
    if (state == PARKED)
        park(e, t);
}

/* Note which process a thread belongs to, once. */
void pp_join_group(struct pp_engine *e, struct tracee *t, pid_t group)
{
    if (t->group)
        return;
    t->group = group;
    struct tracee *first = first_of(e, t);
    if (first && first != t)
        first->members++;
}

/* The process of a thread.  Its birth told, unless the parent was killed before we could ask. */
pid_t pp_group_of(struct pp_engine *e, struct tracee *t)
{
    if (!t->group)
        pp_join_group(e, t, pp_thread_group(t->tid));
    return t->group;
}

/* A process has one thread left: drop the records of others.  There are none, unless one took the number of the first
 * (exec) and was killed before it could say so: its old number is never heard of again. */
void pp_drop_members(struct pp_engine *e, struct tracee *first)
{
    for (int b = 0; first->members && b < PP_BUCKETS; b++)
        for (struct tracee *t = e->buckets[b], *next; t; t = next) {
            next = t->next;
            if (t->group == first->tid && t != first)
                pp_drop(e, t);
        }
}

void pp_drop(struct pp_engine *e, struct tracee *t)
{
    pp_debug_drop(e, t);
    e->news |= t->state == PARKED ? PP_LEFT : 0;
    pp_set_state(e, t, RUNNING);
    struct tracee *first = first_of(e, t);
    if (first && first != t)
        first->members--;
    unlink_from(e, t);
    pp_mm_release(t->mm, t->tid);
    free(t->exec_name);
    free(t->after);
    free(t);
    e->tracees--;
}

void pp_drop_all(struct pp_engine *e)
{
    pp_debug_end(e);
    for (int b = 0; b < PP_BUCKETS; b++)
        while (e->buckets[b])
            pp_drop(e, e->buckets[b]);
}

/* The thread now goes by another id (exec by a thread that was not the leader).  Pre: the leader's record is dropped. */
void pp_rename(struct pp_engine *e, struct tracee *t, pid_t tid)
{
    if (t->mm)
        pp_release_slots(t->mm, t->tid);
    pid_t old = t->tid;
    unlink_from(e, t);
    t->tid = t->group = tid;
    link_in(e, t);
    pp_debug_rename(e, t, old);
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
    pp_set_state(e, t, HELD);
    return t;
}

/* Whether the thread of a parked stop is still parked; it stays so, unlike with pp_held. */
int pp_is_parked(struct pp_engine *e, const struct pp_stop *s)
{
    const struct tracee *t = pp_find(e, s->tid);
    return t && t->serial == s->serial && t->state == PARKED;
}
