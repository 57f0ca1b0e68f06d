/* Entering the kernel from 32-bit code by int 0x80, or by the entry that its vdso has: both change eax and nothing else. */
#ifndef ENTRY32_H
#define ENTRY32_H

struct entry32 {
    long nr, args[6], by_vdso; /* nr: afterwards the result */
    unsigned long after[6];    /* the registers of the arguments afterwards */
};

/* Make the call.  One bit for each register of an argument that it changed. */
static unsigned enter32(struct entry32 *io)
{
    void *where = io;
    unsigned changed = 0;
    __asm__ volatile(
        "pusha\n\t"
        "push %%eax\n\t"
        "mov %%eax, %%ebp\n\t"
        "mov 4(%%ebp), %%ebx\n\t"
        "mov 8(%%ebp), %%ecx\n\t"
        "mov 12(%%ebp), %%edx\n\t"
        "mov 16(%%ebp), %%esi\n\t"
        "mov 20(%%ebp), %%edi\n\t"
        "cmpl $0, 28(%%ebp)\n\t"
        "mov 0(%%ebp), %%eax\n\t"
        "mov 24(%%ebp), %%ebp\n\t"
        "jne 1f\n\t"
        "int $0x80\n\t"
        "jmp 2f\n"
        "1: call *%%gs:0x10\n"
        "2: xchg %%ebp, (%%esp)\n\t"
        "mov %%eax, 0(%%ebp)\n\t"
        "mov %%ebx, 32(%%ebp)\n\t"
        "mov %%ecx, 36(%%ebp)\n\t"
        "mov %%edx, 40(%%ebp)\n\t"
        "mov %%esi, 44(%%ebp)\n\t"
        "mov %%edi, 48(%%ebp)\n\t"
        "pop %%ecx\n\t"
        "mov %%ecx, 52(%%ebp)\n\t"
        "popa\n\t"
        : "+a"(where)
        :
        : "memory", "cc");
    for (int i = 0; i < 6; i++)
        changed |= (unsigned)(io->after[i] != (unsigned long)io->args[i]) << i;
    return changed;
}

#endif
