/* Descriptors travel and are reused: dup, close, fork, close-on-exec, SCM_RIGHTS, locks; a number never tells an old story. */
#include "canon.h"
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void tell(const char *what, int fd)
{
    struct stat s;
    char proc[64], name[PATH_MAX];
    if (fstat(fd, &s) < 0) {
        say("%s: %s", what, errname(errno));
        return;
    }
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    long n = readlink(proc, name, sizeof name);
    say("%s: %d is a %s of %lld, %.*s", what, fd, kind(s.st_mode), S_ISREG(s.st_mode) ? (long long)s.st_size : 0LL,
        S_ISREG(s.st_mode) || S_ISDIR(s.st_mode) ? (int)(n < 0 ? 0 : n) : 0, name);
}

/* The same number in turn for files of the tree and for native ones. */
static void reuse(void)
{
    static const char *const names[] = { "hello.txt", NULL, "dir", "empty", NULL, "same/one", "same/two", NULL, "links/out-file", "hard/a", "hard/b" };
    for (size_t i = 0; i < COUNT(names); i++) {
        int fd = quiet_open(names[i] ? in(names[i]) : "/usr/include/stdio.h", O_RDONLY);
        tell("reuse", fd);
        close(fd);
    }
    int a = quiet_open(in("hello.txt"), O_RDONLY), b = quiet_open("/usr/include", O_RDONLY);
    tell("before", a);
    MUST(dup2(b, a) == a);
    tell("native over ours", a);
    int c = quiet_open(in("dir"), O_RDONLY);
    MUST(dup3(c, b, O_CLOEXEC) == b);
    tell("ours over native", b);
    told(syscall(SYS_openat, b, "file", O_RDONLY), "relative to it");
    told(syscall(SYS_openat, a, "stdio.h", O_RDONLY), "relative to the native one");
    int high = fcntl(c, F_DUPFD, 200);
    tell("F_DUPFD", high);
    close(c);
    tell("closed", c);
    tell("its duplicate", high);
    MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
    tell("after close_range", high);
}

static void pass(int socket, int fd)
{
    char byte = 'x';
    struct iovec v = { &byte, 1 };
    union { struct cmsghdr h; char space[CMSG_SPACE(sizeof(int))]; } u = { .space = { 0 } };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.space, .msg_controllen = sizeof u.space };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    MUST(sendmsg(socket, &m, 0) == 1);
}

static int receive(int socket)
{
    char byte;
    int fd;
    struct iovec v = { &byte, 1 };
    union { struct cmsghdr h; char space[CMSG_SPACE(sizeof(int))]; } u;
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.space, .msg_controllen = sizeof u.space };
    MUST(recvmsg(socket, &m, 0) == 1 && CMSG_FIRSTHDR(&m));
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

static void passing(void)
{
    int pair[2];
    struct stat s, t;
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        int file = quiet_open(in("hello.txt"), O_RDONLY), dir = quiet_open(in("dir"), O_RDONLY), path = quiet_open(in("links/file"), O_PATH | O_NOFOLLOW);
        MUST(lseek(file, 7, SEEK_SET) == 7);
        pass(pair[0], file), pass(pair[0], dir), pass(pair[0], path);
        _exit(0);
    }
    int file = receive(pair[1]), dir = receive(pair[1]), path = receive(pair[1]);
    say_wait("sender", pid);
    tell("passed file", file);
    say_content("from its position", file);
    tell("passed directory", dir);
    told(syscall(SYS_openat, dir, "sub/leaf", O_RDONLY), "relative to it");
    told(syscall(SYS_fchdir, dir), "fchdir to it");
    MUST(fstat(file, &s) == 0 && stat(in("hello.txt"), &t) == 0);
    say("all as its path tells: %d", same_stat(&s, &t));
    MUST(fstat(path, &s) == 0 && lstat(in("links/file"), &t) == 0);
    say("the link too: %d", same_stat(&s, &t));
    MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
}

static void locks(void)
{
    int a = quiet_open(in("hello.txt"), O_RDONLY), b = quiet_open(in("hello.txt"), O_RDONLY), d = quiet_open(in("dir"), O_RDONLY);
    struct flock read_lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET }, write_lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    told(flock(a, LOCK_SH | LOCK_NB), "shared flock");
    told(flock(b, LOCK_SH | LOCK_NB), "a second one");
    told(flock(b, LOCK_UN), "unlock");
    told(flock(a, LOCK_EX | LOCK_NB), "exclusive flock");
    told(flock(b, LOCK_SH | LOCK_NB), "shared beside it");
    told(flock(d, LOCK_EX | LOCK_NB), "flock of a directory");
    told(fcntl(a, F_SETLK, &read_lock), "read lock");
    told(fcntl(a, F_SETLK, &write_lock), "write lock");
    told(fcntl(a, F_OFD_SETLK, &read_lock), "open file read lock");
    close(a), close(b), close(d);
}

static void flags(void)
{
    int fd = quiet_open(in("hello.txt"), O_RDONLY | O_CLOEXEC | O_NONBLOCK), plain = quiet_open(in("dir"), O_RDONLY), available = -1;
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
    say("close on exec: %d and %d; status %#o", fcntl(fd, F_GETFD), fcntl(plain, F_GETFD), fcntl(fd, F_GETFL) & ~O_LARGEFILE);
    say("poll: %d %#x", poll(&p, 1, 0), (unsigned)p.revents);
    told(ioctl(fd, FIONREAD, &available), "FIONREAD");
    say("available: %d", available);
    told(ioctl(fd, FIOCLEX), "FIOCLEX");
    told(ioctl(fd, TCGETS, &p), "TCGETS");
    told(fcntl(fd, F_SETFL, O_NONBLOCK), "F_SETFL");
    told(fcntl(plain, F_NOTIFY, 0), "F_NOTIFY");
    pid_t pid = fork();
    if (pid == 0) {
        char script[200];
        snprintf(script, sizeof script, "test -e /proc/self/fd/%d && echo leaked; cat /proc/self/fd/%d 2>/dev/null || echo a directory", fd, plain);
        execl("/bin/sh", "sh", "-c", script, (char *)0);
        _exit(9);
    }
    say_wait("exec", pid);
    close(fd), close(plain);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    reuse();
    passing();
    MUST(chdir("/") == 0);
    locks();
    flags();
    return 0;
}
