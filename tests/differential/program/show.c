/* What a call answered, as text: all that is meaningful, in a form that does not depend on the run.
 *
 * Objects are numbered in the order in which a sequence meets them, so that "the same file" is compared and inode
 * numbers are not.  Devices of the trees have names.  A time of today is "now".
 */
#include "differ.h"
#include <linux/stat.h>
#include <stdarg.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <time.h>

struct dirent64 {
    uint64_t ino;
    int64_t off;
    unsigned short reclen;
    unsigned char type;
    char name[];
};

struct old_dirent {
    unsigned long ino, off;
    unsigned short reclen;
    char name[];
};

void pp_say(const char *format, ...)
{
    struct shared *s = me->shared;
    size_t room = me->capacity - s->used;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->out + s->used, room, format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= room) {
        fprintf(stderr, "differ: no room for what the calls answered\n");
        exit(3);
    }
    s->used += (size_t)n;
}

static unsigned identity(uint64_t dev, uint64_t ino)
{
    struct shared *s = me->shared;
    for (unsigned i = 0; i < s->ids; i++)
        if (s->id[i].dev == dev && s->id[i].ino == ino)
            return i;
    if (s->ids == MAX_IDS)
        return MAX_IDS;
    s->id[s->ids].dev = dev;
    s->id[s->ids].ino = ino;
    return s->ids++;
}

/* How much of a result lies in the buffer: asked for a size only, a call returns more than was there for it. */
static size_t got_of(const struct arg *arg, long rv)
{
    return rv < 0 ? 0 : (size_t)rv < arg->size ? (size_t)rv : arg->size;
}

/* Whether a text has the number of a pipe, a socket or a process in it. */
static bool is_numbered(const char *data, size_t size)
{
    return memmem(data, size, ":[", 2) || (size && data[0] >= '0' && data[0] <= '9') || memmem(data, size, "/proc/", 6);
}

/* Bytes with everything but plain characters as %XX; numbers of pipes, sockets and processes are left out. */
void pp_say_text(const char *data, size_t size)
{
    bool anonymous = is_numbered(data, size);
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)data[i];
        if (anonymous && c >= '0' && c <= '9')
            continue;
        if (c > ' ' && c < 127 && c != '%' && c != ',' && c != '=')
            pp_say("%c", c);
        else
            pp_say("%%%02x", c);
    }
}

void pp_say_hash(const unsigned char *data, size_t size)
{
    uint64_t sum = 1469598103934665603u;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ data[i]) * 1099511628211u;
    pp_say(" sum=%016lx", sum);
}

static void say_time(const char *name, int64_t seconds, long ns)
{
    static int64_t start;
    if (!start)
        start = time(NULL);
    if (seconds > start - 86400 && seconds < start + 86400)
        pp_say(" %s=now", name);
    else
        pp_say(" %s=%ld.%09ld", name, seconds, ns);
}

static void show_stat(const struct stat *s)
{
    pp_say(" dev=%s ino=%u mode=%o nlink=%lu uid=%u gid=%u rdev=%lx size=%ld blksize=%ld blocks=%ld",
           device_name(s->st_dev), identity(s->st_dev, s->st_ino), s->st_mode, s->st_nlink, s->st_uid, s->st_gid,
           s->st_rdev, s->st_size, s->st_blksize, s->st_blocks);
    say_time("atime", s->st_atim.tv_sec, s->st_atim.tv_nsec);
    say_time("mtime", s->st_mtim.tv_sec, s->st_mtim.tv_nsec);
    say_time("ctime", s->st_ctim.tv_sec, s->st_ctim.tv_nsec);
}

/* Of what the caller did not ask for, a kernel may fill in anything or nothing. */
static void show_statx(const struct statx *x, unsigned asked)
{
    uint64_t dev = ((uint64_t)x->stx_dev_major << 8) | (x->stx_dev_minor & 0xff) |
                   ((uint64_t)(x->stx_dev_minor & 0xfff00) << 12);
    pp_say(" dev=%s ino=%u mode=%o nlink=%u uid=%u gid=%u rdev=%x:%x size=%llu blksize=%u blocks=%llu", device_name(dev),
           identity(dev, x->stx_ino), x->stx_mode, x->stx_nlink, x->stx_uid, x->stx_gid, x->stx_rdev_major,
           x->stx_rdev_minor, (unsigned long long)x->stx_size, x->stx_blksize, (unsigned long long)x->stx_blocks);
    if (asked & STATX_ATIME)
        say_time("atime", x->stx_atime.tv_sec, x->stx_atime.tv_nsec);
    if (asked & STATX_MTIME)
        say_time("mtime", x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec);
    if (asked & STATX_CTIME)
        say_time("ctime", x->stx_ctime.tv_sec, x->stx_ctime.tv_nsec);
    if (asked & STATX_BTIME)
        say_time("btime", x->stx_btime.tv_sec, x->stx_btime.tv_nsec);
    pp_say(" mask=%x attributes=%llx attrmask=%llx mount=%d", x->stx_mask & asked, (unsigned long long)x->stx_attributes,
           (unsigned long long)x->stx_attributes_mask, x->stx_mnt_id != 0);
}

static void show_statfs(const struct statfs *f)
{
    pp_say(" type=%lx bsize=%ld namelen=%ld frsize=%ld flags=%lx", f->f_type, f->f_bsize, f->f_namelen, f->f_frsize,
           f->f_flags);
}

static void show_entry(uint64_t dev, uint64_t ino, int type, const char *name, int64_t off, bool top)
{
    bool made_up = !strcmp(device_name(dev), "P"); /* processes get another number each time that they are looked at */
    if (made_up && top && name[0] >= '0' && name[0] <= '9')
        return; /* and how many there are is others' business */
    pp_say(" ");
    pp_say_text(name, strlen(name));
    if (top || made_up)
        pp_say(",%d", type);
    else
        pp_say(",%d,%u", type, identity(dev, ino));
    bool moved = top && !strcmp(name, "cvmfs"); /* in the root of the host, where ours is the last */
    if (strcmp(name, "..") && !moved && me->cookies < MAX_COOKIES) /* `..` is not in every directory of ours */
        me->cookie[me->cookies++] = off;
}

/* Entries of a listing; the positions behind them are kept for lseek. */
static void show_listing(const struct call *call, const unsigned char *data, long size)
{
    struct stat s;
    bool old = call->show == 'd';
    if (syscall(SYS_fstat, call->args[0].value, &s) != 0)
        s.st_dev = 0;
    /* The tops of repositories have other neighbours than a mounted tree: their entries get no numbers. */
    bool top = is_top(s.st_dev, s.st_ino);
    pp_say(" dev=%s%s", device_name(s.st_dev), top ? "-top" : "");
    me->cookies = 0;
    me->listed[0] = s.st_dev, me->listed[1] = s.st_ino;
    for (long at = 0; at < size;) {
        const struct dirent64 *e = (const void *)(data + at);
        const struct old_dirent *o = (const void *)(data + at);
        if (old)
            show_entry(s.st_dev, o->ino, data[at + o->reclen - 1], o->name, (int64_t)o->off, top);
        else
            show_entry(s.st_dev, e->ino, e->type, e->name, e->off, top);
        at += old ? o->reclen : e->reclen;
    }
}

/* Whether a call reads the top of a repository in parts: having no `..` there shifts all but the whole. */
bool pp_is_part_of_top(const struct call *call)
{
    struct stat s;
    return (call->show == 'd' || call->show == 'D') && call->args[2].value < 16384 &&
           syscall(SYS_fstat, call->args[0].value, &s) == 0 && is_top(s.st_dev, s.st_ino);
}

/* Whether a call locks a file of the host, as /dev/null, that others may lock at the same time. */
bool pp_is_lock_of_host(const struct call *call)
{
    struct stat s;
    return call->nr == SYS_flock && syscall(SYS_fstat, call->args[0].value, &s) == 0 &&
           !strchr("ROCTPS", *device_name(s.st_dev));
}

/* A position in a directory means nothing but which entry of the last listing it lies behind. */
static void show_position(const struct call *call, long rv)
{
    struct stat s;
    if (syscall(SYS_fstat, call->args[0].value, &s) != 0 || !S_ISDIR(s.st_mode)) {
        pp_say(" = %ld", rv);
        return;
    }
    if (me->listed[0] != s.st_dev || me->listed[1] != s.st_ino) {
        pp_say(" = somewhere");
        return;
    }
    for (int i = 0; i < me->cookies; i++)
        if (me->cookie[i] == rv) {
            pp_say(" = behind %d", i);
            return;
        }
    pp_say(rv ? " = elsewhere" : " = 0");
}

/* Whether bytes that the call had no business with have changed. */
static bool touched(const struct arg *arg, size_t from)
{
    for (size_t i = from; arg->data && i < arg->size + arg->slack; i++)
        if (arg->data[i] != FILL)
            return true;
    return false;
}

static size_t show_data(const struct call *call, const struct arg *arg, long rv)
{
    size_t got = got_of(arg, rv);
    switch (call->show) {
    case 'S':
        show_stat((const void *)arg->data);
        return sizeof(struct stat);
    case 'X':
        show_statx((const void *)arg->data, (unsigned)call->args[3].value);
        return sizeof(struct statx);
    case 'V':
        show_statfs((const void *)arg->data);
        return sizeof(struct statfs);
    case 'D':
    case 'd':
        show_listing(call, arg->data, (long)got);
        return got;
    case 'T':
        pp_say(" ");
        pp_say_text((const char *)arg->data, got);
        return got;
    case 'R':
        pp_say_hash(arg->data, got);
        return got;
    default:
        return arg->size;
    }
}

/* One line: the call, its result, and what it wrote. */
void pp_show(const struct call *call, long rv)
{
    const struct arg *arg = &call->args[call->shown];
    if (rv < 0 && rv > -4096)
        pp_say(" = %s", pp_errname(-rv));
    else if (call->show == 'P')
        show_position(call, rv);
    else if (call->show == 'd' || call->show == 'D' ||
             (call->show == 'T' && arg->data && is_numbered((char *)arg->data, got_of(arg, rv))))
        pp_say(rv ? " = some" : " = 0");  /* record lengths are those of the names, told below */
    else
        pp_say(" = %ld", rv);
    if (!arg->data || !strchr("SXVDdTR", call->show))
        return;
    size_t meaningful = 0;
    if (rv >= 0)
        meaningful = show_data(call, arg, rv);
    if (touched(arg, meaningful))
        pp_say(" touched");
}
