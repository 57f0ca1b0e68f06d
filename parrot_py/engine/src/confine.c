/* no_new_privs and seccomp of the job's own.  Every process of the job has both from us (without --no-seccomp), and must
 * not see it. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "nested.h"
#include "pp.h"

#define CAP_SYS_ADMIN 21
#define KNOWN_FLAGS 0x3f
#ifndef SECCOMP_FILTER_FLAG_TSYNC
#define SECCOMP_FILTER_FLAG_TSYNC 1
#endif

static const int nr_seccomp[PP_ABIS] = {317, 354};

static bool may_administrate(pid_t tid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    long capabilities = pp_proc_number(path, "CapEff:", 16);
    return capabilities > 0 && capabilities >> CAP_SYS_ADMIN & 1;
}

/* Filters of the job itself: then the kernel's answers about its mode are right. */
static bool filtered(const struct pp_engine *e, const struct tracee *t)
{
    if (!e->use_seccomp || e->born_filtered)
        return true;
    long count = t->own_filter ? pp_status_number(t->tid, "Seccomp_filters:") : 1;
    return count < 0 || count > 1;
}

/* What a thread of the job would be told of itself without us; *filters: whether it has some besides ours, if it has ours.
 * 1: it has no_new_privs and a filter from us, 0: it has not, -1: it is not of the job. */
int pp_thread(struct pp_engine *e, int tid, int *debugger, int *no_new_privs, int *filters)
{
    const struct tracee *t = pp_find(e, tid);
    if (!t)
        return -1;
    *debugger = t->debuggee ? t->debuggee->debugger : 0;
    *no_new_privs = t->no_new_privs || e->born_confined;
    *filters = filtered(e, t);
    return e->use_seccomp;
}

static void note_filter(struct pp_engine *e, struct tracee *caller, uint64_t flags)
{
    caller->own_filter = true;
    if (!(flags & SECCOMP_FILTER_FLAG_TSYNC))
        return;
    pid_t group = pp_group_of(e, caller);
    for (int b = 0; b < PP_BUCKETS; b++)
        for (struct tracee *t = e->buckets[b]; t; t = t->next)
            if (pp_group_of(e, t) == group) {
                t->own_filter = true;
                t->no_new_privs = t->no_new_privs || caller->no_new_privs;
            }
}

/* A filter is to be installed.  Without no_new_privs the kernel refuses that to all but administrators, after it has
 * looked at the flags and the length; it does not know that ours is not the job's. */
static enum verdict install(struct pp_engine *e, struct tracee *t, uint64_t flags, uint64_t program)
{
    struct sock_fprog filter;
    size_t size = t->abi == PP_I386 ? 8 : sizeof filter; /* the length comes first in both */
    if (flags & ~(uint64_t)KNOWN_FLAGS || pp_read(t->tid, program, (char *)&filter, size) != (long long)size ||
        filter.len == 0 || filter.len > BPF_MAXINSNS)
        return NATIVE;
    if (e->use_seccomp && !e->born_confined && !t->no_new_privs && !may_administrate(t->tid)) {
        pp_answer_now(e, t, -EACCES);
        return ANSWERED;
    }
    note_filter(e, t, flags);
    return NATIVE;
}

/* Strict mode can't follow a filter; so it becomes one, whose stops are deadly: pp_debug_seccomp. */
static const struct sock_filter strict_program[] = {
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch)},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 5, PP_AUDIT_ARCH},
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
    {BPF_JMP | BPF_JGE | BPF_K, 0, 10, 2}, /* read and write */
    {BPF_JMP | BPF_JEQ | BPF_K, 9, 0, 60}, /* exit */
    {BPF_JMP | BPF_JEQ | BPF_K, 8, 0, 15}, /* rt_sigreturn */
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRACE | PP_STRICT_DATA},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 5, PP_AUDIT_ARCH_I386},
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr)},
    {BPF_JMP | BPF_JEQ | BPF_K, 4, 0, 3},   /* read */
    {BPF_JMP | BPF_JEQ | BPF_K, 3, 0, 4},   /* write */
    {BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1},   /* exit */
    {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 119}, /* sigreturn */
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_TRACE | PP_STRICT_DATA},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
};

/* Put the program into the job's memory, with the struct sock_fprog of its ABI in front.  0 and *slot, 1 (the call will
 * come back), or -errno. */
static long put_program(struct pp_engine *e, struct tracee *t, uint64_t *slot)
{
    unsigned char text[sizeof(struct sock_fprog) + sizeof strict_program] = {0};
    const unsigned short length = sizeof strict_program / sizeof *strict_program;
    *slot = pp_slot(t, sizeof text);
    if (!*slot)
        return pp_inject(e, t, sizeof text);
    uint64_t code = *slot + sizeof(struct sock_fprog);
    memcpy(text, &length, sizeof length);
    memcpy(text + (t->abi == PP_I386 ? 4 : offsetof(struct sock_fprog, filter)), &code, t->abi == PP_I386 ? 4 : 8);
    memcpy(text + sizeof(struct sock_fprog), strict_program, sizeof strict_program);
    return pp_fill(e, t, *slot, text, sizeof text);
}

static enum verdict be_strict(struct pp_engine *e, struct tracee *t)
{
    uint64_t slot;
    if (filtered(e, t))
        return NATIVE;
    long result = put_program(e, t, &slot);
    if (result < 0)
        pp_answer_now(e, t, result);
    if (result)
        return ANSWERED;
    t->own_filter = true;
    pp_regs regs = t->regs;
    const uint64_t args[3] = {SECCOMP_SET_MODE_FILTER, 0, slot};
    for (int i = 0; i < 3; i++)
        *pp_arg(&regs, t->abi, i) = args[i];
    pp_set_nr(&regs, (uint64_t)nr_seccomp[t->abi]);
    pp_run_changed(e, t, &regs);
    return ANSWERED;
}

static enum verdict answer(struct pp_engine *e, struct tracee *t, long value)
{
    pp_answer_now(e, t, value);
    return ANSWERED;
}

/* seccomp(operation, flags, args). */
enum verdict pp_gate_seccomp(struct pp_engine *e, struct tracee *t, const struct pp_stop *s)
{
    switch ((unsigned)s->args[0]) {
    case SECCOMP_SET_MODE_STRICT:
        return s->args[1] || s->args[2] ? NATIVE : be_strict(e, t);
    case SECCOMP_SET_MODE_FILTER:
        return install(e, t, (uint32_t)s->args[1], s->args[2]);
    default:
        return NATIVE;
    }
}

/* prctl: what would take our view of the process away, and what would tell of us. */
enum verdict pp_gate_prctl(struct pp_engine *e, struct tracee *t, const struct pp_stop *s)
{
    bool no_more = !s->args[2] && !s->args[3] && !s->args[4];
    switch ((int)s->args[0]) {
    case PR_SET_DUMPABLE:
        return s->args[1] ? NATIVE : answer(e, t, 0);
    case PR_SET_NO_NEW_PRIVS:
        t->no_new_privs = t->no_new_privs || (s->args[1] == 1 && no_more);
        return NATIVE;
    case PR_GET_NO_NEW_PRIVS:
        if (!e->use_seccomp || e->born_confined || s->args[1] || !no_more)
            return NATIVE;
        return answer(e, t, t->no_new_privs);
    case PR_GET_SECCOMP:
        return filtered(e, t) ? NATIVE : answer(e, t, SECCOMP_MODE_DISABLED);
    case PR_SET_SECCOMP:
        if (s->args[1] == SECCOMP_MODE_FILTER)
            return install(e, t, 0, s->args[2]);
        return s->args[1] == SECCOMP_MODE_STRICT ? be_strict(e, t) : NATIVE;
    default:
        return NATIVE;
    }
}
