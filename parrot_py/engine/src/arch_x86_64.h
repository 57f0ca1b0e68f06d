/* Everything that depends on the processor: registers, the length of the syscall instruction, the few call numbers the
 * core itself issues, and the stub code.  Another processor is another file of this shape. */
#ifndef PP_ARCH_X86_64_H
#define PP_ARCH_X86_64_H

#ifndef __x86_64__
#error "parrot_py's engine knows x86_64 only so far: add engine/src/arch_<machine>.h"
#endif

#include <linux/audit.h>
#include <stdint.h>
#include <sys/user.h>

typedef struct user_regs_struct pp_regs;

#define PP_AUDIT_ARCH AUDIT_ARCH_X86_64
#define PP_SYSCALL_INSN_LEN 2
#define PP_NR_LIMIT 1024 /* table numbers lie below; x32 numbers (bit 30) never match and pass */

/* The calls that the core itself issues or looks for, by enum pp_abi. */
static const int pp_nr_mmap[PP_ABIS] = {9, 192};
static const int pp_nr_clone[PP_ABIS] = {56, 120};
static const int pp_nr_clone3[PP_ABIS] = {435, 435};
#define PP_NR_LSEEK {8, 19}

static inline uint64_t pp_nr(const pp_regs *r) { return r->orig_rax; }
static inline void pp_set_nr(pp_regs *r, uint64_t nr) { r->orig_rax = nr; }
static inline uint64_t pp_result(const pp_regs *r) { return r->rax; }
static inline void pp_set_result(pp_regs *r, uint64_t v) { r->rax = v; }
static inline uint64_t pp_ip(const pp_regs *r) { return r->rip; }

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
