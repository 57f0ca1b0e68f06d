/* By which ABI a thread made the call that it is stopped in, and what a program of i386 wants to be told differently. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pp.h"

#ifndef PTRACE_GET_SYSCALL_INFO
#define PTRACE_GET_SYSCALL_INFO 0x420e
#endif

/* Registers settle it nearly always, without a request to the kernel: 32-bit code makes calls of i386 only, and the syscall
 * instruction of 64-bit code leaves its own address in rcx and the flags in r11, where int 0x80 leaves what was there.
 * (So 64-bit code that puts just these two values there before its int 0x80 is misunderstood.)  The others are asked for:
 * int 0x80 in 64-bit code, odd code segments, and processors with FRED, which keep rcx and r11.  It is the kernel's word
 * on the call, not the filter's: the data of a filter of the job's own would take the place of ours.
 * Pre: t is stopped in or at the end of a call, with these registers. */
int pp_abi_of(const struct pp_engine *e, const struct tracee *t, const pp_regs *regs)
{
    struct {
        uint8_t op, pad[3];
        uint32_t arch;
    } info;
    if (pp_code_bits(regs) == 32)
        return PP_I386;
    if (pp_code_bits(regs) == 64 && pp_left_by_syscall(regs))
        return PP_X86_64;
    if (pp_ptrace(e, PTRACE_GET_SYSCALL_INFO, t->tid, (void *)sizeof info, &info) > 0)
        return info.arch == PP_AUDIT_ARCH_I386 ? PP_I386 : PP_X86_64;
    unsigned char code[PP_SYSCALL_INSN_LEN]; /* before Linux 5.3 */
    bool seen = pp_read(t->tid, pp_ip(regs) - sizeof code, (char *)code, sizeof code) == sizeof code;
    return seen && code[0] == 0xcd && code[1] == 0x80 ? PP_I386 : PP_X86_64;
}

/* struct stat64 of i386 (arch/x86/include/asm/ia32.h). */
struct stat64_i386 {
    uint64_t dev;
    uint32_t pad0, ino_low, mode, nlink, uid, gid;
    uint64_t rdev;
    uint32_t pad3;
    int64_t size;
    uint32_t blksize;
    uint64_t blocks;
    uint32_t times[6];
    uint64_t ino;
} __attribute__((packed));

static bool put(pid_t tid, uint64_t address, const void *data, size_t from, size_t to)
{
    return pp_write(tid, address + from, (const char *)data + from, to - from) == (long long)(to - from);
}

/* Write it as the kernel does, which leaves the padding as it was.  False: EFAULT. */
bool pp_put_stat64(pid_t tid, const struct stat *st, uint64_t address)
{
    struct stat64_i386 s = {
        .dev = st->st_dev,
        .ino_low = (uint32_t)st->st_ino,
        .mode = st->st_mode,
        .nlink = (uint32_t)st->st_nlink,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .rdev = st->st_rdev,
        .size = st->st_size,
        .blksize = (uint32_t)st->st_blksize,
        .blocks = (uint64_t)st->st_blocks,
        .ino = st->st_ino,
    };
    const struct timespec times[3] = {st->st_atim, st->st_mtim, st->st_ctim};
    for (int i = 0; i < 3; i++) {
        s.times[2 * i] = (uint32_t)times[i].tv_sec;
        s.times[2 * i + 1] = (uint32_t)times[i].tv_nsec;
    }
    return put(tid, address, &s, 0, offsetof(struct stat64_i386, pad0)) &&
           put(tid, address, &s, offsetof(struct stat64_i386, ino_low), offsetof(struct stat64_i386, pad3)) &&
           put(tid, address, &s, offsetof(struct stat64_i386, size), sizeof s);
}
