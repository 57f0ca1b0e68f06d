/* One system call, made by hand so that every register can be compared afterwards. */
#include "differ.h"

#define PATTERN 0x5ca1ab1e0ddba110u

/* Make the call.  *changed: one bit for each register that the kernel must leave alone and that differs: 0-5 the
 * arguments, 6-10 the callee's (rbx, r12 to r15), 11 rcx, which holds the address behind the call. */
long pp_raw(long nr, const struct arg *args, unsigned *changed)
{
    register uint64_t rax __asm__("rax") = (uint64_t)nr;
    register uint64_t rdi __asm__("rdi") = args[0].value;
    register uint64_t rsi __asm__("rsi") = args[1].value;
    register uint64_t rdx __asm__("rdx") = args[2].value;
    register uint64_t r10 __asm__("r10") = args[3].value;
    register uint64_t r8 __asm__("r8") = args[4].value;
    register uint64_t r9 __asm__("r9") = args[5].value;
    register uint64_t rbx __asm__("rbx") = PATTERN;
    register uint64_t r12 __asm__("r12") = PATTERN + 1;
    register uint64_t r13 __asm__("r13") = PATTERN + 2;
    register uint64_t r14 __asm__("r14") = PATTERN + 3;
    register uint64_t r15 __asm__("r15") = PATTERN + 4;
    register uint64_t rcx __asm__("rcx");
    __asm__ volatile("syscall\n1:\tlea 1b(%%rip), %%r11\n\tsub %%r11, %%rcx"
                     : "+r"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(rbx),
                       "+r"(r12), "+r"(r13), "+r"(r14), "+r"(r15), "=r"(rcx)
                     :
                     : "r11", "memory", "cc");
    const uint64_t now[] = {rdi, rsi, rdx, r10, r8, r9};
    const uint64_t kept[] = {rbx, r12, r13, r14, r15};
    unsigned bits = rcx ? 1u << 11 : 0;
    for (unsigned i = 0; i < COUNT(now); i++)
        bits |= (unsigned)(now[i] != args[i].value) << i;
    for (unsigned i = 0; i < COUNT(kept); i++)
        bits |= (unsigned)(kept[i] != PATTERN + i) << (6 + i);
    *changed = bits;
    return (long)rax;
}

/* The name of an error number. */
const char *pp_errname(long e)
{
    static const struct { int e; const char *name; } names[] = {
#define N(x) { x, #x }
        N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO), N(E2BIG), N(ENOEXEC), N(EBADF), N(ECHILD),
        N(EAGAIN), N(ENOMEM), N(EACCES), N(EFAULT), N(ENOTBLK), N(EBUSY), N(EEXIST), N(EXDEV), N(ENODEV), N(ENOTDIR),
        N(EISDIR), N(EINVAL), N(ENFILE), N(EMFILE), N(ENOTTY), N(ETXTBSY), N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS),
        N(EMLINK), N(EPIPE), N(EDOM), N(ERANGE), N(EDEADLK), N(ENAMETOOLONG), N(ENOLCK), N(ENOSYS), N(ENOTEMPTY),
        N(ELOOP), N(ENODATA), N(EOVERFLOW), N(EOPNOTSUPP), N(ESTALE), N(ENOTSOCK), N(ECONNREFUSED), N(ELIBBAD),
#undef N
    };
    static _Thread_local char other[32];
    for (size_t i = 0; i < COUNT(names); i++)
        if (names[i].e == e)
            return names[i].name;
    snprintf(other, sizeof other, "errno%ld", e);
    return other;
}
