/* stat, lstat, fstat, newfstatat and statx: the fields, their agreement with each other, flags and errors. */
#include "canon.h"
#include <sys/sysmacros.h>

static const char *const targets[] = {
    "", ".", "hello.txt", "empty", "private", "unreadable", "big.bin", "dir", "dir/", "dir/sub/..", "emptydir", "emptydir/.",
    "missing", "missing/x", "hello.txt/", "hello.txt/x", "links/file", "links/dir", "links/dir/", "links/dangling", "links/loop",
    "links/loop-a", "links/chain-39", "links/chain-40", "links/chain-41", "links/abs", "links/up", "links/up/hello.txt",
    "links/out-file", "links/out-dir/stdio.h", "links/null", "links/top/usr/include/stdio.h", "noexec-dir/file", "noread-dir/file",
    "hard/a", "hard/b", "hard/c", "same/one", "same/two", "fifo", "sock", "modes/4755", "modes/2755", "modes/1644", "modes/0000",
    "nested", "nested/inside", "names/with blank", "old.txt", "future.txt", "fraction.txt", "deep", "many/f2999", "sizes/1000000",
};

static void say_statx(const char *what, const struct statx *x)
{
    /* What a file system adds beyond the basic fields (birth time, mount id, alignment) is its own affair. */
    if (S_ISDIR(x->stx_mode))
        say("%s: dir %04o basic=%d mtime=%lld.%09u", what, x->stx_mode & 07777, (x->stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS,
            (long long)x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec);
    else
        say("%s: %s %04o size=%llu nlink=%u basic=%d mtime=%lld.%09u", what, kind(x->stx_mode), x->stx_mode & 07777,
            (unsigned long long)x->stx_size, x->stx_nlink, (x->stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS,
            (long long)x->stx_mtime.tv_sec, x->stx_mtime.tv_nsec);
}

static int statx_agrees(const struct statx *x, const struct stat *s)
{
    return makedev(x->stx_dev_major, x->stx_dev_minor) == s->st_dev && x->stx_ino == s->st_ino && x->stx_mode == s->st_mode &&
           x->stx_nlink == s->st_nlink && x->stx_uid == s->st_uid && x->stx_gid == s->st_gid && (off_t)x->stx_size == s->st_size &&
           (blkcnt_t)x->stx_blocks == s->st_blocks && (blksize_t)x->stx_blksize == s->st_blksize && x->stx_mtime.tv_sec == s->st_mtim.tv_sec &&
           x->stx_ctime.tv_sec == s->st_ctim.tv_sec && makedev(x->stx_rdev_major, x->stx_rdev_minor) == s->st_rdev;
}

static void by_path(const char *rel, int flags)
{
    struct stat a, b;
    struct statx x;
    long rv;
    const char *follow = flags & AT_SYMLINK_NOFOLLOW ? "lstat" : "stat";
    char what[PATH_MAX];
    snprintf(what, sizeof what, "%s '%s'", follow, rel);
    rv = syscall(SYS_newfstatat, AT_FDCWD, in(rel), &a, flags);
    if (rv < 0) {
        told(rv, "%s", what);
        told(syscall(SYS_statx, AT_FDCWD, in(rel), flags, STATX_BASIC_STATS, &x), "statx %s", what);
    } else {
        say_stat(what, &a);
        MUST(syscall(SYS_statx, AT_FDCWD, in(rel), flags, STATX_BASIC_STATS | STATX_BTIME, &x) == 0);
        say_statx("  statx", &x);
        say("  statx agrees: %d", statx_agrees(&x, &a));
    }
#ifdef SYS_stat
    memset(&b, 0, sizeof b);
    told(syscall(flags ? SYS_lstat : SYS_stat, in(rel), &b), "%s (old call)", what);
    if (rv == 0)
        say("  agrees: %d", same_stat(&a, &b));
#endif
}

/* A descriptor tells what its path tells, whether opened, opened with O_PATH, or asked through AT_EMPTY_PATH. */
static void by_descriptor(const char *rel)
{
    static const int how[] = { O_RDONLY | O_NONBLOCK, O_PATH, O_PATH | O_NOFOLLOW };
    for (size_t i = 0; i < COUNT(how); i++) {
        struct stat path, fd, empty;
        struct statx x;
        int d;
        if (i == 0 && stat(in(rel), &path) == 0 && (S_ISFIFO(path.st_mode) || S_ISSOCK(path.st_mode)))
            continue;
        d = quiet_open(in(rel), how[i]);
        if (d < 0)
            continue;
        MUST(syscall(SYS_newfstatat, AT_FDCWD, in(rel), &path, i == 2 ? AT_SYMLINK_NOFOLLOW : 0) == 0);
        MUST(syscall(SYS_fstat, d, &fd) == 0);
        MUST(syscall(SYS_newfstatat, d, "", &empty, AT_EMPTY_PATH) == 0);
        MUST(syscall(SYS_statx, d, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0);
        say("'%s' open %zu: fstat %d empty path %d statx %d", rel, i, same_stat(&path, &fd), same_stat(&path, &empty), statx_agrees(&x, &path));
        close(d);
    }
}

static void identities(void)
{
    struct stat a, b, c, one, two, top;
    MUST(!stat(in("hard/a"), &a) && !stat(in("hard/b"), &b) && !stat(in("hard/c"), &c));
    MUST(!stat(in("same/one"), &one) && !stat(in("same/two"), &two) && !stat(in(""), &top));
    say("hard links: same inode %d, copy has another %d", a.st_ino == b.st_ino, a.st_ino != c.st_ino);
    say("equal content, two files: different inodes %d", one.st_ino != two.st_ino);
    say("one device %d, not that of /: %d", a.st_dev == one.st_dev && a.st_dev == top.st_dev, !stat("/", &b) && b.st_dev != a.st_dev);
    MUST(!stat(in("dir/.."), &b));
    say("dir/.. is the top: %d", same_stat(&b, &top));
    MUST(!stat(in("dir/sub/../../hello.txt"), &a) && !stat(in("hello.txt"), &b));
    say("roundabout: %d", same_stat(&a, &b));
}

/* Two paths with one content, both open at once: each descriptor speaks for its own path. */
static void equal_content(void)
{
    struct stat one, two, fd;
    int a = quiet_open(in("same/one"), O_RDONLY), b = quiet_open(in("same/two"), O_RDONLY);
    MUST(!stat(in("same/one"), &one) && !stat(in("same/two"), &two) && a >= 0 && b >= 0);
    say("one: %d", !fstat(a, &fd) && same_stat(&fd, &one));
    say("two: %d", !fstat(b, &fd) && same_stat(&fd, &two));
    close(a), close(b);
}

static void flags(void)
{
    struct stat s;
    struct statx x;
    int d = quiet_open(in("dir"), O_RDONLY | O_DIRECTORY), f = quiet_open(in("hello.txt"), O_RDONLY);
    told(syscall(SYS_newfstatat, AT_FDCWD, in("hello.txt"), &s, 0x40000000), "newfstatat with an unknown flag");
    told(syscall(SYS_newfstatat, AT_FDCWD, in("hello.txt"), &s, AT_NO_AUTOMOUNT), "newfstatat no automount");
    told(syscall(SYS_newfstatat, d, "", &s, 0), "newfstatat of '' without AT_EMPTY_PATH");
    told(syscall(SYS_newfstatat, d, "file", &s, AT_EMPTY_PATH), "newfstatat of 'file' with AT_EMPTY_PATH");
    told(syscall(SYS_newfstatat, d, "nothing", &s, 0), "newfstatat of 'nothing'");
    told(syscall(SYS_newfstatat, f, "x", &s, 0), "newfstatat below a file");
    told(syscall(SYS_newfstatat, 999, "x", &s, 0), "newfstatat of a bad descriptor");
    told(syscall(SYS_newfstatat, 999, in("hello.txt"), &s, 0), "newfstatat: an absolute path needs no descriptor");
    told(syscall(SYS_statx, AT_FDCWD, in("hello.txt"), AT_STATX_SYNC_TYPE, STATX_BASIC_STATS, &x), "statx with both sync types");
    told(syscall(SYS_statx, AT_FDCWD, in("hello.txt"), AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &x), "statx don't sync");
    told(syscall(SYS_statx, AT_FDCWD, in("hello.txt"), AT_STATX_FORCE_SYNC, STATX_BASIC_STATS, &x), "statx force sync");
    told(syscall(SYS_statx, AT_FDCWD, in("hello.txt"), 0, STATX__RESERVED, &x), "statx reserved mask");
    told(syscall(SYS_statx, AT_FDCWD, in("hello.txt"), 0, 0, &x), "statx empty mask");
    told(syscall(SYS_statx, d, "", 0, STATX_TYPE, &x), "statx of '' without AT_EMPTY_PATH");
    told(syscall(SYS_fstat, 999, &s), "fstat of a bad descriptor");
    told(syscall(SYS_newfstatat, AT_FDCWD, "", &s, AT_EMPTY_PATH), "newfstatat of the working directory");
    close(d), close(f);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(targets); i++) {
        by_path(targets[i], 0);
        by_path(targets[i], AT_SYMLINK_NOFOLLOW);
        by_descriptor(targets[i]);
    }
    identities();
    equal_content();
    flags();
    return 0;
}
