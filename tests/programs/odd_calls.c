/* The rarer calls that take a path, or a descriptor of a file: on every kind of target, absolute and by descriptor. */
#include "canon.h"
#include <linux/limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>

enum { FCHMODAT2 = 452, STATMOUNT = 457, SETXATTRAT = 463, GETXATTRAT, LISTXATTRAT, REMOVEXATTRAT, OPEN_TREE_ATTR, FILE_GETATTR, FILE_SETATTR };
enum { MOUNT_SETATTR = 442, QUOTACTL_FD = 443, LANDLOCK_CREATE = 444, LANDLOCK_ADD = 445 };

static const char *const targets[] = { "hello.txt", "dir", "dir/", "missing", "missing/x", "hello.txt/x", "hello.txt/", "links/file", "links/dir", "links/dangling", "links/loop", "fifo", "sock", "attributes", "noexec-dir/file", "private", "" };

struct xattr_args { uint64_t value; uint32_t size, flags; };
struct handle { unsigned bytes; int type; unsigned char data[128]; };

static bool known_number(int nr)
{
    return syscall(nr, -1, NULL, 0, NULL, 0) >= 0 || errno != ENOSYS;
}

/* What an unprivileged program hears of calls that administer the machine. */
static void administration(const char *t)
{
    const char *p = in(t);
    char buffer[512] = "";
    told(syscall(SYS_acct, p), "acct '%s'", t);
    told(syscall(SYS_swapon, p, 0), "swapon '%s'", t);
    told(syscall(SYS_swapoff, p), "swapoff '%s'", t);
    told(syscall(SYS_chroot, p), "chroot '%s'", t);
    told(syscall(SYS_pivot_root, p, p), "pivot_root '%s'", t);
    told(syscall(SYS_pivot_root, "/tmp", p), "pivot_root onto '%s'", t);
    told(syscall(SYS_mount, "none", p, "tmpfs", 0, NULL), "mount on '%s'", t);
    told(syscall(SYS_mount, p, "/tmp", NULL, 4096, NULL), "mount --bind '%s'", t);
    told(syscall(SYS_mount, NULL, p, NULL, 32 | 1, NULL), "remount '%s'", t);
    told(syscall(SYS_mount, "none", p, (void *)8, 0, NULL), "mount with a bad type on '%s'", t);
    told(syscall(SYS_umount2, p, 0), "umount '%s'", t);
    told(syscall(SYS_umount2, p, 2), "umount lazily '%s'", t);
    told(syscall(SYS_umount2, p, 8), "umount nofollow '%s'", t);
    told(syscall(SYS_umount2, p, 0x40), "umount bad flag '%s'", t);
    told(syscall(SYS_quotactl, 0x80000700, p, 0, buffer), "quotactl Q_SYNC '%s'", t);
    told(syscall(SYS_quotactl, 0x80000800, p, 0, buffer), "quotactl Q_GETINFO '%s'", t);
    told(syscall(134, p), "uselib '%s'", t);
    if (known_number(OPEN_TREE_ATTR))
        told(syscall(OPEN_TREE_ATTR, AT_FDCWD, p, 0, NULL, 0), "open_tree_attr '%s'", t);
}

static void watching(const char *t)
{
    const char *p = in(t);
    static const uint32_t masks[] = { IN_OPEN, IN_ALL_EVENTS, IN_OPEN | IN_ONLYDIR, IN_OPEN | IN_DONT_FOLLOW, 0, IN_MASK_ADD | IN_OPEN, IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN, 0x10000 };
    int fd = inotify_init1(IN_CLOEXEC);
    MUST(fd >= 0);
    for (size_t i = 0; i < COUNT(masks); i++)
        told(inotify_add_watch(fd, p, masks[i]), "inotify_add_watch '%s' %x", t, masks[i]);
    close(fd);
    told(inotify_add_watch(0, p, IN_OPEN), "inotify_add_watch on another descriptor '%s'", t);
    told(inotify_add_watch(-1, p, IN_OPEN), "inotify_add_watch on none '%s'", t);
    told(fanotify_mark(-1, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, p), "fanotify_mark on none '%s'", t);
    told(fanotify_mark(0, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, p), "fanotify_mark on another descriptor '%s'", t);
}

static void handles(const char *t)
{
    struct handle h = { .bytes = 0 };
    int id, flags[] = { 0, 0x400, 0x1000, 0x80 };
    for (size_t i = 0; i < 3; i++) {
        h.bytes = 0;
        long rv = syscall(SYS_name_to_handle_at, AT_FDCWD, in(t), &h, &id, flags[i]);
        /* tmpfs has handles and FUSE has none, so only what comes before that is compared. */
        say("name_to_handle_at '%s' %x: %s", t, flags[i], rv < 0 && errno != EOVERFLOW && errno != EOPNOTSUPP ? errname(errno) : "looked at");
    }
    told(syscall(SYS_name_to_handle_at, AT_FDCWD, in(t), &h, &id, 0x4), "name_to_handle_at bad flag '%s'", t);
}

static void attributes(int dir, const char *p, const char *t, int flags)
{
    char buffer[8192] = "";
    struct xattr_args args = { (uintptr_t)buffer, 512, 0 }, bad = { 8, 4, 0 }, wrong = { 0, 0, 9 };
    if (!known_number(GETXATTRAT))
        return;
    told(syscall(GETXATTRAT, dir, p, flags, "user.colour", &args, sizeof args), "getxattrat '%s' %x", t, flags);
    told(syscall(GETXATTRAT, dir, p, flags, "user.none", &args, sizeof args), "getxattrat none '%s' %x", t, flags);
    told(syscall(GETXATTRAT, dir, p, flags, "user.colour", &bad, sizeof bad), "getxattrat bad buffer '%s' %x", t, flags);
    told(syscall(GETXATTRAT, dir, p, flags, "user.colour", &wrong, sizeof wrong), "getxattrat bad flags '%s' %x", t, flags);
    told(syscall(GETXATTRAT, dir, p, flags, "user.colour", &args, 8), "getxattrat small '%s' %x", t, flags);
    told(syscall(GETXATTRAT, dir, p, flags, NULL, &args, sizeof args), "getxattrat no name '%s' %x", t, flags);
    told(syscall(LISTXATTRAT, dir, p, flags, buffer, sizeof buffer), "listxattrat '%s' %x", t, flags);
    memset(buffer, 0x55, 32);
    args.size = 1;
    told(syscall(SETXATTRAT, dir, p, flags, "user.new", &args, sizeof args), "setxattrat '%s' %x", t, flags);
    told(syscall(REMOVEXATTRAT, dir, p, flags, "user.new"), "removexattrat '%s' %x", t, flags);
    told(syscall(REMOVEXATTRAT, dir, p, flags, "nonsense"), "removexattrat nonsense '%s' %x", t, flags);
    told(syscall(FCHMODAT2, dir, p, 0600, flags & ~0x8000), "fchmodat2 '%s' %x", t, flags);
    if (!known_number(FILE_SETATTR))
        return;
    told(syscall(FILE_SETATTR, dir, p, buffer, 24, flags), "file_setattr nonsense '%s' %x", t, flags);
    memset(buffer, 0, 32);
    told(syscall(FILE_SETATTR, dir, p, buffer, 24, flags), "file_setattr '%s' %x", t, flags);
    told(syscall(FILE_SETATTR, dir, p, buffer, 32, flags), "file_setattr longer '%s' %x", t, flags);
    told(syscall(FILE_SETATTR, dir, p, buffer, 16, flags), "file_setattr shorter '%s' %x", t, flags);
    told(syscall(FILE_SETATTR, dir, p, 8, 24, flags), "file_setattr bad pointer '%s' %x", t, flags);
}

static void by_descriptor(const char *t, int how)
{
    struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } }, bad[2] = { { 0, -1 }, { 0, 0 } };
    struct timeval tv[2] = { { 1, 0 }, { 1, 0 } };
    char buffer[256];
    int fd = quiet_open(in(t), how | O_NONBLOCK);
    if (fd < 0)
        return;
    printf("%s opened %x\n", t, how);
    attributes(fd, "", t, AT_EMPTY_PATH);
    attributes(fd, "", t, 0);
    attributes(fd, "../hello.txt", t, 0);
    told(syscall(SYS_utimensat, fd, NULL, now, 0), "   futimens");
    told(syscall(SYS_utimensat, fd, NULL, bad, 0), "   futimens bad");
    told(syscall(SYS_utimensat, fd, NULL, NULL, AT_SYMLINK_NOFOLLOW), "   futimens nofollow");
    told(syscall(SYS_utimensat, fd, "", now, AT_EMPTY_PATH), "   utimensat empty path");
    told(syscall(SYS_utimensat, fd, "", now, 0), "   utimensat empty path, no flag");
    told(syscall(SYS_futimesat, fd, NULL, tv), "   futimesat NULL");
    told(syscall(SYS_futimesat, fd, "", tv), "   futimesat empty");
    told(syscall(SYS_fchownat, fd, "", -1, -1, AT_EMPTY_PATH), "   fchownat empty path");
    told(syscall(SYS_fchmodat, fd, "", 0600), "   fchmodat empty path");
    told(syscall(SYS_linkat, fd, "", AT_FDCWD, "/tmp/parrot-twin-never", AT_EMPTY_PATH) < 0 && errno != EXDEV && errno != ENOENT ? -1 : 0, "   linkat empty path is refused");
    told(syscall(SYS_linkat, fd, "", AT_FDCWD, in("new"), AT_EMPTY_PATH) < 0 && errno != EROFS && errno != ENOENT ? -1 : 0, "   linkat empty path to the tree is refused");
    told(syscall(SYS_fsetxattr, fd, "user.new", "v", 1, 0), "   fsetxattr");
    told(syscall(SYS_fremovexattr, fd, "user.none"), "   fremovexattr");
    told(syscall(SYS_fchmod, fd, 0600), "   fchmod");
    told(syscall(SYS_fchown, fd, -1, -1), "   fchown");
    told(syscall(SYS_ftruncate, fd, 0), "   ftruncate");
    told(syscall(SYS_fallocate, fd, 0, 0, 10), "   fallocate");
    told(syscall(SYS_fchdir, fd), "   fchdir");
    told(syscall(QUOTACTL_FD, fd, 0x80000800, 0, buffer) < 0 ? -1 : 0, "   quotactl_fd is refused") < 0 ? errno = 0 : 0;
    told(syscall(SYS_name_to_handle_at, fd, "", buffer, buffer, 0) < 0 && errno == ENOENT ? -1 : 0, "   name_to_handle_at empty, no flag");
    told(syscall(SYS_getdents64, fd, buffer, 8), "   getdents64 into eight bytes");
    told(syscall(SYS_execveat, fd, "", NULL, NULL, AT_EMPTY_PATH), "   execveat");
    MUST(chdir("/") == 0);
    close(fd);
}

static void numbers(void)
{
    char buffer[64];
    told(syscall(STATMOUNT, NULL, NULL, 0, 0), "statmount without arguments");
    told(syscall(LANDLOCK_CREATE, NULL, 0, 1) > 0 ? 0 : -1, "landlock");
    told(syscall(LANDLOCK_ADD, -1, 1, buffer, 0), "landlock_add_rule on none");
    for (int nr = 471; nr < 480; nr++)
        told(syscall(nr, -1, -1, -1, -1, -1, -1), "a number to come, %d", nr);
    told(syscall(9999), "a number that never comes");
    told(syscall(-5L), "a negative number");
}

int main(int argc, char **argv)
{
    static const int opens[] = { O_RDONLY, O_PATH, O_PATH | O_NOFOLLOW };
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(targets); i++) {
        administration(targets[i]);
        watching(targets[i]);
        handles(targets[i]);
        attributes(AT_FDCWD, in(targets[i]), targets[i], 0);
        attributes(AT_FDCWD, in(targets[i]), targets[i], AT_SYMLINK_NOFOLLOW);
        attributes(AT_FDCWD, in(targets[i]), targets[i], 0x4000);
        attributes(-1, in(targets[i]), targets[i], 0);
        for (size_t k = 0; k < COUNT(opens); k++)
            by_descriptor(targets[i], opens[k]);
    }
    numbers();
    return 0;
}
