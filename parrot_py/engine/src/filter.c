/* The seccomp filter: a binary search over the call numbers of the table.  It decides on architecture and number alone,
 * so that the kernel can keep its bitmap of always-allowed calls; unknown numbers and foreign ABIs run untouched. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include "pp.h"

struct leaf {
    int nr;
    int kind;
    uint32_t action;
    uint8_t ops; /* how many of pp_socket_ops are stopped */
};

#define PRCTL_ARGS 11
#define UNTRACED_ARGS 4
#define SENDTO_ARGS 6
#define SOCKETCALL_ARGS ((int)PP_SOCKET_OPS + 3)
#define LONGEST (SOCKETCALL_ARGS > PRCTL_ARGS ? SOCKETCALL_ARGS : PRCTL_ARGS) /* what decide() may emit */

static int by_number(const void *a, const void *b)
{
    return ((const struct leaf *)a)->nr - ((const struct leaf *)b)->nr;
}

static int put(struct sock_filter *out, int at, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    out[at] = (struct sock_filter){code, jt, jf, k};
    return at + 1;
}

/* The lower half of argument i (x86 is little-endian), or its upper half. */
static int load_half(struct sock_filter *out, int at, int i, int upper)
{
    size_t offset = offsetof(struct seccomp_data, args) + 8 * (size_t)i + 4 * (size_t)upper;
    return put(out, at, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static int load_arg(struct sock_filter *out, int at, int i)
{
    return load_half(out, at, i, 0);
}

static int decide_prctl(struct sock_filter *out, int at, uint32_t action)
{
    static const uint32_t stops[] = {PR_GET_SECCOMP, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_GET_NO_NEW_PRIVS};
    const uint8_t n = sizeof stops / sizeof *stops;
    at = load_arg(out, at, 0);
    for (uint8_t i = 0; i < n; i++)
        at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(n - i + 4), 0, stops[i]);
    at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, 0, 3, PR_SET_DUMPABLE);
    at = load_arg(out, at, 1);
    at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0); /* other values than 0 and 1 are EINVAL to the kernel */
    at = put(out, at, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO); /* errno 0: done, says the kernel */
    at = put(out, at, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    return put(out, at, BPF_RET | BPF_K, 0, 0, action);
}

/* What a matched call comes to.  Four calls are decided on an argument, because stopping each of them would cost more than
 * the odd case is worth; the others on the number alone, which lets the kernel skip the filter for those it allows. */
static int decide(struct sock_filter *out, int at, const struct leaf *leaf)
{
    if (leaf->kind == PP_PRCTL)
        return decide_prctl(out, at, leaf->action);
    if (leaf->kind == PP_UNTRACED) {
        at = load_arg(out, at, 0);
        at = put(out, at, BPF_JMP | BPF_JSET | BPF_K, 0, 1, PP_CLONE_UNTRACED);
        at = put(out, at, BPF_RET | BPF_K, 0, 0, leaf->action);
        return put(out, at, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    }
    if (leaf->kind == PP_SENDTO) { /* send() is sendto() without an address */
        at = load_half(out, at, 4, 0);
        at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, 0, 2, 0);
        at = load_half(out, at, 4, 1);
        at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0);
        at = put(out, at, BPF_RET | BPF_K, 0, 0, leaf->action);
        return put(out, at, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    }
    if (leaf->kind == PP_SOCKETCALL) {
        at = load_arg(out, at, 0);
        for (uint8_t i = 0; i < leaf->ops; i++)
            at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(leaf->ops - i), 0, pp_socket_ops[i].op);
        at = put(out, at, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
        return put(out, at, BPF_RET | BPF_K, 0, 0, leaf->action);
    }
    return put(out, at, BPF_RET | BPF_K, 0, 0, leaf->action);
}

static uint8_t length_of(const struct leaf *leaf)
{
    switch (leaf->kind) {
    case PP_PRCTL:
        return PRCTL_ARGS;
    case PP_UNTRACED:
        return UNTRACED_ARGS;
    case PP_SENDTO:
        return SENDTO_ARGS;
    case PP_SOCKETCALL:
        return (uint8_t)(leaf->ops + 3);
    default:
        return 1;
    }
}

/* Emit the search over leaves [lo, hi); every path ends in a return.  The new end of the program. */
static int search(struct sock_filter *out, int at, const struct leaf *leaves, int lo, int hi)
{
    if (hi - lo == 1) {
        at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, 0, length_of(&leaves[lo]), (uint32_t)leaves[lo].nr);
        at = decide(out, at, &leaves[lo]);
        return put(out, at, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    }
    int middle = (lo + hi) / 2;
    /* A conditional jump reaches 255 instructions only, an unconditional one anywhere. */
    at = put(out, at, BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)leaves[middle].nr);
    int jump = at++;
    int end = search(out, at, leaves, lo, middle);
    put(out, jump, BPF_JMP | BPF_JA, 0, 0, (uint32_t)(end - jump - 1));
    return search(out, end, leaves, middle, hi);
}

static uint32_t action_for(int kind, int index)
{
    if (kind == PP_REFUSE)
        return SECCOMP_RET_ERRNO | ENOSYS;
    if (kind == PP_NOTHING)
        return SECCOMP_RET_ERRNO; /* errno 0: the call returns that */
    return SECCOMP_RET_TRACE | PP_OUR_DATA | (uint32_t)index;
}

/* The calls of one ABI: test the architecture, then search.  The new end of the program, or -ENOMEM. */
static int put_abi(const struct pp_engine *e, struct sock_filter *out, int at, int abi, uint32_t arch)
{
    struct leaf *leaves = calloc((size_t)e->call_count, sizeof *leaves);
    int n = 0;
    bool messages = e->by_nr[PP_I386][pp_socket_ops[PP_SOCKET_OPS - 1].nr] >= 0;
    uint8_t ops = (uint8_t)(PP_SOCKET_OPS - !messages);
    if (!leaves)
        return -ENOMEM;
    for (int i = 0; i < e->call_count; i++) {
        const struct pp_call *call = &e->calls[i];
        if (call->nr[abi] >= 0)
            leaves[n++] = (struct leaf){call->nr[abi], call->kind, action_for(call->kind, i), ops};
    }
    qsort(leaves, (size_t)n, sizeof *leaves, by_number);
    if (n) {
        at = put(out, at, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, arch);
        int jump = at++;
        at = put(out, at, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
        at = search(out, at, leaves, 0, n);
        put(out, jump, BPF_JMP | BPF_JA, 0, 0, (uint32_t)(at - jump - 1));
    }
    free(leaves);
    return at;
}

/* Build into program->filter (malloc'ed, for the caller to free).  0 or -errno. */
int pp_build_filter(const struct pp_engine *e, struct sock_fprog *program)
{
    struct sock_filter *out = calloc((size_t)(PP_ABIS * (LONGEST + 4) * e->call_count + 32), sizeof *out);
    if (!out)
        return -ENOMEM;
    int at = put(out, 0, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
    at = put_abi(e, out, at, PP_X86_64, PP_AUDIT_ARCH);
    if (at > 0)
        at = put_abi(e, out, at, PP_I386, PP_AUDIT_ARCH_I386);
    if (at < 0) {
        free(out);
        return at;
    }
    at = put(out, at, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW);
    program->len = (unsigned short)at;
    program->filter = out;
    return 0;
}
