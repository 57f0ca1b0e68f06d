/* Answers from the warm table, call by call. */
#include <fcntl.h>

#include "warm.h"

#define AT_KNOWN_STATX (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | 0x2000 | 0x4000)

/* What older systems lack in their headers: the id of the mount, and whether this is its top (since Linux 5.8). */
#define HAS_MOUNT_ID 0x1000
#define MOUNT_ID_OFFSET 144
#define ATTR_MOUNT_ROOT 0x2000
#define FIRST_MOUNT (1 << 30) /* as in procmounts.py */

static bool answer_stat(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t buffer)
{
    bool ok = pp_write(t->tid, buffer, (const char *)&w->st, sizeof w->st) == sizeof w->st;
    pp_answer_now(e, t, ok ? 0 : -EFAULT);
    return true;
}

static bool answer_stat64(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t buffer)
{
    pp_answer_now(e, t, pp_put_stat64(t->tid, &w->st, buffer) ? 0 : -EFAULT);
    return true;
}

static bool answer_statx(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t buffer)
{
    const struct stat *st = &w->st;
    struct statx x = {.stx_mask = STATX_BASIC_STATS | HAS_MOUNT_ID,
                      .stx_attributes = w->valid & PP_MOUNT_ROOT ? ATTR_MOUNT_ROOT : 0,
                      .stx_attributes_mask = ATTR_MOUNT_ROOT,
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
    uint64_t mount = FIRST_MOUNT + x.stx_dev_minor;
    memcpy((char *)&x + MOUNT_ID_OFFSET, &mount, sizeof mount);
    bool ok = pp_write(t->tid, buffer, (const char *)&x, sizeof x) == sizeof x;
    pp_answer_now(e, t, ok ? 0 : -EFAULT);
    return true;
}

/* access(2), as far as it does not depend on who asks. */
static bool answer_access(struct pp_engine *e, struct tracee *t, const struct warm *w, unsigned mode)
{
    unsigned m = w->st.st_mode;
    bool fixed = S_ISREG(m) || S_ISDIR(m) || S_ISLNK(m);
    if ((mode & W_OK) && !fixed)
        return false;
    if (!(mode & W_OK) && ((m & mode) != mode || ((m >> 3) & mode) != mode || ((m >> 6) & mode) != mode))
        return false;
    pp_answer_now(e, t, mode & W_OK ? -EROFS : 0);
    return true;
}

static bool answer_readlink(struct pp_engine *e, struct tracee *t, const struct warm *w, uint64_t buffer, int size)
{
    if (!w->target) {
        if (S_ISLNK(w->st.st_mode))
            return false;
        pp_answer_now(e, t, -EINVAL); /* what realpath(3) hears from each directory on its way */
        return true;
    }
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
    uint64_t size = (int)s->args[2] < 0 ? 0 : s->args[2] & 0xffffffff; /* the kernel counts it down in an int */
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
    if (n < 0 || ((strncmp(name, "security.", 9) != 0 || !name[9]) && strcmp(name, "system.posix_acl_access") != 0 &&
                  strcmp(name, "system.posix_acl_default") != 0))
        return false;
    pp_answer_now(e, t, -ENODATA);
    return true;
}

static int need_of(const struct pp_call *call, const struct pp_stop *s)
{
    switch (call->warm) {
    case PP_W_LSTAT:
    case PP_W_LSTAT64:
    case PP_W_READLINK:
    case PP_W_READLINKAT:
    case PP_W_LGETXATTR:
        return PP_NOFOLLOW;
    case PP_W_FSTATAT:
    case PP_W_FSTATAT64:
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

/* Whether the arguments are such that only the name decides; the odd ones have rules of their own, which Python knows. */
static bool plain_arguments(const struct pp_call *call, const struct pp_stop *s)
{
    switch (call->warm) {
    case PP_W_FSTATAT:
    case PP_W_FSTATAT64:
        return !(s->args[3] & ~(uint64_t)AT_KNOWN_STATX);
    case PP_W_STATX:
        return !(s->args[2] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)) && !(s->args[3] >> 31);
    case PP_W_ACCESS:
        return !(s->args[1] & ~7ULL);
    case PP_W_FACCESSAT2:
        return !(s->args[2] & ~7ULL) && !(s->args[3] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EACCESS));
    case PP_W_FACCESSAT:
        return !(s->args[2] & ~7ULL);
    case PP_W_READLINK:
        return (int)s->args[2] > 0;
    case PP_W_READLINKAT:
        return (int)s->args[3] > 0;
    case PP_W_OPEN:
        return !(s->args[1] & (O_CREAT | O_PATH | (O_TMPFILE & ~O_DIRECTORY)));
    case PP_W_OPENAT:
        return !(s->args[2] & (O_CREAT | O_PATH | (O_TMPFILE & ~O_DIRECTORY)));
    default:
        return true;
    }
}

/* Answer the stop from the table.  False: it is not there, or not for the table to decide.
 * Pre: t is stopped at the entry of call, s holds its arguments; key is the text of its (only) name. */
bool pp_warm_answer(struct pp_engine *e, struct tracee *t, const struct pp_call *call, const struct pp_stop *s,
                    const char *key, size_t len)
{
    const struct warm *w = call->warm && plain_arguments(call, s) ? pp_warm_find(e, key, len, need_of(call, s)) : NULL;
    bool attribute = call->warm == PP_W_GETXATTR || call->warm == PP_W_LGETXATTR;
    if (!w || (attribute && w->error))
        return false; /* the name of an attribute is looked at before the path */
    if (w->error) {
        pp_answer_now(e, t, -w->error);
        return true;
    }
    if (call->warm == PP_W_DIRENTS)
        return answer_dirents(e, t, w, s);
    if (!w->st.st_mode)
        return false; /* known by its listing only */
    switch (call->warm) {
    case PP_W_STAT:
    case PP_W_LSTAT:
    case PP_W_FSTAT: /* of i386, which nobody uses, and where much does not fit: for Python */
        return t->abi == PP_X86_64 && answer_stat(e, t, w, s->args[1]);
    case PP_W_STAT64:
    case PP_W_LSTAT64:
    case PP_W_FSTAT64:
        return answer_stat64(e, t, w, s->args[1]);
    case PP_W_FSTATAT64:
        return answer_stat64(e, t, w, s->args[2]);
    case PP_W_FSTATAT:
        return answer_stat(e, t, w, s->args[2]);
    case PP_W_STATX:
        return answer_statx(e, t, w, s->args[4]);
    case PP_W_ACCESS:
        return answer_access(e, t, w, (unsigned)s->args[1]);
    case PP_W_FACCESSAT:
    case PP_W_FACCESSAT2:
        return answer_access(e, t, w, (unsigned)s->args[2]);
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
