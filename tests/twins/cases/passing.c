/* Descriptors passed between processes of the job: they stay what they are. */
#include "case.h"

static void put(int s, int fd)
{
    char c = 'x', room[CMSG_SPACE(sizeof(int))];
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    h->cmsg_level = SOL_SOCKET, h->cmsg_type = SCM_RIGHTS, h->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(h), &fd, sizeof fd);
    MUST(sendmsg(s, &m, 0) == 1);
}

static int take(int s)
{
    char c, room[CMSG_SPACE(sizeof(int))];
    int fd = -1;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    if (recvmsg(s, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
        return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

static void say_object(int fd)
{
    struct stat s;
    char link[64], text[PATH_MAX];
    MUST(fstat(fd, &s) == 0);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, text, sizeof text);
    say("%s %o of %ld, %.*s", kind(s.st_mode), s.st_mode & 07777, S_ISREG(s.st_mode) ? (long)s.st_size : 0, (int)n, text);
}

static void pass(int fd)
{
    int s[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    if (child()) {
        close(fd);
        int mine = take(s[1]);
        say_object(mine);
        if (!(fcntl(mine, F_GETFL) & O_PATH))
            say_content("content", mine);
        _exit(0);
    }
    put(s[0], fd);
    join("child");
}

CASE(tree_file) { pass(open(in("hello.txt"), O_RDONLY)); }
CASE(tree_directory) { pass(open(in("dir"), O_RDONLY)); }
CASE(tree_path_only) { pass(open(in("links/file"), O_PATH | O_NOFOLLOW)); }
CASE(native_pipe)
{
    int p[2];
    MUST(pipe(p) == 0 && write(p[1], "abc", 3) == 3 && close(p[1]) == 0);
    int s[2];
    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    if (child()) {
        say_content("pipe", take(s[1]));
        _exit(0);
    }
    put(s[0], p[0]);
    join("child");
}

static void rounds(int type, int count)
{
    static const char *const names[] = {"hello.txt", "dir", "sizes/4096", "dir/sub", "hard/a", "links"};
    int s[2];
    char c = 0;
    unsigned long sum = 0;
    MUST(socketpair(AF_UNIX, type, 0, s) == 0);
    if (child()) {
        struct stat st;
        for (int i = 0; i < count; i++) {
            int fd = take(s[1]);
            MUST(fd >= 0 && fstat(fd, &st) == 0);
            if (S_ISREG(st.st_mode))
                MUST(pread(fd, &c, 1, 0) == 1);
            sum = sum * 31 + (unsigned long)st.st_mtim.tv_sec + (unsigned char)c;
            put(s[1], fd);
            close(fd);
        }
        say("sum %lx", sum);
        _exit(0);
    }
    for (int i = 0; i < count; i++) {
        int fd = open(in(names[(size_t)i % COUNT(names)]), O_RDONLY);
        put(s[0], fd);
        close(fd);
        int back = take(s[0]);
        MUST(back >= 0 && close(back) == 0);
    }
    join("child");
}

CASE(two_thousand_rounds) { rounds(SOCK_STREAM, 2000); }
CASE(rounds_by_datagrams) { rounds(SOCK_DGRAM, 200); }

CASE(directory_is_walked_by_the_receiver)
{
    int s[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    if (child()) {
        char here[PATH_MAX];
        int dir = take(s[1]);
        say_content("below it", openat(dir, "sub/leaf", O_RDONLY));
        MUST(fchdir(dir) == 0 && getcwd(here, sizeof here));
        say("%s", here);
        told(unlinkat(dir, "file", 0), "unlink");
        _exit(0);
    }
    put(s[0], open(in("dir"), O_RDONLY));
    join("child");
}

CASE(position_is_shared)
{
    char text[8];
    int s[2], fd = open(in("hello.txt"), O_RDONLY);
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    if (child()) {
        MUST(read(take(s[1]), text, 5) == 5);
        _exit(0);
    }
    put(s[0], fd);
    join("child");
    ssize_t n = read(fd, text, 8);
    say("%zd %.*s", n, (int)n, text);
}

CASE(taken_by_pidfd)
{
    int ends[2];
    char c;
    MUST(pipe(ends) == 0);
    int fd = open(in("dir/file"), O_RDONLY);
    pid_t parent = getpid();
    if (child()) {
        int p = (int)syscall(SYS_pidfd_open, parent, 0);
        close(fd);
        int mine = (int)syscall(SYS_pidfd_getfd, p, fd, 0);
        if (mine >= 0)
            say_object(mine);
        else
            told(mine, "getfd");
        MUST(write(ends[1], "x", 1) == 1);
        _exit(0);
    }
    MUST(read(ends[0], &c, 1) == 1);
    join("child");
}
