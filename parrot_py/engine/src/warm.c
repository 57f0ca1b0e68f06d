/* The warm table: what Python has found out about names of ours, in plain memory, so that the next call on such a name is
 * answered without Python.
 *
 * A key is the text that identifies a name at a stop: an absolute path as the job wrote it, or the /proc text of its
 * directory, two slashes and the relative path, or the /proc text of a descriptor alone.  An entry never decides about
 * permissions: whatever depends on who asks is left to Python, which also decides what gets in here.  Entries are only
 * added; the whole table is dropped when it is full or when the tree behind it changes. */
#include "warm.h"

#define WARM_BUCKETS 16384
#define WARM_MAX_ENTRIES 65536
#define WARM_MAX_BYTES (16L << 20)

struct warm_table {
    int entries;
    long bytes;
    struct warm *buckets[WARM_BUCKETS];
};

static uint32_t hash_of(const char *key, size_t len)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)key[i]) * 16777619u;
    return h;
}

void pp_warm_clear(struct pp_engine *e)
{
    struct warm_table *table = e->warm;
    for (int b = 0; table && b < WARM_BUCKETS; b++)
        while (table->buckets[b]) {
            struct warm *w = table->buckets[b];
            table->buckets[b] = w->next;
            free(w->object);
            free(w->target);
            free(w->dirents);
            free(w->ends);
            free(w);
        }
    free(table);
    e->warm = NULL;
}

struct warm *pp_warm_find(const struct pp_engine *e, const char *key, size_t len, int need)
{
    if (!e->warm)
        return NULL;
    uint32_t h = hash_of(key, len);
    for (struct warm *w = e->warm->buckets[h % WARM_BUCKETS]; w; w = w->next)
        if (w->hash == h && w->key_len == len && (w->valid & need) && memcmp(w->key, key, len) == 0)
            return w;
    return NULL;
}

static struct warm *add(struct pp_engine *e, const char *key, size_t len, int valid)
{
    if (e->warm && (e->warm->entries >= WARM_MAX_ENTRIES || e->warm->bytes >= WARM_MAX_BYTES))
        pp_warm_clear(e);
    if (!e->warm && !(e->warm = calloc(1, sizeof *e->warm)))
        return NULL;
    struct warm *w = calloc(1, sizeof *w + len);
    if (!w)
        return NULL;
    memcpy(w->key, key, len);
    w->key_len = (uint32_t)len;
    w->hash = hash_of(key, len);
    w->valid = valid;
    w->next = e->warm->buckets[w->hash % WARM_BUCKETS];
    e->warm->buckets[w->hash % WARM_BUCKETS] = w;
    e->warm->entries++;
    e->warm->bytes += (long)(sizeof *w + len);
    return w;
}

static char *copy(struct pp_engine *e, const char *data, size_t len)
{
    char *out = malloc(len + 1);
    if (out) {
        memcpy(out, data, len);
        out[len] = 0;
        e->warm->bytes += (long)len;
    }
    return out;
}

/* Note that key is the name of something: st is its struct stat (NULL: it does not exist, error says how).  object and
 * target may be NULL (length ignored).  An older entry of the key is completed. */
void pp_warm_name(struct pp_engine *e, const char *key, int len, int valid, int error, const char *st, int no_xattrs,
                  const char *object, int object_len, const char *target, int target_len)
{
    struct warm *w = pp_warm_find(e, key, (size_t)len, valid);
    if (!w && !(w = add(e, key, (size_t)len, valid)))
        return;
    w->valid |= valid;
    w->error = error;
    if (st)
        memcpy(&w->st, st, sizeof w->st);
    w->no_xattrs = no_xattrs;
    if (object && !w->object)
        w->object = copy(e, object, (size_t)object_len);
    if (target && !w->target)
        w->target = copy(e, target, (size_t)target_len);
}

/* Note the listing of the directory behind a descriptor's text key: count records that end at the offsets in ends. */
void pp_warm_dirents(struct pp_engine *e, const char *key, int len, const char *records, int size,
                     const unsigned int *ends, int count)
{
    struct warm *w = pp_warm_find(e, key, (size_t)len, PP_FOLLOW | PP_NOFOLLOW);
    if ((!w && !(w = add(e, key, (size_t)len, PP_FOLLOW | PP_NOFOLLOW))) || w->dirents)
        return;
    w->ends = malloc(((size_t)count + 1) * sizeof *ends);
    w->dirents = w->ends ? copy(e, records, (size_t)size) : NULL;
    if (!w->dirents)
        return;
    memcpy(w->ends, ends, (size_t)count * sizeof *ends);
    w->records = (uint32_t)count;
}
