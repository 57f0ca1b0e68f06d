/* ptrace: calls seen at entry and exit, their arguments and results, registers, memory, single steps, break points. */
#include <stddef.h>

#include "trace.h"

static volatile long counter;

static void some_calls(void)
{
    syscall(SYS_getppid);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, in("hello.txt"), O_RDONLY, 0);
    syscall(SYS_close, fd);
    syscall(SYS_openat, AT_FDCWD, in("nothing"), O_RDONLY, 0);
    syscall(SYS_chdir, in("dir"));
    char buffer[PATH_MAX];
    syscall(SYS_getcwd, buffer, sizeof buffer);
    struct stat st;
    syscall(SYS_newfstatat, AT_FDCWD, in("links/file"), &st, AT_SYMLINK_NOFOLLOW);
    syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
    syscall(SYS_exit_group, 7);
}

/* What a debugger must not see changed by a call: its arguments and where it returns to. */
static int same_place(const struct user_regs_struct *a, const struct user_regs_struct *b)
{
    return a->rdi == b->rdi && a->rsi == b->rsi && a->rdx == b->rdx && a->r10 == b->r10 && a->r8 == b->r8 &&
           a->r9 == b->r9 && a->rip == b->rip && a->rsp == b->rsp && a->orig_rax == b->orig_rax;
}

static void say_regs(pid_t pid, int over)
{
    static struct user_regs_struct before;
    struct user_regs_struct r;
    MUST(request(PTRACE_GETREGS, pid, 0, (uintptr_t)&r) == 0);
    if (over)
        say("exit: nr %lld result %lld same %d", (long long)r.orig_rax,
            r.orig_rax == SYS_getppid ? 1LL : (long long)r.rax, same_place(&before, &r));
    else
        say("entry: nr %lld rax %lld", (long long)r.orig_rax, (long long)r.rax);
    before = r;
}

static void follow_calls(const char *how, long options)
{
    say("-- %s", how);
    pid_t pid = traced_child(some_calls);
    told(request(PTRACE_SETOPTIONS, pid, 0, (uintptr_t)options), "options");
    for (int i = 0;; i++) {
        told(go(PTRACE_SYSCALL, pid, 0), "go on");
        int status = await("wait", pid);
        if (!WIFSTOPPED(status))
            return;
        if (i < 2)
            say_info("call", pid);
        say_regs(pid, i % 2);
    }
}

/* The debugger changes calls: another number, another result, no call at all. */
static void replaced(void)
{
    say("child: %ld", (long)syscall(SYS_getppid));
    say("child: open %s", syscall(SYS_openat, AT_FDCWD, "/nowhere", O_RDONLY, 0) < 0 ? errname(errno) : "ok");
    say("child: access %s", syscall(SYS_access, in("hello.txt"), R_OK) < 0 ? errname(errno) : "ok");
}

static void change_calls(void)
{
    say("-- changed calls");
    pid_t pid = traced_child(replaced);
    struct user_regs_struct r;
    request(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    for (int calls = 0, entry = 1;; entry = !entry) {
        go(PTRACE_SYSCALL, pid, 0);
        int status;
        MUST(waitpid(pid, &status, 0) == pid);
        if (!WIFSTOPPED(status))
            return;
        MUST(request(PTRACE_GETREGS, pid, 0, (uintptr_t)&r) == 0);
        if (r.orig_rax == SYS_getppid && !entry)
            r.rax = 4711;
        else if (r.orig_rax == SYS_openat && entry && calls++ == 0)
            r.rsi = r.rsp - 4096; /* not a name at all: empty or EFAULT */
        else if (r.orig_rax == SYS_access && entry)
            r.orig_rax = (unsigned long long)-1;
        else
            continue;
        if (r.orig_rax == SYS_openat)
            MUST(request(PTRACE_POKEDATA, pid, r.rsi, 0) == 0);
        MUST(request(PTRACE_SETREGS, pid, 0, (uintptr_t)&r) == 0);
    }
}

static void counting(void)
{
    counter = 41;
    __asm__ volatile("int3");
    say("child: after int3");
    counter++;
    say("child: %ld", counter);
    raise(SIGUSR1);
}

static void data_requests(void)
{
    say("-- data");
    pid_t pid = traced_child(counting);
    long word = 0;
    say_info("stopped", pid);
    told(request(PTRACE_PEEKDATA, pid, (uintptr_t)&counter, (uintptr_t)&word), "peek %ld", word);
    told(request(PTRACE_PEEKDATA, pid, 8, (uintptr_t)&word), "peek nowhere");
    told(request(PTRACE_PEEKDATA, pid, (uintptr_t)&counter, 8), "peek to nowhere");
    told(request(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.orig_rax), (uintptr_t)&word), "peek user %ld", word);
    told(request(PTRACE_PEEKUSER, pid, 3, (uintptr_t)&word), "peek user oddly");
    told(request(PTRACE_POKEUSER, pid, 1 << 20, 0), "poke user far away");
    told(request(PTRACE_GETEVENTMSG, pid, 0, 8), "message to nowhere");
    uint64_t mask = 0;
    told(request(PTRACE_GETSIGMASK, pid, 8, (uintptr_t)&mask), "mask");
    say("mask is %llx", (unsigned long long)mask);
    told(request(PTRACE_GETSIGMASK, pid, 4, (uintptr_t)&mask), "short mask");
    mask = 1 << (SIGUSR1 - 1);
    told(request(PTRACE_SETSIGMASK, pid, 8, (uintptr_t)&mask), "set mask");
    struct user_fpregs_struct fp;
    told(request(PTRACE_GETFPREGS, pid, 0, (uintptr_t)&fp), "fp registers");
    struct user_regs_struct r;
    struct { void *base; size_t len; } part = {&r, sizeof r};
    told(request(PTRACE_GETREGSET, pid, 1, (uintptr_t)&part), "register set of %zu", part.len);
    part.len = 16;
    told(request(PTRACE_GETREGSET, pid, 1, (uintptr_t)&part), "part of it, %zu", part.len);
    told(request(PTRACE_GETREGSET, pid, 99, (uintptr_t)&part), "unknown set");
    told(request(PTRACE_SETREGSET, pid, 1, (uintptr_t)&part), "set it");
    told(request(4242, pid, 0, 0), "unknown request");
    told(go(PTRACE_CONT, pid, 999), "unknown signal");
    told(request(PTRACE_SETOPTIONS, pid, 0, 1UL << 40), "unknown options");
    told(go(PTRACE_CONT, pid, 0), "go on");
    await("break", pid);
    say_info("break", pid);
    go(PTRACE_CONT, pid, 0);
    await("end", pid);
}

static void step(void)
{
    say("-- steps");
    pid_t pid = traced_child(some_calls);
    struct user_regs_struct r;
    int calls = 0, steps = 0, opens = 0;
    for (int status = 0x7f; WIFSTOPPED(status) && opens < 2 && steps < 200000; steps++) {
        MUST(request(PTRACE_GETREGS, pid, 0, (uintptr_t)&r) == 0);
        long insn = 0;
        MUST(request(PTRACE_PEEKTEXT, pid, r.rip, (uintptr_t)&insn) == 0);
        int is_call = (insn & 0xffff) == 0x050f;
        unsigned long long nr = r.rax;
        go(PTRACE_SINGLESTEP, pid, 0);
        MUST(waitpid(pid, &status, 0) == pid);
        if (!is_call || !WIFSTOPPED(status))
            continue;
        unsigned long long before = r.rip;
        MUST(request(PTRACE_GETREGS, pid, 0, (uintptr_t)&r) == 0);
        opens += nr == SYS_openat;
        say("step over call %d, nr %llu: by %d bytes, result %s", ++calls, nr, (int)(r.rip - before),
            (long long)r.rax < 0 ? errname(-(int)r.rax) : "ok");
        say_info("step", pid);
    }
    finish(pid);
}

static void writing(void)
{
    counter = 41;
    for (;;)
        pause(); /* what would end it by itself would be a race with who kills it */
}

static void watchpoint(void)
{
    say("-- watch point");
    pid_t pid = traced_child(writing);
    told(request(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[0]), (uintptr_t)&counter), "address");
    told(request(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[7]), 0x90001), "control");
    go(PTRACE_CONT, pid, 0);
    await("written", pid);
    say_info("written", pid);
    long word = 0;
    request(PTRACE_PEEKDATA, pid, (uintptr_t)&counter, (uintptr_t)&word);
    say("counter is %ld", word);
    request(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[6]), (uintptr_t)&word);
    say("status %lx", word & 0xf);
    told(request(PTRACE_DETACH, pid, 0, 0), "detach");
    kill(pid, SIGKILL);
    await("end", pid);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    follow_calls("with TRACESYSGOOD", PTRACE_O_TRACESYSGOOD);
    follow_calls("without", 0);
    change_calls();
    data_requests();
    step();
    watchpoint();
    return 0;
}
