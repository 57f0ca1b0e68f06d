/* Calls that administer mounts, and sockets that are addressed by name: what a user hears of them. */
#include "canon.h"
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#ifndef SYS_open_tree
#define SYS_open_tree 428
#define SYS_move_mount 429
#define SYS_fspick 433
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#define TREE_CLONE 1
#define RECURSIVE 0x8000

static const char *const paths[] = { "hello.txt", "dir", "missing", "missing/x", "links/dangling", "links/file", "links/dir", "hello.txt/x", "fifo" };

static void mounts(void)
{
    static const int flags[] = { 0, O_CLOEXEC, AT_SYMLINK_NOFOLLOW, RECURSIVE, TREE_CLONE, TREE_CLONE | RECURSIVE, 0x40000000 };
    struct stat s, t;
    char attributes[32] = "";
    for (size_t i = 0; i < COUNT(paths); i++) {
        for (size_t k = 0; k < COUNT(flags); k++) {
            long fd = told(syscall(SYS_open_tree, AT_FDCWD, in(paths[i]), flags[k]), "open_tree '%s' %x", paths[i], flags[k]);
            if (fd < 0)
                continue;
            MUST(fstat((int)fd, &s) == 0 && fstatat(AT_FDCWD, in(paths[i]), &t, flags[k] & AT_SYMLINK_NOFOLLOW) == 0);
            say("   is what it names: %d, O_PATH: %d, closed by exec: %d", same_stat(&s, &t),
                !!(fcntl((int)fd, F_GETFL) & O_PATH), fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
            close((int)fd);
        }
        told(syscall(SYS_move_mount, AT_FDCWD, in(paths[i]), AT_FDCWD, in("dir"), 0), "move_mount '%s'", paths[i]);
        told(syscall(SYS_move_mount, AT_FDCWD, "/tmp", AT_FDCWD, in(paths[i]), 0), "move_mount to '%s'", paths[i]);
        told(syscall(SYS_fspick, AT_FDCWD, in(paths[i]), 0), "fspick '%s'", paths[i]);
        told(syscall(SYS_mount_setattr, AT_FDCWD, in(paths[i]), 0, attributes, sizeof attributes), "mount_setattr '%s'", paths[i]);
        told(syscall(SYS_quotactl, 0x80000700, in(paths[i]), 0, attributes), "quotactl '%s'", paths[i]);
    }
    int dir = quiet_open(in("dir"), O_RDONLY);
    told(syscall(SYS_open_tree, dir, "sub/leaf", 0), "open_tree relative to a descriptor");
    told(syscall(SYS_open_tree, dir, "", 0), "open_tree with an empty path");
    told(syscall(SYS_open_tree, dir, "", AT_EMPTY_PATH), "open_tree with an empty path and the flag");
    MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
}

static socklen_t address(struct sockaddr_un *a, const char *path)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(a->sun_path) + 1);
}

static void sockets(void)
{
    struct sockaddr_un a;
    int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), pair[2];
    char byte = 0;
    MUST(s >= 0);
    for (size_t i = 0; i < COUNT(paths); i++) {
        socklen_t n = address(&a, in(paths[i]));
        told(sendto(s, "x", 1, 0, (struct sockaddr *)&a, n), "sendto '%s'", paths[i]);
        told(connect(s, (struct sockaddr *)&a, n), "connect '%s'", paths[i]);
    }
    int r = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unlink("socket");
    told(bind(r, (struct sockaddr *)&a, address(&a, "socket")), "bind a socket of mine");
    told(sendto(s, "1", 1, 0, (struct sockaddr *)&a, address(&a, "socket")), "sendto it");
    say("received %ld %c", (long)recv(r, &byte, 1, 0), byte);
    char here[PATH_MAX];
    MUST(getcwd(here, sizeof here));
    MUST(chdir(in("dir")) == 0);
    char back[PATH_MAX + 16];
    snprintf(back, sizeof back, "%s/socket", here);
    if (strlen(back) < sizeof a.sun_path)
        told(sendto(s, "2", 1, 0, (struct sockaddr *)&a, address(&a, back)) == 1 ? 0 : -1, "sendto it from the tree");
    else
        told(0, "sendto it from the tree");
    MUST(chdir(here) == 0);
    told(connect(s, (struct sockaddr *)&a, address(&a, "socket")), "connect to it");
    told(send(s, "3", 1, 0), "send without an address");
    unlink("socket");
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    told(sendto(pair[0], "y", 1, 0, NULL, 0), "sendto a pair");
    say("read %ld %c", (long)read(pair[1], &byte, 1), byte);
    told(sendto(pair[0], "y", 1, MSG_NOSIGNAL, (struct sockaddr *)8, 110), "sendto a bad address");
    close(s), close(r), close(pair[0]), close(pair[1]);
}

struct clone3_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

/* A child that asks not to be traced sees the tree all the same. */
static void untraced(void)
{
    struct clone3_args args = { .flags = CLONE_UNTRACED, .exit_signal = SIGCHLD };
    struct stat s;
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        _exit(stat(in("hello.txt"), &s) == 0 ? 7 : 8);
    say_wait("clone3, untraced", (pid_t)told(pid, "clone3"));
    pid = syscall(SYS_clone, CLONE_UNTRACED | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0)
        _exit(stat(in("hello.txt"), &s) == 0 ? 7 : 8);
    say_wait("clone, untraced", (pid_t)told(pid, "clone"));
    told(syscall(SYS_clone3, (void *)8, sizeof args), "clone3 with a bad address");
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    alarm(30);
    signal(SIGPIPE, SIG_IGN);
    mounts();
    sockets();
    untraced();
    return 0;
}
