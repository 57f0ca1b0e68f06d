/* The calls of i386 by int 0x80, made from 32-bit code and from 64-bit code, which may do so as well: the structures that
 * only they have, arguments in memory, arrays of short pointers.  Everything passed lies below 4 GiB. */
#ifndef I386_H
#define I386_H

#include "canon.h"
#include <sys/mman.h>

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

static UNUSED void *put(const void *data, size_t size)
{
    char *at = next_low;
    next_low += (size + 15) & ~(size_t)15;
    MUST(next_low < low + (1 << 20));
    memcpy(at, data, size);
    return at;
}

static UNUSED long path(const char *rel) { return (long)put(in(rel), strlen(in(rel)) + 1); }
static UNUSED long text(const char *t) { return (long)put(t, strlen(t) + 1); }
static UNUSED long room(size_t size)
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
#include "entry32.h"

static long i80(long nr, long a, long b, long c, long d, long e, long f)
{
    struct entry32 io = { nr, { a, b, c, d, e, f }, 0, { 0 } };
    changed += (unsigned)__builtin_popcount(enter32(&io));
    return io.nr;
}
#else
#error "this program is about x86"
#endif

/* As syscall(2) has it: -1 and errno. */
static UNUSED long call(long nr, long a, long b, long c, long d, long e, long f)
{
    long rv = i80(nr, a, b, c, d, e, f);
    if (rv >= 0 || rv < -4095)
        return rv;
    errno = (int)-rv;
    return -1;
}

#define C5(nr, a, b, c, d, e, ...) call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0x66)
#define C(...) C5(__VA_ARGS__, 0x33, 0x44, 0x55, 0x77, 0x88)

static const char *const names[] = { "", "hello.txt", "big.bin", "dir", "dir/", "links/file", "links/abs", "links/dangling", "links/loop",
                                     "missing", "hello.txt/x", "fifo", "modes/4755", "unreadable", "noexec-dir/file", "hard/a", "bin/report-static" };

/* The tree, and the memory below 4 GiB. */
static void start(int argc, char **argv)
{
    begin(argc, argv);
    low = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    MUST(low != MAP_FAILED);
    next_low = low;
}

#endif
