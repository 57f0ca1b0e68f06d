/* The calls of i386 by int 0x80, made from 32-bit code and from 64-bit code, which may do so as well: the structures that
 * only they have, arguments in memory, arrays of short pointers.  Everything passed lies below 4 GiB. */
#include "canon.h"
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { i_open = 5, i_execve = 11, i_chdir = 12, i_lchown = 16, i_oldstat = 18, i_umount = 22, i_oldfstat = 28, i_utime = 30,
       i_access = 33, i_oldlstat = 84, i_readlink = 85, i_readdir = 89, i_truncate = 92, i_statfs = 99, i_fstatfs = 100,
       i_socketcall = 102, i_stat = 106, i_lstat = 107, i_fstat = 108, i_fchdir = 133, i_llseek = 140, i_getdents = 141,
       i_chown = 182, i_getcwd = 183, i_truncate64 = 193, i_stat64 = 195, i_lstat64 = 196, i_fstat64 = 197, i_lchown32 = 198,
       i_fchown32 = 207, i_chown32 = 212, i_getdents64 = 220, i_statfs64 = 268, i_fstatfs64 = 269, i_utimes = 271,
       i_openat = 295, i_fstatat64 = 300, i_readlinkat = 305, i_utimensat = 320, i_execveat = 358, i_bind = 361,
       i_statx = 383, i_utimensat64 = 412, i_openat2 = 437 };

struct oldstat { uint16_t dev, ino, mode, nlink, uid, gid, rdev; uint32_t size, atime, mtime, ctime; };
struct stat32 { uint32_t dev, ino; uint16_t mode, nlink, uid, gid; uint32_t rdev, size, blksize, blocks, at, atn, mt, mtn, ct, ctn, pad[2]; };
struct stat_large { uint64_t dev; uint32_t pad0, ino_low, mode, nlink, uid, gid; uint64_t rdev; uint32_t pad3; int64_t size;
                uint32_t blksize; uint64_t blocks; uint32_t at, atn, mt, mtn, ct, ctn; uint64_t ino; } __attribute__((packed));
struct statfs32 { uint32_t type, bsize, blocks, bfree, bavail, files, ffree, id[2], namelen, frsize, flags, spare[4]; };
struct statfs64_raw { uint32_t type, bsize; uint64_t blocks, bfree, bavail, files, ffree; uint32_t id[2], namelen, frsize, flags, spare[4]; } __attribute__((packed));
struct dirent32 { uint32_t ino, off; uint16_t reclen; char name[]; } __attribute__((packed));

static char *low, *next_low; /* memory that a 32-bit pointer reaches */

static void *put(const void *data, size_t size)
{
    char *at = next_low;
    next_low += (size + 15) & ~(size_t)15;
    MUST(next_low < low + (1 << 20));
    memcpy(at, data, size);
    return at;
}

static long path(const char *rel) { return (long)put(in(rel), strlen(in(rel)) + 1); }
static long text(const char *t) { return (long)put(t, strlen(t) + 1); }
static long room(size_t size)
{
    void *p = put("", 1);
    next_low = (char *)p + size;
    memset(p, 0xaa, size);
    return (long)p;
}

static unsigned changed; /* registers that a call changed and should not have, counted over all calls */

#if defined(__x86_64__)
static long i80(long nr, long a, long b, long c, long d, long e, long f)
{
    struct { long nr, a, b, c, d, e, f; unsigned long after[8]; } io = { nr, a, b, c, d, e, f, { 0 } };
    void *where = &io;
    __asm__ volatile(
        "lea -256(%%rsp), %%rsp\n\t"
        "push %%rbx\n\t"
        "push %%rbp\n\t"
        "mov %%rax, %%r12\n\t"
        "mov 8(%%r12), %%rbx\n\t"
        "mov 16(%%r12), %%rcx\n\t"
        "mov 24(%%r12), %%rdx\n\t"
        "mov 32(%%r12), %%rsi\n\t"
        "mov 40(%%r12), %%rdi\n\t"
        "mov 48(%%r12), %%rbp\n\t"
        "mov $0x8888888888888888, %%r8\n\t"
        "mov $0x9999999999999999, %%r9\n\t"
        "mov 0(%%r12), %%rax\n\t"
        "int $0x80\n\t"
        "mov %%rax, 0(%%r12)\n\t"
        "mov %%rbx, 56(%%r12)\n\t"
        "mov %%rcx, 64(%%r12)\n\t"
        "mov %%rdx, 72(%%r12)\n\t"
        "mov %%rsi, 80(%%r12)\n\t"
        "mov %%rdi, 88(%%r12)\n\t"
        "mov %%rbp, 96(%%r12)\n\t"
        "mov %%r8, 104(%%r12)\n\t"
        "mov %%r9, 112(%%r12)\n\t"
        "pop %%rbp\n\t"
        "pop %%rbx\n\t"
        "lea 256(%%rsp), %%rsp\n\t"
        : "+a"(where)
        :
        : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "memory", "cc");
    const unsigned long expect[8] = { (unsigned long)a, (unsigned long)b, (unsigned long)c, (unsigned long)d, (unsigned long)e,
                                      (unsigned long)f, 0x8888888888888888, 0x9999999999999999 };
    for (size_t i = 0; i < COUNT(expect); i++)
        changed += io.after[i] != expect[i];
    return (int)io.nr; /* the upper half is the kernel's business */
}
#elif defined(__i386__)
static long i80(long nr, long a, long b, long c, long d, long e, long f)
{
    struct { long nr, a, b, c, d, e, f; unsigned long after[6]; } io = { nr, a, b, c, d, e, f, { 0 } };
    void *where = &io;
    __asm__ volatile(
        "pusha\n\t"
        "push %%eax\n\t"
        "mov %%eax, %%ebp\n\t"
        "mov 4(%%ebp), %%ebx\n\t"
        "mov 8(%%ebp), %%ecx\n\t"
        "mov 12(%%ebp), %%edx\n\t"
        "mov 16(%%ebp), %%esi\n\t"
        "mov 20(%%ebp), %%edi\n\t"
        "mov 0(%%ebp), %%eax\n\t"
        "mov 24(%%ebp), %%ebp\n\t"
        "int $0x80\n\t"
        "xchg %%ebp, (%%esp)\n\t"
        "mov %%eax, 0(%%ebp)\n\t"
        "mov %%ebx, 28(%%ebp)\n\t"
        "mov %%ecx, 32(%%ebp)\n\t"
        "mov %%edx, 36(%%ebp)\n\t"
        "mov %%esi, 40(%%ebp)\n\t"
        "mov %%edi, 44(%%ebp)\n\t"
        "pop %%ecx\n\t"
        "mov %%ecx, 48(%%ebp)\n\t"
        "popa\n\t"
        : "+a"(where)
        :
        : "memory", "cc");
    const unsigned long expect[6] = { (unsigned long)a, (unsigned long)b, (unsigned long)c, (unsigned long)d, (unsigned long)e,
                                      (unsigned long)f };
    for (size_t i = 0; i < COUNT(expect); i++)
        changed += io.after[i] != expect[i];
    return io.nr;
}
#else
#error "this program is about x86"
#endif

/* As syscall(2) has it: -1 and errno. */
static long call(long nr, long a, long b, long c, long d, long e, long f)
{
    long rv = i80(nr, a, b, c, d, e, f);
    if (rv >= 0 || rv < -4095)
        return rv;
    errno = (int)-rv;
    return -1;
}

#define C5(nr, a, b, c, d, e, ...) call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0x66)
#define C(...) C5(__VA_ARGS__, 0x33, 0x44, 0x55, 0x77, 0x88)

static int untouched(const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (((const unsigned char *)bytes)[i] != 0xaa)
            return 0;
    return 1;
}

/* An outcome of a call whose structure may be too narrow for the inode's number, which file systems choose freely. */
static int outcome(const char *what, long rv, int fits)
{
    if (!fits) {
        say("%s: %s", what, rv < 0 && errno == EOVERFLOW ? "as it must be" : "not EOVERFLOW");
        return 0;
    }
    if (rv < 0) {
        say("%s: %s", what, errname(errno));
        return 0;
    }
    return 1;
}

static void say_old(const char *what, long rv, const struct oldstat *s, const struct statx *x, int exists)
{
    if (outcome(what, rv, !exists || x->stx_ino <= 0xffff))
        say("%s: as it must be%s", what, s->dev == (uint16_t)(x->stx_dev_major << 8 | x->stx_dev_minor) && s->ino == x->stx_ino &&
            s->mode == x->stx_mode && s->nlink == x->stx_nlink && s->uid == (uint16_t)x->stx_uid && s->gid == (uint16_t)x->stx_gid &&
            s->size == (uint32_t)x->stx_size && s->mtime == (uint32_t)x->stx_mtime.tv_sec ? "" : ", but not all of it");
}

static void say_32(const char *what, long rv, const struct stat32 *s, const struct statx *x, int exists)
{
    if (outcome(what, rv, !exists || (x->stx_ino <= UINT32_MAX && x->stx_size < 1u << 31)))
        say("%s: dev %d ino %d mode %o nlink %d mine %d %d size %d rdev %x blksize %d blocks %d mtime %u.%u rest %u %u", what,
            s->dev == ((x->stx_dev_minor & 0xff) | x->stx_dev_major << 8 | (x->stx_dev_minor & ~0xffu) << 12), s->ino == x->stx_ino,
            s->mode, s->nlink == x->stx_nlink, s->uid == x->stx_uid, s->gid == x->stx_gid, s->size == x->stx_size, s->rdev,
            s->blksize == x->stx_blksize, s->blocks == (uint32_t)x->stx_blocks, s->mt, s->mtn, s->pad[0], s->pad[1]);
}

static void say_64(const char *what, long rv, const struct stat_large *s, const struct statx *x)
{
    if (outcome(what, rv, 1))
        say("%s: dev %d ino %d %d mode %o nlink %d mine %d %d size %d rdev %d blksize %d blocks %d mtime %u.%u padding %d %d beyond %d",
            what, s->dev == ((x->stx_dev_minor & 0xff) | x->stx_dev_major << 8 | (uint64_t)(x->stx_dev_minor & ~0xffu) << 12),
            s->ino == x->stx_ino, s->ino_low == (uint32_t)x->stx_ino, s->mode, s->nlink == x->stx_nlink, s->uid == x->stx_uid,
            s->gid == x->stx_gid, s->size == (int64_t)x->stx_size, s->rdev == (x->stx_rdev_major << 8 | x->stx_rdev_minor),
            s->blksize == x->stx_blksize, s->blocks == x->stx_blocks, s->mt, s->mtn, untouched(&s->pad0, 4), untouched(&s->pad3, 4),
            untouched(s + 1, 4));
}

static const char *const names[] = { "", "hello.txt", "big.bin", "dir", "dir/", "links/file", "links/abs", "links/dangling", "links/loop",
                                     "missing", "hello.txt/x", "fifo", "modes/4755", "unreadable", "noexec-dir/file", "hard/a", "bin/report-static" };

static void stats(void)
{
    for (size_t i = 0; i < COUNT(names); i++)
        for (int nofollow = 0; nofollow < 2; nofollow++) {
            struct statx *x = (void *)room(sizeof *x);
            struct oldstat *o = (void *)room(sizeof *o);
            struct stat32 *s = (void *)room(sizeof *s);
            struct stat_large *l = (void *)room(sizeof *l + 8);
            long p = path(names[i]);
            int exists = told(C(i_statx, AT_FDCWD, p, nofollow ? AT_SYMLINK_NOFOLLOW : 0, STATX_BASIC_STATS, x), "statx '%s' %d", names[i], nofollow) == 0;
            say_old("  oldstat", C(nofollow ? i_oldlstat : i_oldstat, p, o), o, x, exists);
            say_32("  stat", C(nofollow ? i_lstat : i_stat, p, s), s, x, exists);
            say_64("  stat64", C(nofollow ? i_lstat64 : i_stat64, p, l), l, x);
            memset(l, 0xaa, sizeof *l);
            say_64("  again", C(nofollow ? i_lstat64 : i_stat64, p, l), l, x);
            memset(l, 0xaa, sizeof *l);
            say_64("  fstatat64", C(i_fstatat64, AT_FDCWD, p, l, nofollow ? AT_SYMLINK_NOFOLLOW : 0), l, x);
            told(C(i_fstatat64, AT_FDCWD, p, l, 0x40000000), "  fstatat64 with an unknown flag");
            told(C(i_stat64, p, 16), "  stat64 into nowhere");
            told(C(i_stat, p, 16), "  stat into nowhere");
            long fd = nofollow ? -1 : C(i_open, p, O_RDONLY | O_NONBLOCK, 0);
            if (nofollow || told(fd, "  open") < 0) {
                next_low = low;
                continue;
            }
            say_old("  oldfstat", C(i_oldfstat, fd, o), o, x, exists);
            say_32("  fstat", C(i_fstat, fd, s), s, x, exists);
            memset(l, 0xaa, sizeof *l);
            say_64("  fstat64", C(i_fstat64, fd, l), l, x);
            memset(l, 0xaa, sizeof *l);
            say_64("  fstatat64 of ''", C(i_fstatat64, fd, text(""), l, AT_EMPTY_PATH), l, x);
            told(C(i_fchown32, fd, -1, -1), "  fchown32");
            close((int)fd);
            next_low = low;
        }
}

static void say_fs(const char *what, long rv, const struct statfs32 *s, long rv64, const struct statfs64_raw *l)
{
    int fits = !((l->blocks | l->bfree | l->bavail | l->files | l->ffree) >> 32);
    told(rv64, "%s 64", what);
    if (rv64 < 0 || !fits)
        say("%s: %s", what, rv < 0 && (fits || errno == EOVERFLOW) ? "fails as well" : "succeeds");
    else
        say("%s: %s, the same %d, beyond %d %d", what, rv < 0 ? errname(errno) : "ok", s->type == l->type && s->bsize == l->bsize &&
            s->blocks == l->blocks && s->namelen == l->namelen && s->flags == l->flags && s->spare[3] == l->spare[3] && !s->spare[0],
            untouched(s + 1, 4), untouched(l + 1, 4));
}

static void filesystems(void)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        struct statfs32 *s = (void *)room(sizeof *s + 4);
        struct statfs64_raw *l = (void *)room(sizeof *l + 4);
        long p = path(names[i]), rv = C(i_statfs64, p, sizeof *l, l);
        say_fs(names[i], C(i_statfs, p, s), s, rv, l);
        told(C(i_statfs64, p, sizeof *l - 4, l), "  of another size");
        long fd = C(i_open, p, O_RDONLY | O_NONBLOCK, 0);
        if (fd >= 0) {
            rv = C(i_fstatfs64, fd, sizeof *l, l);
            say_fs("  by descriptor", C(i_fstatfs, fd, s), s, rv, l);
            told(C(i_fstatfs64, fd, sizeof *l + 4, l), "  of another size");
            close((int)fd);
        }
        next_low = low;
    }
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* All names of a directory through getdents (how > 0: pieces of that size) or readdir (0); sorted, with types. */
static void listing(const char *rel, long how)
{
    char *found[4096], *buffer = (char *)room(how ? (size_t)how : 512);
    size_t n = 0;
    long fd = C(i_open, path(rel), O_RDONLY, 0), rv;
    unsigned wrong = 0;
    say("'%s' in pieces of %ld", rel, how);
    while ((rv = how ? C(i_getdents, fd, buffer, how) : C(i_readdir, fd, buffer, 1)) > 0)
        for (long at = 0; at < (how ? rv : 1);) {
            struct dirent32 *d = (void *)(buffer + at);
            MUST(n < COUNT(found));
            if (*rel || strcmp(d->name, ".."))
                MUST(asprintf(&found[n++], "%s %d", d->name, how ? buffer[at + d->reclen - 1] : 0) > 0);
            struct stat_large *l = (void *)room(sizeof *l);
            wrong += C(i_fstatat64, fd, d->name, l, AT_SYMLINK_NOFOLLOW) != 0 || l->ino != d->ino;
            wrong += how ? d->reclen % 4 != 0 : d->reclen != strlen(d->name);
            next_low = (char *)l;
            at += how ? d->reclen : 1;
        }
    told(rv, "at the end");
    qsort(found, n, sizeof *found, by_name);
    for (size_t i = 0; i < n; free(found[i++]))
        if (n < 50)
            say("   %s", found[i]);
    say("   %zu names, wrong %d", n, *rel ? (int)wrong : 0);
    told(how ? C(i_getdents, fd, buffer, how) : C(i_readdir, fd, buffer, 1), "once more");
    uint64_t *position = (void *)room(8);
    told(C(i_llseek, fd, 0, 0, position, SEEK_SET), "_llseek");
    told(how ? C(i_getdents, fd, buffer, how) : C(i_readdir, fd, buffer, 1), "from the start");
    told(C(i_getdents, fd, buffer, 8), "getdents into 8 bytes");
    told(C(i_getdents, fd, 16, 4096), "getdents into nowhere");
    told(C(i_readdir, fd, 16, 1), "readdir into nowhere");
    close((int)fd);
    next_low = low;
}

static void listings(void)
{
    static const char *const dirs[] = { "dir", "links", "modes", "many", "" };
    for (size_t i = 0; i < COUNT(dirs); i++) {
        listing(dirs[i], 4096);
        listing(dirs[i], 300);
        if (strcmp(dirs[i], "many"))
            listing(dirs[i], 0);
    }
    long file = C(i_open, path("hello.txt"), O_RDONLY, 0), buffer = room(4096);
    told(C(i_readdir, file, buffer, 1), "readdir of a file");
    told(C(i_getdents, file, buffer, 4096), "getdents of a file");
    told(C(i_readdir, 999, buffer, 1), "readdir of nothing");
    close((int)file);
    next_low = low;
}

static void changes(void)
{
    static const int32_t when[4] = { 1, 2, 3, 4 }, bad[4] = { 1, 2000000000, 3, 4 };
    static const int64_t when64[4] = { 1, 2 | 0x7f00000000, 3, 4 }, bad64[4] = { 1, 2000000000, 3, 4 };
    static const int32_t omit[4] = { 0, UTIME_OMIT, 0, UTIME_OMIT };
    for (size_t i = 0; i < COUNT(names); i++) {
        long p = path(names[i]), w = (long)put(when, sizeof when), b = (long)put(bad, sizeof bad);
        say("'%s'", names[i]);
        told(C(i_chown, p, -1, -1), "  chown");
        told(C(i_lchown, p, -1, -1), "  lchown");
        told(C(i_chown32, p, -1, -1), "  chown32");
        told(C(i_lchown32, p, -1, -1), "  lchown32");
        told(C(i_truncate, p, 0), "  truncate");
        told(C(i_truncate, p, -1), "  truncate to -1");
        told(C(i_truncate64, p, 5, 0), "  truncate64");
        told(C(i_truncate64, p, 0, 0x80000000), "  truncate64 below 0");
        told(C(i_truncate64, p, -1, 0x7fffffff), "  truncate64 to the end of all files");
        told(C(i_utime, p, w), "  utime");
        told(C(i_utimes, p, w), "  utimes");
        told(C(i_utimes, p, b), "  utimes, bad");
        told(C(i_utimensat, AT_FDCWD, p, w, 0), "  utimensat");
        told(C(i_utimensat, AT_FDCWD, p, b, 0), "  utimensat, bad");
        told(C(i_utimensat, AT_FDCWD, p, put(omit, sizeof omit), 0), "  utimensat, none");
        told(C(i_utimensat64, AT_FDCWD, p, put(when64, sizeof when64), AT_SYMLINK_NOFOLLOW), "  utimensat_time64");
        told(C(i_utimensat64, AT_FDCWD, p, put(bad64, sizeof bad64), 0), "  utimensat_time64, bad");
        told(C(i_utimensat64, AT_FDCWD, p, 0, 0), "  utimensat_time64, now");
        told(C(i_umount, p), "  umount");
        next_low = low;
    }
    long fd = C(i_open, path("hello.txt"), O_RDONLY, 0);
    told(C(i_utimensat64, fd, 0, 0, 0), "futimens");
    told(C(i_fchown32, fd, -1, -1), "fchown32");
    close((int)fd);
}

static void opens(void)
{
    static const uint64_t how[3] = { O_RDONLY, 0, 0 };
    char *buffer = (char *)room(PATH_MAX);
    for (size_t i = 0; i < COUNT(names); i++) {
        char *keep = next_low;
        long p = path(names[i]), fd;
        for (int again = 0; again < 3; again++) {
            if (told(fd = C(i_open, p, O_RDONLY | O_NONBLOCK, 0), "open '%s'", names[i]) >= 0 && again == 0)
                say_content("   content", (int)fd);
            close((int)fd);
            if (told(fd = C(i_openat, AT_FDCWD, p, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0), "openat") >= 0)
                say("   close on exec %d", fcntl((int)fd, F_GETFD));
            close((int)fd);
        }
        told(C(i_open, p, O_RDWR, 0), "for both");
        told(fd = C(i_openat2, AT_FDCWD, p, put(how, sizeof how), sizeof how), "openat2");
        close((int)fd);
        told(C(i_access, p, R_OK), "access");
        told(C(i_access, p, W_OK), "access to write");
        long n = told(C(i_readlink, p, buffer, 100), "readlink");
        if (n > 0)
            say("   %.*s", (int)n, buffer);
        n = told(C(i_readlinkat, AT_FDCWD, p, buffer, 5), "readlinkat");
        if (n > 0)
            say("   %.*s", (int)n, buffer);
        next_low = keep;
    }
    told(C(i_chdir, path("dir/sub")), "chdir");
    told(C(i_getcwd, buffer, PATH_MAX), "getcwd");
    say("   %s", buffer);
    told(C(i_getcwd, buffer, 5), "getcwd into 5 bytes");
    long fd = C(i_open, text(".."), O_RDONLY | O_DIRECTORY, 0);
    told(C(i_fchdir, fd), "fchdir");
    MUST(getcwd(buffer, PATH_MAX));
    say("   %s", buffer);
    close((int)fd);
    fd = quiet_open("file", O_RDONLY); /* by the way of this program's own code */
    say_content("file", (int)fd);
    close((int)fd);
    MUST(chdir("/") == 0);
    told(C(i_open, 16, O_RDONLY), "open of nowhere");
    told(C(i_openat, AT_FDCWD, 0, O_RDONLY), "openat of NULL");
    next_low = low;
}

static long words(const long *values, size_t n)
{
    uint32_t narrow[8];
    MUST(n <= COUNT(narrow));
    for (size_t i = 0; i < n; i++)
        narrow[i] = (uint32_t)values[i];
    return (long)put(narrow, n * sizeof narrow[0]);
}

static void sockets(void)
{
    char here[PATH_MAX], around[PATH_MAX + 32];
    const char *const places[] = { "socket", "hello.txt", "dir", "links/file", "missing/x", around };
    MUST(getcwd(here, sizeof here));
    snprintf(around, sizeof around, "links/top%s/s", here);
    for (size_t i = 0; i < COUNT(places); i++) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        snprintf(address.sun_path, sizeof address.sun_path, "%s", in(places[i]));
        long a = (long)put(&address, sizeof address), length = (long)sizeof address;
        int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        say("'%s'", places[i] == around ? "mine, through the tree" : places[i]);
        told(C(i_socketcall, 3, words((long[]){ fd, a, length }, 3)), "  connect by socketcall");
        told(C(i_socketcall, 11, words((long[]){ fd, a, 1, 0, a, length }, 6)), "  sendto by socketcall");
        told(C(i_socketcall, 2, words((long[]){ fd, a, length }, 3)), "  bind by socketcall");
        told(C(i_bind, fd, a, length), "  bind");
        told(C(i_socketcall, 2, 16), "  bind, arguments from nowhere");
        told(C(i_socketcall, 99, 16), "  an operation that there is not");
        close(fd);
        unlink(in(places[i]));
        next_low = low;
    }
    struct sockaddr_un mine = { .sun_family = AF_UNIX, .sun_path = "mine" };
    long a = (long)put(&mine, sizeof mine);
    int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0);
    told(C(i_socketcall, 2, words((long[]){ one, a, (long)sizeof mine }, 3)), "bind a name of mine");
    told(C(i_socketcall, 11, words((long[]){ two, text("hello"), 5, 0, a, (long)sizeof mine }, 6)), "send to it");
    char got[8] = "";
    say("received %d: %s", (int)read(one, got, sizeof got), got);
    close(one), close(two);
    unlink("mine");
    next_low = low;
}

static void programs(void)
{
    static const char *const files[] = { "bin/report-static", "bin/report-dynamic", "bin/report-own-loader", "bin/report32-static",
                                         "bin/report32-dynamic", "bin/report32-own-loader", "script.sh", "script-args", "script-nested",
                                         "script-missing", "hello.txt", "dir", "missing", "bin/foreign-elf" };
    for (size_t i = 0; i < COUNT(files); i++) {
        long argv = words((long[]){ text("zeroth"), text("3"), text("two words"), 0 }, 4);
        long env = words((long[]){ text("TWIN=environment"), 0 }, 2);
        pid_t pid = fork();
        if (pid == 0) {
            C(i_execve, path(files[i]), argv, env);
            told(-1, "execve '%s'", files[i]);
            _exit(77);
        }
        say_wait(files[i], pid);
        pid = fork();
        if (pid == 0) {
            MUST(chdir(in("bin")) == 0);
            C(i_execveat, AT_FDCWD, path(files[i]), argv, env, 0);
            told(-1, "execveat '%s'", files[i]);
            _exit(78);
        }
        say_wait(files[i], pid);
        next_low = low;
    }
    long bad = words((long[]){ text("x"), 16, 0 }, 3);
    told(C(i_execve, path("script.sh"), bad, 0), "an argument from nowhere");
    told(C(i_execve, path("script.sh"), 16, 0), "argv from nowhere");
    next_low = low;
}

/* Of the registers of 64-bit code only the lower halves count, and all of them are kept. */
static void halves(void)
{
#ifdef __x86_64__
    static const char *const some[] = { "hello.txt", "dir", "missing", "links/file" };
    const long above = 0x7ead00000000;
    for (size_t i = 0; i < COUNT(some); i++) {
        struct stat_large *l = (void *)room(sizeof *l);
        long p = path(some[i]), fd;
        told(C(i_access | above, p | above, R_OK | above), "access '%s'", some[i]);
        told(C(i_stat64 | above, p | above, (long)l | above), "stat64");
        told(fd = C(i_open, p | above, O_RDONLY | above, above), "open");
        told(C(i_fstat64, fd | above, (long)l | above), "fstat64");
        close((int)fd);
        told(fd = C(i_openat | above, (uint32_t)AT_FDCWD | above, p | above, O_RDONLY), "openat");
        close((int)fd);
        told(syscall(0x40000000 | SYS_access, "/", R_OK), "access of x32"); /* which may be there or not */
        next_low = low;
    }
#endif
}

int main(int argc, char **argv)
{
    char here[PATH_MAX];
    begin(argc, argv);
    MUST(getcwd(here, sizeof here));
    low = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    MUST(low != MAP_FAILED);
    next_low = low;
    stats();
    filesystems();
    listings();
    changes();
    opens();
    MUST(chdir(here) == 0);
    sockets();
    programs();
    halves();
    say("registers changed: %u", changed);
    return 0;
}
