/* What every twin program shares: canonical printing of what a system call answered.
 *
 * A twin runs natively on a mounted read-only tree and under parrot_run on the same tree as a repository, and both
 * runs must print the same bytes.  So nothing is printed that two file systems may rightly tell differently: device and
 * inode numbers (only whether they are equal), block counts, sizes and link counts of directories, access and change
 * times, the order of a listing.  Calls are made raw, through syscall(2), because the C library hides their forms.
 */
#ifndef CANON_H
#define CANON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __i386__
/* Programs of i386 are made with 64-bit sizes, so their struct stat is what these calls fill; i386_layouts.c has the others. */
#undef SYS_stat
#undef SYS_lstat
#undef SYS_fstat
#define SYS_stat SYS_stat64
#define SYS_lstat SYS_lstat64
#define SYS_fstat SYS_fstat64
#define SYS_newfstatat SYS_fstatat64
#endif

#define UNUSED __attribute__((unused))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* glibc's strerrorname_np is too young for the oldest systems that this must run on. */
static UNUSED const char *errname(int e)
{
    static const struct { int e; const char *name; } names[] = {
#define N(x) { x, #x }
        N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC), N(EBADF), N(ECHILD), N(EAGAIN),
        N(ENOMEM), N(EACCES), N(EFAULT), N(ENOTBLK), N(EBUSY), N(EEXIST), N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR),
        N(EINVAL), N(ENFILE), N(EMFILE), N(ENOTTY), N(ETXTBSY), N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS), N(EMLINK),
        N(EPIPE), N(EDOM), N(ERANGE), N(EDEADLK), N(ENAMETOOLONG), N(ENOLCK), N(ENOSYS), N(ENOTEMPTY), N(ELOOP),
        N(ENODATA), N(EOVERFLOW), N(EOPNOTSUPP), N(ESTALE), N(ENOTSOCK), N(ECONNREFUSED), N(EADDRINUSE), N(ETIMEDOUT),
        N(ELIBBAD), N(EPROTOTYPE),
#undef N
    };
    static char other[32];
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].e == e)
            return names[i].name;
    snprintf(other, sizeof other, "errno %d", e);
    return other;
}

static UNUSED const char *root = "";  /* the top of the tree, from argv[1] */

/* Start of every program: argv[1] is the tree.  Line buffering, so that fork never doubles pending output. */
static UNUSED void begin(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc < 2) {
        fprintf(stderr, "usage: %s TREE\n", argv[0]);
        exit(2);
    }
    root = argv[1];
    umask(022);
}

static UNUSED void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static UNUSED void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

/* Full name of *rel* in the tree.  Each thread has sixteen buffers in turn, so that several may stand in one call. */
static UNUSED const char *in(const char *rel)
{
    static _Thread_local char buffers[16][PATH_MAX];
    static _Thread_local unsigned next;
    char *p = buffers[next++ % 16];
    snprintf(p, PATH_MAX, "%s%s%s", root, *rel && *rel != '/' ? "/" : "", rel);
    return p;
}

/* Print the outcome of a call: "ok" or the name of the error.  Hands the value through and keeps errno. */
static UNUSED long told(long rv, const char *format, ...) __attribute__((format(printf, 2, 3)));
static UNUSED long told(long rv, const char *format, ...)
{
    int e = errno;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf(": %s\n", rv < 0 ? errname(e) : "ok");
    errno = e;
    return rv;
}

/* A native fact that a test rests on; when it fails nothing after it means anything. */
#define MUST(condition) \
    do { \
        if (!(condition)) { \
            printf("MUST %s (line %d): %s\n", #condition, __LINE__, errname(errno)); \
            exit(3); \
        } \
    } while (0)

static UNUSED int quiet_open(const char *path, int flags)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0);
}

static UNUSED const char *kind(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "dir";
    case S_IFLNK: return "link";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFCHR: return "char";
    case S_IFBLK: return "block";
    default: return "?";
    }
}

/* Whether an object of the tree belongs to the caller, 2 for an object outside: in a user namespace, where the native
 * side may run, foreign files seem to belong to uid 65534, whom the caller may be. */
static UNUSED int mine(const struct stat *s)
{
    struct stat top;
    if (stat(root, &top) < 0 || top.st_dev != s->st_dev)
        return 2;
    return s->st_uid == getuid() && s->st_gid == getgid();
}

/* One line about a stat: what every file system tells alike. */
static UNUSED void say_stat(const char *what, const struct stat *s)
{
    if (S_ISDIR(s->st_mode))
        say("%s: dir %04o mine=%d mtime=%lld.%09ld", what, s->st_mode & 07777, mine(s),
            (long long)s->st_mtim.tv_sec, s->st_mtim.tv_nsec);
    else
        say("%s: %s %04o size=%lld nlink=%lu mine=%d mtime=%lld.%09ld", what, kind(s->st_mode), s->st_mode & 07777,
            (long long)s->st_size, (unsigned long)s->st_nlink, mine(s),
            (long long)s->st_mtim.tv_sec, s->st_mtim.tv_nsec);
}

/* Everything that stat tells is the same for both, the absolute numbers included. */
static UNUSED int same_stat(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode && a->st_nlink == b->st_nlink &&
           a->st_uid == b->st_uid && a->st_gid == b->st_gid && a->st_rdev == b->st_rdev && a->st_size == b->st_size &&
           a->st_blksize == b->st_blksize && a->st_blocks == b->st_blocks && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec;
}

/* First bytes of what a descriptor reads, and how many bytes there are in all. */
static UNUSED void say_content(const char *what, int fd)
{
    char buffer[65536];
    unsigned long total = 0, sum = 5381;
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0) {
        total += (unsigned long)n;
        for (ssize_t i = 0; i < n; i++)
            sum = sum * 33 + (unsigned char)buffer[i];
    }
    if (n < 0)
        say("%s: read %s", what, errname(errno));
    else
        say("%s: %lu bytes, sum %lx", what, total, sum);
}

/* Wait for a child and print how it ended. */
static UNUSED void say_wait(const char *what, pid_t pid)
{
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status))
        say("%s: exit %d", what, WEXITSTATUS(status));
    else
        say("%s: signal %d", what, WTERMSIG(status));
}

#endif
