/* A system call changes its result register, rcx and r11, nothing else: no argument register, no byte below the stack pointer. */
#include "canon.h"

#if defined(__x86_64__)
/* Make call *nr* with every other register holding a pattern and the red zone filled; count what came back changed. */
static long checked(long nr, long a, long b, long c, long d, int by_vdso UNUSED, unsigned *changed)
{
    long result;
    unsigned long after[12] = { 0 }, red[16] = { 0 };
    unsigned long bad = 0;
    struct { long nr, a, b, c, d; unsigned long *after, *red; } in_out = { nr, a, b, c, d, after, red };
    __asm__ volatile(
        "lea -256(%%rsp), %%rsp\n\t"  /* the compiler may keep its own things in the red zone of this function */
        "push %%rbp\n\t"
        "push %%rbx\n\t"
        "mov %[io], %%rbx\n\t"
        "mov 0(%%rbx), %%rax\n\t"
        "mov 8(%%rbx), %%rdi\n\t"
        "mov 16(%%rbx), %%rsi\n\t"
        "mov 24(%%rbx), %%rdx\n\t"
        "mov 32(%%rbx), %%r10\n\t"
        "mov $0x1111, %%r8\n\t"
        "mov $0x2222, %%r9\n\t"
        "mov $0x3333, %%r12\n\t"
        "mov $0x4444, %%r13\n\t"
        "mov $0x5555, %%r14\n\t"
        "mov $0x6666, %%r15\n\t"
        "mov $0x7777, %%rbp\n\t"
        "movq $0x8888, -8(%%rsp)\n\t"
        "movq $0x9999, -64(%%rsp)\n\t"
        "movq $0xaaaa, -128(%%rsp)\n\t"
        "syscall\n\t"
        "mov 48(%%rbx), %%rcx\n\t"
        "mov -8(%%rsp), %%r11\n\t"
        "mov %%r11, 0(%%rcx)\n\t"
        "mov -64(%%rsp), %%r11\n\t"
        "mov %%r11, 8(%%rcx)\n\t"
        "mov -128(%%rsp), %%r11\n\t"
        "mov %%r11, 16(%%rcx)\n\t"
        "mov 40(%%rbx), %%rcx\n\t"
        "mov %%rdi, 0(%%rcx)\n\t"
        "mov %%rsi, 8(%%rcx)\n\t"
        "mov %%rdx, 16(%%rcx)\n\t"
        "mov %%r10, 24(%%rcx)\n\t"
        "mov %%r8, 32(%%rcx)\n\t"
        "mov %%r9, 40(%%rcx)\n\t"
        "mov %%r12, 48(%%rcx)\n\t"
        "mov %%r13, 56(%%rcx)\n\t"
        "mov %%r14, 64(%%rcx)\n\t"
        "mov %%r15, 72(%%rcx)\n\t"
        "mov %%rbp, 80(%%rcx)\n\t"
        "pop %%rbx\n\t"
        "pop %%rbp\n\t"
        "lea 256(%%rsp), %%rsp\n\t"
        : "=&a"(result)
        : [io] "r"(&in_out)
        : "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
    const unsigned long expect[11] = { (unsigned long)a, (unsigned long)b, (unsigned long)c, (unsigned long)d, 0x1111, 0x2222, 0x3333, 0x4444,
                                       0x5555, 0x6666, 0x7777 };
    for (size_t i = 0; i < COUNT(expect); i++)
        bad |= (unsigned long)(after[i] != expect[i]) << i;
    bad |= (unsigned long)(red[0] != 0x8888) << 11 | (unsigned long)(red[1] != 0x9999) << 12 | (unsigned long)(red[2] != 0xaaaa) << 13;
    *changed = (unsigned)bad;
    return result;
}

#elif defined(__i386__)
#include "entry32.h"

/* The same for both ways into the kernel. */
static long checked(long nr, long a, long b, long c, long d, int by_vdso, unsigned *changed)
{
    struct entry32 io = { nr, { a, b, c, d, 0x1111, 0x2222 }, by_vdso, { 0 } };
    *changed = enter32(&io);
    return io.nr;
}
#endif

#if defined(__x86_64__) || defined(__i386__)
static void one(const char *what, long nr, long a, long b, long c, long d)
{
    unsigned changed;
    for (int by_vdso = 0; by_vdso <= (int)(sizeof(long) == 4); by_vdso++) {
        long rv = checked(nr, a, b, c, d, by_vdso, &changed);
        say("%s: %s, changed %#x", what, rv < 0 && rv > -4096 ? errname((int)-rv) : "ok", changed);
    }
}

int main(int argc, char **argv)
{
    static char buffer[PATH_MAX];
    static const char *const paths[] = { "hello.txt", "dir", "missing", "links/file", "links/loop", "same/one", "bin/report-static" };
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(paths); i++) {
        long p = (long)in(paths[i]), buf = (long)buffer;
        say("'%s'", paths[i]);
        one("open", SYS_open, p, O_RDONLY, 0, 0x77);
        one("open for writing", SYS_open, p, O_RDWR, 0, 0x77);
        one("openat", SYS_openat, AT_FDCWD, p, O_RDONLY, 0);
        one("stat", SYS_stat, p, buf, 0x55, 0x66);
        one("newfstatat", SYS_newfstatat, AT_FDCWD, p, buf, 0);
        one("access", SYS_access, p, R_OK, 0x55, 0x66);
        one("readlink", SYS_readlink, p, buf, 100, 0x66);
        one("chdir", SYS_chdir, p, 0x44, 0x55, 0x66);
        one("getcwd", SYS_getcwd, buf, 4096, 0x55, 0x66);
        one("unlink", SYS_unlink, p, 0x44, 0x55, 0x66);
        one("truncate", SYS_truncate, p, 0, 0x55, 0x66);
        one("failed execve", SYS_execve, (long)in("missing"), (long)argv, 0, 0x66);
    }
    one("getdents64", SYS_getdents64, quiet_open(in("dir"), O_RDONLY), (long)buffer, 4096, 0x66);
    one("fstat", SYS_fstat, quiet_open(in("dir"), O_RDONLY), (long)buffer, 0x55, 0x66);
    one("native stat", SYS_stat, (long)"/dev/null", (long)buffer, 0x55, 0x66);
    one("native openat", SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDONLY, 0);
    return 0;
}
#else
int main(void)
{
    puts("this check is written for x86");
    return 0;
}
#endif
