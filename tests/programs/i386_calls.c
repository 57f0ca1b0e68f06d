/* What the calls of i386 tell: the structures that only they have, for files, file systems and listings. */
#include "i386.h"

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

int main(int argc, char **argv)
{
    start(argc, argv);
    stats();
    filesystems();
    listings();
    say("registers changed: %u", changed);
    return 0;
}
