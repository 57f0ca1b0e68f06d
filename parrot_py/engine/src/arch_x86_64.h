/* Everything that depends on the processor: registers, the length of the syscall instruction, the few call numbers the
 * core itself issues, and the stub code.  Another processor is another file of this shape. */
#ifndef PP_ARCH_X86_64_H
#define PP_ARCH_X86_64_H

#ifndef __x86_64__
#error "parrot_py's engine knows x86_64 only so far: add engine/src/arch_<machine>.h"
#endif

#include <linux/audit.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/user.h>

typedef struct user_regs_struct pp_regs;

#define PP_AUDIT_ARCH AUDIT_ARCH_X86_64
#define PP_AUDIT_ARCH_I386 AUDIT_ARCH_I386
#define PP_SYSCALL_INSN_LEN 2 /* of syscall, sysenter and int 0x80 */
#define PP_NR_LIMIT 1024 /* table numbers lie below; x32 numbers (bit 30) never match and pass */

/* The calls that the core itself issues or looks for, by enum pp_abi. */
static const int pp_nr_mmap[PP_ABIS] = {9, 192};
static const int pp_nr_clone[PP_ABIS] = {56, 120};
static const int pp_nr_clone3[PP_ABIS] = {435, 435};
#define PP_NR_LSEEK {8, 19}

/* The calls behind socketcall that take the address of a socket: number of the operation, of the call, of arguments.  The
 * last one is stopped only in runs that have a line for it. */
struct pp_socket_op {
    uint32_t op;
    short nr, args;
};
static const struct pp_socket_op pp_socket_ops[] = {
    {2 /* bind */, 361, 3}, {3 /* connect */, 362, 3}, {11 /* sendto */, 369, 6}, {16 /* sendmsg */, 370, 3}
};
#define PP_SOCKET_OPS (sizeof pp_socket_ops / sizeof *pp_socket_ops)

static inline const struct pp_socket_op *pp_find_socket_op(uint64_t op)
{
    for (size_t i = 0; i < PP_SOCKET_OPS; i++)
        if (pp_socket_ops[i].op == op)
            return &pp_socket_ops[i];
    return NULL;
}

/* 64 or 32 bits for the flat code segments of Linux, 0 for others (of Xen's guests, or made by modify_ldt). */
static inline int pp_code_bits(const pp_regs *r) { return r->cs == 0x33 ? 64 : r->cs == 0x23 ? 32 : 0; }

static inline int pp_left_by_syscall(const pp_regs *r) { return r->rcx == r->rip && r->r11 == r->eflags; }

/* The upper half of the register does not count: nor for seccomp, nor for the kernel (since Linux 5.14 and in i386). */
static inline uint32_t pp_nr(const pp_regs *r) { return (uint32_t)r->orig_rax; }
static inline void pp_set_nr(pp_regs *r, uint64_t nr) { r->orig_rax = nr; }
static inline uint64_t pp_result(const pp_regs *r) { return r->rax; }
static inline void pp_set_result(pp_regs *r, uint64_t v) { r->rax = v; }
static inline uint64_t pp_ip(const pp_regs *r) { return r->rip; }
static inline uint64_t pp_sp(const pp_regs *r) { return r->rsp; }

/* At the end of a call, or still in one. */
static inline int pp_in_call(const pp_regs *r) { return (int32_t)r->orig_rax >= 0; }

static inline void pp_set_ip(pp_regs *r, uint64_t ip) { r->rip = ip; }

/* The register of argument i.  Those of i386 count by their lower halves only: see pp_arg_value. */
static inline unsigned long long *pp_arg(pp_regs *r, int abi, int i)
{
    switch (abi == PP_I386 ? i + 6 : i) {
    case 0: return &r->rdi;
    case 1: return &r->rsi;
    case 2: return &r->rdx;
    case 3: return &r->r10;
    case 4: return &r->r8;
    case 5: return &r->r9;
    case 6: return &r->rbx;
    case 7: return &r->rcx;
    case 8: return &r->rdx;
    case 9: return &r->rsi;
    case 10: return &r->rdi;
    default: return &r->rbp;
    }
}

static inline uint64_t pp_arg_value(pp_regs *r, int abi, int i)
{
    uint64_t value = *pp_arg(r, abi, i);
    return abi == PP_I386 ? (uint32_t)value : value;
}

/* Make the stopped call execute its instruction again, as if it had not begun. */
static inline void pp_rewind(pp_regs *r, uint64_t nr)
{
    /* sysenter: the kernel has put rip behind an int 0x80 of the vdso that is there for this. */
    r->rip -= PP_SYSCALL_INSN_LEN;
    r->rax = nr;
    r->orig_rax = (uint64_t)-1;
}

/* The stub.  At a stop the tracer replaces one path argument, parks the job's own value of it in r11 and the job's
 * instruction pointer in rcx, and points rip behind the `syscall` of the stub.  The kernel runs the call, returns to the
 * stub (by IRET, since rcx != rip, so rcx and r11 arrive as set), which puts the argument back and jumps home.
 * rcx and r11 are free: the syscall instruction destroys them anyway.  The `syscall` in front is there for restarts:
 * the kernel restarts a call by going back one instruction. */
#define PP_STUB_STRIDE 16
static const unsigned char pp_stub_code[2 * PP_STUB_STRIDE] = {
    0x0f, 0x05, 0x4c, 0x89, 0xdf, 0xff, 0xe1, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, /* mov r11,rdi; jmp *rcx */
    0x0f, 0x05, 0x4c, 0x89, 0xde, 0xff, 0xe1, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, /* mov r11,rsi; jmp *rcx */
};
#define PP_STUB_ARGS 2 /* the stub can restore argument 0 or 1 */

static inline void pp_enter_stub(pp_regs *r, uint64_t stub, int arg, uint64_t value)
{
    r->rcx = r->rip;
    r->r11 = *pp_arg(r, PP_X86_64, arg);
    r->rip = stub + (uint64_t)arg * PP_STUB_STRIDE + PP_SYSCALL_INSN_LEN;
    *pp_arg(r, PP_X86_64, arg) = value;
}

/* The hop does for calls of i386 what the stub does for the others.  int 0x80 destroys no register, so the values are in
 * the code, which is made anew for each call in front of its path: int 0x80 for restarts, the argument put back, the way
 * home.  Pre: the code segment is flat. */
#define PP_HOP_SIZE 32
static inline void pp_make_hop(unsigned char *code, const pp_regs *r, uint64_t at, int arg, uint64_t value)
{
    bool wide = pp_code_bits(r) == 64;
    unsigned n = wide ? 8 : 4;
    const unsigned char set = arg == 0 ? 0xbb /* ebx */ : 0xb9 /* ecx */;
    unsigned char *p = code;
    *p++ = 0xcd;
    *p++ = 0x80;
    if (wide)
        *p++ = 0x48;
    *p++ = set;
    memcpy(p, &value, n);
    p += n;
    if (wide) {
        memcpy(p, "\xff\x25\0\0\0\0", 6); /* jmp to the address that follows */
        memcpy(p + 6, &r->rip, 8);
    } else {
        uint32_t way = (uint32_t)(r->rip - (at + (uint64_t)(p - code) + 5));
        *p++ = 0xe9;
        memcpy(p, &way, 4);
    }
}

/* Finish by hand what the stub would do, so that a signal handler or debugger never sees the stub. */
static inline int pp_leave_stub(pp_regs *r, uint64_t stub)
{
    uint64_t off = r->rip - stub;
    if (off >= 2 * PP_STUB_STRIDE)
        return 0;
    if (off % PP_STUB_STRIDE == PP_SYSCALL_INSN_LEN)
        *pp_arg(r, PP_X86_64, (int)(off / PP_STUB_STRIDE)) = r->r11;
    r->rip = r->rcx;
    return 1;
}

#endif
