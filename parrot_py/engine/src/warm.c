/* The warm table: what Python has found out about names of ours, in plain memory, so that the next call on such a name is
 * answered without Python.
 *
 * A key is the text that identifies a name at a stop: an absolute path as the job wrote it, or the /proc text of its
 * directory, two slashes and the relative path, or the /proc text of a descriptor alone.  An entry never decides about
 * permissions: whatever depends on who asks is left to Python, which also decides what gets in here.  Entries are only
 * added; the whole table is dropped when it is full or when the tree behind it changes. */
#include <fcntl.h>
#include <sys/stat.h>

#include "pp.h"

#define WARM_BUCKETS 16384
#define WARM_MAX_ENTRIES 65536
#define WARM_MAX_BYTES (16L << 20)
#define AT_KNOWN_STATX (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | 0x2000 | 0x4000)

struct warm {
    struct warm *next;
    uint32_t hash;
    int valid; /* PP_FOLLOW, PP_NOFOLLOW: for which treatment of a final link the entry holds */
    bool no_xattrs; /* it has no extended attributes of its own */
    int error; /* the name's errno, 0 when it exists */
    struct stat st;
    char *object;  /* what open may be redirected to by anybody, or NULL */
    char *target;  /* of a symbolic link, or NULL */
    char *dirents; /* records of getdents64, or NULL */
    uint32_t *ends; /* where each record ends */
    uint32_t records;
    uint32_t key_len;
    char key[];
};

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

static struct warm *find(const struct pp_engine *e, const char *key, size_t len, int need)
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
    struct warm *w = find(e, key, (size_t)len, valid);
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
    struct warm *w = find(e, key, (size_t)len, PP_FOLLOW | PP_NOFOLLOW);
    if ((!w && !(w = add(e, key, (size_t)len, PP_FOLLOW | PP_NOFOLLOW))) || w->dirents)
        return;
    w->ends = malloc(((size_t)count + 1) * sizeof *ends);
    w->dirents = w->ends ? copy(e, records, (size_t)size) : NULL;
    if (!w->dirents)
        return;
    memcpy(w->ends, ends, (size_t)count * sizeof *ends);
    w->records = (uint32_t)count;
}

static bool answer_stat(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t buffer)
{
    bool ok = pp_write(t->tid, buffer, (const char *)&w->st, sizeof w->st) == sizeof w->st;
    pp_answer_now(e, t, ok ? 0 : -EFAULT);
    return true;
}

static bool answer_statx(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t buffer)
{
    const struct stat *st = &w->st;
    struct statx x = {.stx_mask = STATX_BASIC_STATS,
                      .stx_blksize = (uint32_t)st->st_blksize,
                      .stx_nlink = (uint32_t)st->st_nlink,
                      .stx_uid = st->st_uid,
                      .stx_gid = st->st_gid,
                      .stx_mode = (uint16_t)st->st_mode,
                      .stx_ino = st->st_ino,
                      .stx_size = (uint64_t)st->st_size,
                      .stx_blocks = (uint64_t)st->st_blocks};
    x.stx_mtime.tv_sec = st->st_mtim.tv_sec;
    x.stx_mtime.tv_nsec = (uint32_t)st->st_mtim.tv_nsec;
    x.stx_atime = x.stx_ctime = x.stx_mtime;
    x.stx_dev_major = (uint32_t)((st->st_dev >> 8) & 0xfff);
    x.stx_dev_minor = (uint32_t)((st->st_dev & 0xff) | ((st->st_dev >> 12) & 0xfff00));
    x.stx_rdev_major = (uint32_t)((st->st_rdev >> 8) & 0xfff);
    x.stx_rdev_minor = (uint32_t)((st->st_rdev & 0xff) | ((st->st_rdev >> 12) & 0xfff00));
    bool ok = pp_write(t->tid, buffer, (const char *)&x, sizeof x) == sizeof x;
    pp_answer_now(e, t, ok ? 0 : -EFAULT);
    return true;
}

/* access(2), as far as it does not depend on who asks. */
static bool answer_access(struct pp_engine *e, struct tracee *t, const struct warm *w, unsigned mode)
{
    unsigned m = w->st.st_mode;
    bool fixed = S_ISREG(m) || S_ISDIR(m) || S_ISLNK(m);
    if (mode & ~7u)
        return false;
    if ((mode & W_OK) && !fixed)
        return false;
    if (!(mode & W_OK) && ((m & mode) != mode || ((m >> 3) & mode) != mode || ((m >> 6) & mode) != mode))
        return false;
    pp_answer_now(e, t, mode & W_OK ? -EROFS : 0);
    return true;
}

static bool answer_readlink(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t buffer, int size)
{
    if (!w->target || size <= 0)
        return false;
    size_t n = strlen(w->target);
    n = n < (size_t)size ? n : (size_t)size;
    bool ok = pp_write(t->tid, buffer, w->target, n) == (long long)n;
    pp_answer_now(e, t, ok ? (long long)n : -EFAULT);
    return true;
}

static bool answer_open(struct pp_engine *e, struct tracee *t, const struct pp_call *call, const struct warm *w,
                        unsigned flags)
{
    unsigned plain = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW | 0100000 /* O_LARGEFILE */;
    if (S_ISDIR(w->st.st_mode))
        plain |= O_DIRECTORY;
    if ((flags & ~plain) || !w->object)
        return false;
    return pp_redirect_now(e, t, call->path[0], w->object, (int)strlen(w->object), 1) >= 0;
}

static bool answer_dirents(struct pp_engine *e, struct tracee *t, const struct warm *w, const struct pp_stop *s)
{
    long long at = w->dirents ? pp_seek(t->tid, (int)s->args[0], 0, SEEK_CUR) : -1;
    if (at < 0 || at > (long long)w->records)
        return false;
    uint64_t size = s->args[2] & 0xffffffff;
    uint32_t begin = at ? w->ends[at - 1] : 0, to = (uint32_t)at;
    while (to < w->records && w->ends[to] - begin <= size)
        to++;
    if (to == at && to < w->records)
        return false; /* not even one fits: EINVAL is Python's to say */
    uint32_t n = to > at ? w->ends[to - 1] - begin : 0;
    if (n && pp_write(t->tid, s->args[1], w->dirents + begin, n) != (long long)n)
        return false;
    if (n && pp_seek(t->tid, (int)s->args[0], to, SEEK_SET) < 0)
        return false;
    pp_answer_now(e, t, n);
    return true;
}

/* What every listing program asks of every file: labels and access control lists, which hardly any has. */
static bool answer_getxattr(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t address)
{
    char name[32];
    if (!w->no_xattrs || S_ISLNK(w->st.st_mode))
        return false;
    long long n = pp_read_string(t->tid, address, name, sizeof name);
    if (n < 0 || (strncmp(name, "security.", 9) != 0 && strcmp(name, "system.posix_acl_access") != 0 &&
                  strcmp(name, "system.posix_acl_default") != 0))
        return false;
    pp_answer_now(e, t, -ENODATA);
    return true;
}

static int need_of(const struct pp_call *call, const struct pp_stop *s)
{
    switch (call->warm) {
    case PP_W_LSTAT:
    case PP_W_READLINK:
    case PP_W_READLINKAT:
    case PP_W_LGETXATTR:
        return PP_NOFOLLOW;
    case PP_W_FSTATAT:
    case PP_W_FACCESSAT2:
        return s->args[3] & AT_SYMLINK_NOFOLLOW ? PP_NOFOLLOW : PP_FOLLOW;
    case PP_W_STATX:
        return s->args[2] & AT_SYMLINK_NOFOLLOW ? PP_NOFOLLOW : PP_FOLLOW;
    case PP_W_OPEN:
        return s->args[1] & O_NOFOLLOW ? PP_NOFOLLOW : PP_FOLLOW;
    case PP_W_OPENAT:
        return s->args[2] & O_NOFOLLOW ? PP_NOFOLLOW : PP_FOLLOW;
    default:
        return PP_FOLLOW;
    }
}

/* A missing name is missing for all calls that do not create it. */
static bool answer_missing(struct pp_engine *e, struct tracee *t, const struct pp_call *call, const struct warm *w,
                           const struct pp_stop *s)
{
    unsigned flags = call->warm == PP_W_OPEN ? (unsigned)s->args[1] : call->warm == PP_W_OPENAT ? (unsigned)s->args[2] : 0;
    unsigned odd = O_CREAT | O_TMPFILE | O_PATH;
    if (flags & odd & ~O_DIRECTORY)
        return false;
    pp_answer_now(e, t, -w->error);
    return true;
}

/* Answer the stop from the table.  False: it is not there, or not for the table to decide.
 * Pre: t is stopped at the entry of call, s holds its arguments; key is the text of its (only) name. */
bool pp_warm_answer(struct pp_engine *e, struct tracee *t, const struct pp_call *call, const struct pp_stop *s,
                    const char *key, size_t len)
{
    const struct warm *w = call->warm ? find(e, key, len, need_of(call, s)) : NULL;
    if (!w)
        return false;
    if (w->error)
        return answer_missing(e, t, call, w, s);
    if (call->warm == PP_W_DIRENTS)
        return answer_dirents(e, t, w, s);
    if (!w->st.st_mode)
        return false; /* known by its listing only */
    switch (call->warm) {
    case PP_W_STAT:
    case PP_W_LSTAT:
    case PP_W_FSTAT:
        return answer_stat(e, t, w, s->args[1]);
    case PP_W_FSTATAT:
        return !(s->args[3] & ~(uint64_t)AT_KNOWN_STATX) && answer_stat(e, t, w, s->args[2]);
    case PP_W_STATX:
        return !(s->args[2] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) &&
               !(s->args[3] >> 31) && answer_statx(e, t, w, s->args[4]);
    case PP_W_ACCESS:
        return answer_access(e, t, w, (unsigned)s->args[1]);
    case PP_W_FACCESSAT:
        return answer_access(e, t, w, (unsigned)s->args[2]);
    case PP_W_FACCESSAT2:
        return !(s->args[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EACCESS)) &&
               answer_access(e, t, w, (unsigned)s->args[2]);
    case PP_W_READLINK:
        return answer_readlink(e, t, w, s->args[1], (int)s->args[2]);
    case PP_W_READLINKAT:
        return answer_readlink(e, t, w, s->args[2], (int)s->args[3]);
    case PP_W_GETXATTR:
    case PP_W_LGETXATTR:
        return answer_getxattr(e, t, w, s->args[1]);
    case PP_W_OPEN:
        return answer_open(e, t, call, w, (unsigned)s->args[1]);
    case PP_W_OPENAT:
        return answer_open(e, t, call, w, (unsigned)s->args[2]);
    default:
        return false;
    }
}
