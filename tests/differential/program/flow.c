/* The verbs of a sequence: calls one after the other, and calls made by children and threads.
 *
 *     call NAME NR SHOW SLOT ARG…     one system call; a result that is a descriptor goes to SLOT
 *     kid HOW N                       the next N lines are run by a child, for which the parent waits; HOW: fork, vm,
 *                                     fs, files, both, thread: what it shares with the parent
 *     exec NAME NR ARG…               a child starts a program; its output and its end are told
 *     map FD SIZE PROT FLAGS OFFSET   mmap, what can be read there, munmap
 */
#include "differ.h"
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

#define STACK (512 << 10)
#define LONGEST (48 << 10)

struct kid {
    char **lines;
    int count, number;
    struct worker *worker;
};

static int kid_main(void *p)
{
    struct kid *kid = p;
    me = kid->worker;
    pp_run_lines(kid->lines, kid->count, kid->number);
    return 0;
}

/* A kid that is a process has an alarm of its own: a maker that waits for it in vfork may hear its own only after it, as
 * docs/limits.md says. */
static int kid_process(void *p)
{
    alarm(PATIENCE);
    return kid_main(p);
}

/* A kid that is a thread: its end clears *tid, where the parent waits. */
static void run_thread(struct kid *kid, char *stack)
{
    static const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
                             CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
    volatile pid_t tid = 1;
    pid_t id = clone(kid_main, stack + STACK, flags, kid, (pid_t *)&tid, NULL, (pid_t *)&tid);
    if (id < 0) {
        pp_say(" no thread\n");
        return;
    }
    for (pid_t now; (now = tid) != 0;)
        syscall(SYS_futex, &tid, FUTEX_WAIT, now, NULL, NULL, 0);
    while (syscall(SYS_tgkill, getpid(), id, 0) == 0) /* only when it is gone has it let go of its descriptors */
        sched_yield();
}

static int run_kid(struct line *line, char **lines, int left, int number)
{
    static const struct { const char *name; int flags; } how[] = {
        {"vm", CLONE_VM | CLONE_VFORK}, {"fs", CLONE_FS}, {"files", CLONE_FILES}, {"both", CLONE_FS | CLONE_FILES},
        {"fork", 0},
    };
    int count = line->count > 2 ? atoi(line->words[2]) : 0, flags = 0, status;
    if (count > left)
        count = left;
    struct kid kid = {lines, count, number + 1, me};
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pp_say("%d kid %s\n", number, line->words[1]);
    if (!strcmp(line->words[1], "thread")) {
        run_thread(&kid, stack);
    } else {
        for (size_t i = 0; i < COUNT(how); i++)
            if (!strcmp(how[i].name, line->words[1]))
                flags = how[i].flags;
        pid_t pid = clone(kid_process, stack + STACK, flags | SIGCHLD, &kid);
        if (pid < 0 || waitpid(pid, &status, __WALL) != pid)
            pp_say("%d no kid\n", number);
        else if (status)
            pp_say("%d kid ended with %x\n", number, status);
    }
    munmap(stack, STACK);
    return count;
}

/* Make a call, again if it failed for what others do: a walk that the kernel begins anew (somebody mounts or renames
 * something) counts the links of the first attempt, too, and openat2 then gives up at `..`. */
static long ask(const struct call *call, unsigned *changed)
{
    long rv;
    int tries = 0;
    do
        rv = pp_raw(call->nr, call->args, changed);
    while ((rv == -ELOOP || (rv == -EAGAIN && call->nr == SYS_openat2)) && ++tries < 5);
    return rv;
}

static void child_exec(const struct call *call, int out)
{
    unsigned changed;
    dup2(out, 1);
    dup2(out, 2);
    long rv = ask(call, &changed);
    pp_say(" = %s%s", pp_errname(-rv), changed ? " registers" : "");
    _exit(99);
}

/* "exec NAME NR ARG…" */
static void run_exec(struct line *line, int number)
{
    struct call call;
    char text[8192];
    int ends[2], status = 0;
    size_t got = 0;
    memset(&call, 0, sizeof call);
    me->arena_used = 0, me->zones_used = 0;
    call.nr = atol(line->words[2]);
    for (int i = 3; i < line->count && i < 3 + MAX_ARGS; i++)
        if (!pp_parse_arg(line->words[i], &call.args[i - 3]))
            return;
    pp_say("%d exec %s", number, line->words[1]);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        pp_say(" no pipe\n");
        return;
    }
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); /* fork(3) takes locks of the C library */
    if (pid == 0)
        child_exec(&call, ends[1]);
    close(ends[1]);
    for (ssize_t n; got < sizeof text && (n = read(ends[0], text + got, sizeof text - got)) > 0;)
        got += (size_t)n;
    close(ends[0]);
    waitpid(pid, &status, 0);
    pp_say(" status=%x ", status);
    pp_say_text(text, got);
    pp_say("\n");
}

/* "map FD SIZE PROT FLAGS OFFSET" */
static void run_map(struct line *line, int number)
{
    struct arg a[5];
    struct stat s;
    me->arena_used = 0, me->zones_used = 0;
    if (line->count < 6)
        return;
    for (int i = 0; i < 5; i++)
        if (!pp_parse_arg(line->words[1 + i], &a[i]))
            return;
    int fd = (int)a[0].value;
    size_t size = a[1].value;
    off_t offset = (off_t)a[4].value;
    void *p = mmap(NULL, size, (int)a[2].value, (int)a[3].value, fd, offset);
    pp_say("%d map = %s", number, p == MAP_FAILED ? pp_errname(errno) : "some");
    if (p != MAP_FAILED) {
        size_t there = fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_size > offset ? (size_t)(s.st_size - offset) : 0;
        if (a[2].value & PROT_READ)
            pp_say_hash(p, there < size ? there : size);
        pp_say(" sync=%d protect=%s", msync(p, size, MS_SYNC), mprotect(p, size, PROT_READ | PROT_WRITE) ? pp_errname(errno) : "ok");
        munmap(p, size);
    }
    pp_say("\n");
}

static void run_call(struct line *line, int number)
{
    struct call call;
    unsigned changed = 0;
    if (!pp_parse_call(line, &call))
        return;
    pp_say("%d %s", number, call.name);
    if (pp_is_part_of_top(&call) || pp_is_lock_of_host(&call)) {
        pp_say(" not compared\n");
        return;
    }
    long rv = ask(&call, &changed);
    if (call.slot >= 0 && rv >= 0)
        me->slot[call.slot] = rv;
    pp_show(&call, rv);
    pp_say(changed ? " registers=%x\n" : "\n", changed);
}

/* Run lines; number is that of the first one in its sequence. */
void pp_run_lines(char **lines, int count, int number)
{
    struct line line;
    char copy[LONGEST]; /* no malloc: its lock may be held by a thread that a kid has not */
    for (int i = 0; i < count; i++) {
        snprintf(copy, sizeof copy, "%s", lines[i]);
        if (pp_split(copy, &line) > 2) {
            if (!strcmp(line.words[0], "call"))
                run_call(&line, number + i);
            else if (!strcmp(line.words[0], "exec"))
                run_exec(&line, number + i);
            else if (!strcmp(line.words[0], "map"))
                run_map(&line, number + i);
            else if (!strcmp(line.words[0], "kid"))
                i += run_kid(&line, lines + i + 1, count - i - 1, number + i);
        }
    }
}
