/* The requests of a debugger that read or write something of its debuggee: made by us with the same arguments, their data
 * copied from and to the debugger's memory. */
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "nested.h"

#define DATA_MAX 65536
#define PEEK_MAX 64
#define GET_THREAD_AREA 25
#define SET_THREAD_AREA 26
#define ARCH_PRCTL 30
#define SECCOMP_GET_FILTER 0x420c
#define SECCOMP_GET_METADATA 0x420d
#define GET_SYSCALL_INFO 0x420e
#define GET_RSEQ_CONFIGURATION 0x420f
#define SET_SYSCALL_USER_DISPATCH 0x4210
#define GET_SYSCALL_USER_DISPATCH 0x4211
#define SET_SYSCALL_INFO 0x4212
#define ARCH_GET_FS 0x1003
#define ARCH_GET_GS 0x1004

struct exchange {
    struct pp_engine *e;
    struct tracee *debugger, *t;
    long request;
    uint64_t address, data;
};

/* The request itself; ptrace() of the C library changes the results of some. */
static long raw(const struct exchange *x, uint64_t address, const void *data)
{
    pp_check_owner(x->e);
    return syscall(SYS_ptrace, x->request, x->t->tid, address, data) < 0 ? -errno : 0;
}

static long give(const struct exchange *x, uint64_t to, const void *data, size_t len)
{
    return pp_write(x->debugger->tid, to, data, len) == (long long)len ? 0 : -EFAULT;
}

static long take(const struct exchange *x, uint64_t from, void *data, size_t len)
{
    return pp_read(x->debugger->tid, from, data, len) == (long long)len ? 0 : -EFAULT;
}

/* The kernel fills size bytes, which lie at x->data in the debugger's memory. */
static long get(const struct exchange *x, size_t size)
{
    char buffer[1024] = {0};
    long failed = raw(x, x->address, buffer);
    return failed ? failed : give(x, x->data, buffer, size);
}

static long set(const struct exchange *x, size_t size)
{
    char buffer[1024];
    long failed = take(x, x->data, buffer, size);
    return failed ? failed : raw(x, x->address, buffer);
}

/* PTRACE_GETREGSET and SETREGSET: x->data is a struct iovec. */
static long regset(const struct exchange *x, bool write)
{
    struct iovec theirs, ours;
    long failed = take(x, x->data, &theirs, sizeof theirs);
    if (failed)
        return failed;
    char *buffer = calloc(1, DATA_MAX);
    if (!buffer)
        return -ENOMEM;
    ours = (struct iovec){buffer, theirs.iov_len < DATA_MAX ? theirs.iov_len : DATA_MAX};
    uint64_t where = (uint64_t)(uintptr_t)theirs.iov_base;
    if (write)
        failed = take(x, where, buffer, ours.iov_len);
    if (!failed)
        failed = raw(x, x->address, &ours);
    if (!failed && !write)
        failed = give(x, where, buffer, ours.iov_len);
    if (!failed)
        failed = give(x, x->data + offsetof(struct iovec, iov_len), &ours.iov_len, sizeof ours.iov_len);
    free(buffer);
    return failed;
}

static long get_siginfo(const struct exchange *x)
{
    const struct debuggee *d = x->t->debuggee;
    siginfo_t info = d->info;
    if (d->stop == D_GROUP && !d->seized)
        return -EINVAL; /* the kernel has none for the group stop of such a debuggee */
    if (d->stop != D_MADE) {
        long failed = raw(x, 0, &info);
        if (failed)
            return failed;
    }
    if ((d->stop == D_ENTRY || d->stop == D_EXIT) && !(d->options & PTRACE_O_TRACESYSGOOD))
        info.si_code = SIGTRAP;
    return give(x, x->data, &info, sizeof info);
}

static long set_siginfo(const struct exchange *x)
{
    struct debuggee *d = x->t->debuggee;
    siginfo_t info;
    long failed = take(x, x->data, &info, sizeof info);
    if (failed || d->stop != D_MADE)
        return failed ? failed : raw(x, 0, &info);
    d->info = info;
    return 0;
}

static long peek_siginfo(const struct exchange *x)
{
    struct __ptrace_peeksiginfo_args args;
    siginfo_t buffer[PEEK_MAX];
    long failed = take(x, x->address, &args, sizeof args);
    if (failed)
        return failed;
    if (args.nr < 0)
        return -EINVAL;
    if (args.nr > PEEK_MAX)
        args.nr = PEEK_MAX;
    pp_check_owner(x->e);
    long n = syscall(SYS_ptrace, x->request, x->t->tid, &args, buffer);
    if (n <= 0)
        return n < 0 ? -errno : 0;
    failed = give(x, x->data, buffer, (size_t)n * sizeof *buffer);
    return failed ? failed : n;
}

/* Requests with a buffer of x->address bytes at x->data; the kernel returns how many there are. */
static long sized(const struct exchange *x)
{
    char buffer[512] = {0};
    const struct debuggee *d = x->t->debuggee;
    size_t size = x->address < sizeof buffer ? x->address : sizeof buffer;
    pp_check_owner(x->e);
    long n = syscall(SYS_ptrace, x->request, x->t->tid, size, buffer);
    if (n < 0)
        return -errno;
    if (x->request == GET_SYSCALL_INFO && d->stop == D_MADE)
        buffer[0] = 0; /* PTRACE_SYSCALL_INFO_NONE */
    long failed = give(x, x->data, buffer, (size_t)n < size ? (size_t)n : size);
    return failed ? failed : n;
}

static long put_sized(const struct exchange *x)
{
    char buffer[512];
    size_t size = x->address < sizeof buffer ? x->address : sizeof buffer;
    long failed = take(x, x->data, buffer, size);
    return failed ? failed : raw(x, size, buffer);
}

/* PTRACE_ARCH_PRCTL: x->data is the operation, and x->address where the result goes. */
static long arch_prctl(const struct exchange *x)
{
    unsigned long value = 0;
    if (x->data != ARCH_GET_FS && x->data != ARCH_GET_GS)
        return raw(x, x->address, (const void *)(uintptr_t)x->data);
    long failed = raw(x, (uint64_t)(uintptr_t)&value, (const void *)(uintptr_t)x->data);
    return failed ? failed : give(x, x->address, &value, sizeof value);
}

/* Post: what ptrace(2) returns. */
long pp_data_request(struct pp_engine *e, struct tracee *debugger, struct tracee *t, long request, uint64_t address,
                     uint64_t data)
{
    const struct exchange x = {e, debugger, t, request, address, data};
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
    case PTRACE_PEEKUSER:
        return get(&x, sizeof(long));
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
    case PTRACE_POKEUSER:
        return raw(&x, address, (const void *)(uintptr_t)data);
    case PTRACE_GETREGS:
        return get(&x, sizeof(struct user_regs_struct));
    case PTRACE_SETREGS:
        return set(&x, sizeof(struct user_regs_struct));
    case PTRACE_GETFPREGS:
        return get(&x, sizeof(struct user_fpregs_struct));
    case PTRACE_SETFPREGS:
        return set(&x, sizeof(struct user_fpregs_struct));
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return regset(&x, request == (long)PTRACE_SETREGSET);
    case PTRACE_GETSIGINFO:
        return get_siginfo(&x);
    case PTRACE_SETSIGINFO:
        return set_siginfo(&x);
    case PTRACE_PEEKSIGINFO:
        return peek_siginfo(&x);
    case PTRACE_GETEVENTMSG:
        return get(&x, sizeof(long));
    case PTRACE_GETSIGMASK:
        return address == 8 ? get(&x, 8) : -EINVAL;
    case PTRACE_SETSIGMASK:
        return address == 8 ? set(&x, 8) : -EINVAL;
    case GET_THREAD_AREA:
        return get(&x, 16);
    case SET_THREAD_AREA:
        return set(&x, 16);
    case GET_SYSCALL_INFO:
    case GET_RSEQ_CONFIGURATION:
    case GET_SYSCALL_USER_DISPATCH:
        return sized(&x);
    case SET_SYSCALL_INFO:
    case SET_SYSCALL_USER_DISPATCH:
        return put_sized(&x);
    case ARCH_PRCTL:
        return arch_prctl(&x);
    case SECCOMP_GET_FILTER:
    case SECCOMP_GET_METADATA:
        return -EACCES; /* what the kernel says to a caller that is itself filtered, as every process of the job is */
    default:
        return -EIO;
    }
}
