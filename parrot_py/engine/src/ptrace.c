/* Thin, checked ptrace requests.  ESRCH from any of them means "it died, wait will tell" and is no error here. */
#include <stdio.h>
#include <sys/syscall.h>

#include "pp.h"

/* Precondition of each request: the calling thread is the one that seized the tracees; the kernel answers any other with a
 * misleading ESRCH. */
void pp_check_owner(const struct pp_engine *e)
{
    if (syscall(SYS_gettid) == e->owner)
        return;
    fputs("parrot_py: ptrace called on a thread that does not own the tracees\n", stderr);
    abort();
}

long pp_ptrace(const struct pp_engine *e, long request, pid_t tid, void *address, void *data)
{
    pp_check_owner(e);
    errno = 0;
    return ptrace(request, tid, address, data);
}

int pp_get_regs(const struct pp_engine *e, struct tracee *t, pp_regs *regs)
{
    return pp_ptrace(e, PTRACE_GETREGS, t->tid, NULL, regs) == 0 ? 0 : -errno;
}

int pp_set_regs(const struct pp_engine *e, struct tracee *t, const pp_regs *regs)
{
    return pp_ptrace(e, PTRACE_SETREGS, t->tid, NULL, (void *)(uintptr_t)regs) == 0 ? 0 : -errno;
}

/* Let the thread run to its next stop, delivering sig (0: none). */
void pp_go(struct pp_engine *e, struct tracee *t, int sig)
{
    pp_set_state(e, t, RUNNING);
    long request = e->use_seccomp ? PTRACE_CONT : PTRACE_SYSCALL;
    if (t->debuggee || t->watched)
        request = pp_debug_request(e, t, &sig);
    pp_ptrace(e, request, t->tid, NULL, (void *)(intptr_t)sig);
}

/* Let the thread finish the call it is in and stop at its exit. */
void pp_go_to_exit(struct pp_engine *e, struct tracee *t)
{
    pp_set_state(e, t, RUNNING);
    pp_ptrace(e, PTRACE_SYSCALL, t->tid, NULL, NULL);
}

/* Write where the job itself may not (our read-only scratch memory): a word at a time.  0 or -errno. */
int pp_poke_bytes(const struct pp_engine *e, pid_t tid, uint64_t address, const void *data, size_t len)
{
    for (size_t at = 0; at < len; at += sizeof(long)) {
        unsigned long word = 0;
        size_t n = len - at < sizeof word ? len - at : sizeof word;
        if (n < sizeof word) {
            errno = 0;
            word = (unsigned long)pp_ptrace(e, PTRACE_PEEKDATA, tid, (void *)(uintptr_t)(address + at), NULL);
            if (errno)
                return -errno;
        }
        memcpy(&word, (const char *)data + at, n);
        if (pp_ptrace(e, PTRACE_POKEDATA, tid, (void *)(uintptr_t)(address + at), (void *)word) != 0)
            return -errno;
    }
    return 0;
}
