/* Which of several errors is told: what a call finds wrong with its arguments before, and what after, the look-up of a name. */
#include "canon.h"
#include <stddef.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { OPEN_TREE = 428, FSPICK = 433, OPENAT2 = 437, MOUNT_SETATTR = 442, OPEN_TREE_ATTR = 467, FILE_GETATTR, FILE_SETATTR };
enum { CHECK = 0x10000, CACHED = 0x20, NO_XDEV = 0x01 };

static const char *const targets[] = { "", "hello.txt", "hello.txt/", "hello.txt/..", "dir", "dir/..", "missing", "missing/x", "links/file", "links/dangling", "links/loop", "fifo", "unreadable", "noexec-dir/file" };

/* Flags and sizes are looked at before the caller's rights, both before (open_tree_attr: after) the name. */
static void mounts(const char *t)
{
    static const int flags[] = { 0, 1, 4, 8, 0x100, 0x1000, 0x9900 };
    static const size_t sizes[] = { 0, 8, 32, 40, 4097 };
    static char structure[8192];
    const char *p = in(t);
    told(syscall(SYS_swapon, p, -1), "swapon '%s' with unknown flags", t);
    told(syscall(SYS_swapon, p, 0x40000), "swapon '%s' with a flag", t);
    told(syscall(FSPICK, AT_FDCWD, p, 16), "fspick '%s' with unknown flags", t);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        for (size_t k = 0; k < COUNT(flags); k++)
            told(syscall(MOUNT_SETATTR, AT_FDCWD, p, flags[k], structure, sizes[i]), "mount_setattr '%s' %x of %zu bytes", t, flags[k], sizes[i]);
        told(syscall(OPEN_TREE_ATTR, AT_FDCWD, p, 0, structure, sizes[i]), "open_tree_attr '%s' of %zu bytes", t, sizes[i]);
        told(syscall(OPEN_TREE_ATTR, AT_FDCWD, p, 0, NULL, sizes[i]), "open_tree_attr '%s' of none of %zu bytes", t, sizes[i]);
    }
    told(syscall(MOUNT_SETATTR, AT_FDCWD, p, 0, (void *)8, 32), "mount_setattr '%s' of bad memory", t);
}

/* What open_tree opens has the flags that it was opened with, O_PATH alone. */
static void opened(int dir, const char *p, const char *what, int flags)
{
    int fd = (int)told(syscall(OPEN_TREE, dir, p, flags), "open_tree '%s' %x", what, flags);
    struct stat s;
    if (fd < 0)
        return;
    MUST(fstat(fd, &s) == 0);
    say("   %s, flags %x", kind(s.st_mode), fcntl(fd, F_GETFL) & ~0x8000);
    close(fd);
}

static void trees(const char *t)
{
    opened(AT_FDCWD, in(t), t, AT_SYMLINK_NOFOLLOW);
    opened(AT_FDCWD, in(t), t, 0);
    int fd = quiet_open(in(t), O_PATH | O_NOFOLLOW);
    if (fd < 0)
        return;
    opened(fd, "", t, AT_EMPTY_PATH);
    opened(fd, "", t, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
    close(fd);
}

static void watches(const char *t)
{
    static const struct { unsigned flags; uint64_t mask; } marks[] = { { 0, FAN_OPEN }, { FAN_MARK_ADD, 0 }, { FAN_MARK_ADD | FAN_MARK_REMOVE, FAN_OPEN }, { FAN_MARK_ADD, 1ULL << 40 }, { FAN_MARK_ADD | FAN_MARK_MOUNT, FAN_OPEN }, { FAN_MARK_FLUSH, 0 }, { FAN_MARK_FLUSH, FAN_OPEN }, { FAN_MARK_FLUSH | FAN_MARK_ADD, FAN_OPEN }, { FAN_MARK_ADD | FAN_MARK_ONLYDIR | 0x8000, FAN_OPEN } };
    int fd = inotify_init1(IN_CLOEXEC), fan = fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID | FAN_CLOEXEC, O_RDONLY);
    MUST(fd >= 0);
    told(inotify_add_watch(fd, in(t), IN_OPEN | IN_ONLYDIR), "watch '%s' if it is a directory", t);
    told(inotify_add_watch(fd, in(t), IN_OPEN | IN_ONLYDIR | IN_DONT_FOLLOW), "watch '%s' if it is itself a directory", t);
    for (size_t i = 0; i < COUNT(marks); i++)
        told(fanotify_mark(fan, marks[i].flags, marks[i].mask, AT_FDCWD, in(t)), "mark '%s' %x %llx", t, marks[i].flags, (unsigned long long)marks[i].mask);
    told(fanotify_mark(fan, FAN_MARK_FLUSH, 0, AT_FDCWD, (void *)8), "no path is looked at to flush marks");
    close(fd);
    if (fan >= 0)
        close(fan);
}

/* A stream takes no address, a connected packet socket ignores it, and a message that is too long is one for any name. */
static void messages(const char *t)
{
    static char big[4 << 20];
    static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    if (strlen(in(t)) >= sizeof a.sun_path)
        return;
    strcpy(a.sun_path, in(t));
    for (size_t i = 0; i < COUNT(types); i++) {
        int alone = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0), pair[2], sent;
        MUST(alone >= 0 && socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair) == 0);
        told(sendto(alone, "x", 1, MSG_NOSIGNAL, (void *)&a, sizeof a), "sendto '%s', type %d", t, types[i]);
        told(sendto(alone, "x", 1, MSG_OOB, (void *)&a, sizeof a), "sendto '%s' out of band, type %d", t, types[i]);
        told(sendto(alone, (void *)8, 1, 0, (void *)&a, sizeof a), "sendto '%s' from bad memory, type %d", t, types[i]);
        told(sendto(alone, big, sizeof big, 0, (void *)&a, sizeof a), "sendto '%s' of too much, type %d", t, types[i]);
        told(sent = (int)sendto(pair[0], "x", 1, 0, (void *)&a, sizeof a), "sendto '%s' when connected, type %d", t, types[i]);
        say("   arrived: %d", sent == 1 && recv(pair[1], big, 1, MSG_DONTWAIT) == 1);
        close(alone), close(pair[0]), close(pair[1]);
    }
}

/* A name is of no use without a socket of the family that it belongs to. */
static void sockets(const char *t)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int fds[] = { -1, 0, other, own };
    MUST(own >= 0 && other >= 0);
    if (strlen(in(t)) >= sizeof a.sun_path)
        return;
    strcpy(a.sun_path, in(t));
    for (size_t i = 0; i < COUNT(fds); i++) {
        told(connect(fds[i], (void *)&a, sizeof a), "connect descriptor %zu to '%s'", i, t);
        told(sendto(fds[i], "x", 1, MSG_NOSIGNAL, (void *)&a, sizeof a), "sendto by descriptor %zu '%s'", i, t);
        told(bind(fds[i], (void *)&a, sizeof a), "bind descriptor %zu to '%s'", i, t);
    }
    close(own), close(other);
}

static void checks(const char *t)
{
    static const char *const words[] = { "x", NULL };
    told(syscall(SYS_execveat, AT_FDCWD, in(t), words, words + 1, CHECK), "may '%s' be executed", t);
    told(syscall(SYS_execveat, AT_FDCWD, in(t), words, words + 1, CHECK | AT_SYMLINK_NOFOLLOW), "may '%s' itself be executed", t);
}

/* Without the file system the kernel cannot tell that a name is missing, or may not be searched for. */
static void cached(int dir, const char *t)
{
    uint64_t how[3] = { O_NONBLOCK, 0, CACHED }, here[3] = { O_NONBLOCK, 0, CACHED | NO_XDEV };
    told(syscall(OPENAT2, AT_FDCWD, in(t), how, sizeof how), "cached '%s'", t);
    told(syscall(OPENAT2, dir, t, how, sizeof how), "cached, relative '%s'", t);
    told(syscall(OPENAT2, AT_FDCWD, in(t), here, sizeof here), "cached, on one mount '%s'", t);
}

int main(int argc, char **argv)
{
    static const char *const absent[] = { "missing", "missing/x", "hello.txt/..", "hello.txt/x", "noexec-dir/file", "noexec-dir/missing", "links/dangling" };
    static const char *const outside[] = { "links/out-dir/no-such-file", "links/out-dir", "links/out-file", "links/out-true", "bin/report-static", "script.sh", "script-noexec" };
    char attributes[24];
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(targets); i++) {
        mounts(targets[i]);
        trees(targets[i]);
        watches(targets[i]);
        messages(targets[i]);
        sockets(targets[i]);
        checks(targets[i]);
    }
    for (size_t i = 0; i < COUNT(outside); i++)
        checks(outside[i]);
    int dir = quiet_open(root, O_RDONLY | O_DIRECTORY), file = quiet_open(in("hello.txt"), O_RDONLY);
    MUST(dir >= 0 && file >= 0);
    for (size_t i = 0; i < COUNT(absent); i++)
        cached(dir, absent[i]);
    told(syscall(SYS_execveat, dir, NULL, NULL, NULL, 0x400), "execveat without a name, and with unknown flags");
    MUST(chdir(root) == 0);
    memset(attributes, 0, sizeof attributes);
    told(syscall(FILE_SETATTR, AT_FDCWD, "", attributes, sizeof attributes, AT_EMPTY_PATH), "attributes of the working directory");
    return 0;
}
