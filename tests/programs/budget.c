/* Repeats one call COUNT times, so that the stops it costs can be counted: budget WHAT PATH COUNT.  Not a twin. */
#include "canon.h"
#include <poll.h>
#include <linux/futex.h>
#include <sys/mman.h>

static int fd;
static char buffer[4096];

static void do_read(const char *path) { (void)path; MUST(pread(fd, buffer, 16, 0) >= 0); }
static void do_write(const char *path) { (void)path; MUST(pwrite(fd, buffer, 16, 0) == 16); }
static void do_lseek(const char *path) { (void)path; MUST(lseek(fd, 0, SEEK_SET) == 0); }
static void do_getpid(const char *path) { (void)path; MUST(syscall(SYS_getppid) > 0); }

static void do_poll(const char *path)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };
    (void)path;
    MUST(poll(&p, 1, 0) == 1);
}

static void do_futex(const char *path)
{
    static int word;
    (void)path;
    MUST(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}

static void do_mmap(const char *path)
{
    void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)path;
    MUST(p != MAP_FAILED && munmap(p, 4096) == 0);
}

static void do_stat(const char *path)
{
    struct stat s;
    MUST(syscall(SYS_newfstatat, AT_FDCWD, path, &s, 0) == 0);
}

static void do_access(const char *path) { MUST(syscall(SYS_faccessat, AT_FDCWD, path, R_OK) == 0); }
static void do_readlink(const char *path) { MUST(syscall(SYS_readlinkat, AT_FDCWD, path, buffer, sizeof buffer) > 0); }
static void do_missing(const char *path) { MUST(syscall(SYS_faccessat, AT_FDCWD, path, F_OK) < 0 && errno == ENOENT); }
static void do_open(const char *path) { MUST(close(quiet_open(path, O_RDONLY)) == 0); }

static void do_fstat(const char *path)
{
    struct stat s;
    (void)path;
    MUST(syscall(SYS_fstat, fd, &s) == 0);
}

static void do_open_read(const char *path)
{
    int f = quiet_open(path, O_RDONLY);
    MUST(f >= 0 && read(f, buffer, sizeof buffer) >= 0 && close(f) == 0);
}

/* i386's open and close, wherever they are made from. */
static void do_open_int80(const char *path)
{
    static char *low;
    int f, ignored;
    if (!low) {
        low = mmap(NULL, PATH_MAX, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        MUST(low != MAP_FAILED);
        strcpy(low, path);
    }
    __asm__ volatile("int $0x80" : "=a"(f) : "a"(5), "b"(low), "c"(O_RDONLY), "d"(0) : "memory");
    MUST(f >= 0);
    __asm__ volatile("int $0x80" : "=a"(ignored) : "a"(6), "b"(f) : "memory");
}

static const struct { const char *name; void (*call)(const char *); } calls[] = {
    { "read", do_read }, { "write", do_write }, { "lseek", do_lseek }, { "getppid", do_getpid }, { "poll", do_poll }, { "futex", do_futex },
    { "mmap", do_mmap }, { "stat", do_stat }, { "access", do_access }, { "readlink", do_readlink }, { "missing", do_missing },
    { "open+close", do_open }, { "int 0x80", do_open_int80 }, { "fstat", do_fstat }, { "open+read+close", do_open_read },
};

int main(int argc, char **argv)
{
    MUST(argc == 4);
    long count = atol(argv[3]);
    fd = open(argv[2], strcmp(argv[1], "write") ? O_RDONLY : O_RDWR);
    for (size_t i = 0; i < COUNT(calls); i++)
        if (!strcmp(calls[i].name, argv[1])) {
            for (long n = 0; n < count; n++)
                calls[i].call(argv[2]);
            return 0;
        }
    return 2;
}
