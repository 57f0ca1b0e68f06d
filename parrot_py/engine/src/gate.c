/* The prefix gate: decides, without Python and without its lock, whether a stop can concern us. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "pp.h"

/* The name lies in one of our trees: the warm table may know it. */
static enum verdict gate_ours(struct pp_engine *e, struct tracee *t, const struct pp_call *call, struct pp_stop *s,
                              const char *key, size_t len)
{
    if (!e->recorded && call->path[1] < 0 && pp_warm_answer(e, t, call, s, key, len))
        return ANSWERED;
    return OURS;
}

/* Whether the call names the descriptor itself by an empty path; those that may always do so ask Python. */
static bool empty_allowed(const struct pp_call *call, const struct pp_stop *s)
{
    uint64_t flags = call->warm == PP_W_STATX ? s->args[2]
                     : call->warm == PP_W_FSTATAT || call->warm == PP_W_FSTATAT64 || call->warm == PP_W_FACCESSAT2
                         ? s->args[3] : 0;
    return flags & AT_EMPTY_PATH;
}

/* The same for a name relative to (or empty: the descriptor itself) the base in *s. */
static enum verdict gate_below(struct pp_engine *e, struct tracee *t, const struct pp_call *call, int i,
                               struct pp_stop *s)
{
    char key[2 * PP_PATH_MAX + 4];
    int n = s->base_len[i];
    if (call->kind == PP_PATH && s->path_len[i] <= 0 && !empty_allowed(call, s))
        return OURS;
    memcpy(key, s->base[i], (size_t)n);
    if (s->path_len[i] > 0) {
        key[n++] = '/';
        key[n++] = '/';
        memcpy(key + n, s->path[i], (size_t)s->path_len[i]);
        n += s->path_len[i];
    }
    return gate_ours(e, t, call, s, key, (size_t)n);
}

static enum verdict gate_fd(struct pp_engine *e, struct tracee *t, int fd, const struct pp_call *call,
                            struct pp_stop *s)
{
    int n = pp_link_of(t->tid, fd, s->base[0], sizeof s->base[0]);
    if (n < 0)
        return NATIVE;
    s->base_len[0] = n;
    if (pp_in_session(e, s->base[0], n))
        return gate_below(e, t, call, 0, s);
    if (fd < 0 && pp_in_backs(e, s->base[0]))
        return OURS; /* getcwd: the job has another name for it */
    return call->kind == PP_DIRENTS && e->merge_root && n == 1 && s->base[0][0] == '/' ? OURS : NATIVE;
}

/* What path i of a call, which is absolute (abs, as the job means it; real, as the tracer can look it up), comes to. */
static enum verdict gate_absolute(struct pp_engine *e, struct tracee *t, const char *abs, const char *real, int i,
                                  const struct pp_call *call, const struct pp_stop *s)
{
    bool decided, follow = pp_follows(t->tid, call, s, i);
    char program[2 * PP_PATH_MAX];
    if (pp_gate_proc(e, t, abs, follow, &decided))
        return OURS;
    if (decided && call->kind == PP_EXEC) { /* what is native may be a script whose interpreter is not */
        pp_proc_as_tracer(e, t, abs, program, sizeof program);
        return pp_native_exec(e, program, follow, 0) ? NATIVE : OURS;
    }
    if (decided)
        return NATIVE;
    if (!pp_native_lookup(e, abs, real, follow))
        return OURS;
    return call->kind != PP_EXEC || pp_native_exec(e, real, follow, 0) ? NATIVE : OURS;
}

static enum verdict gate_relative(struct pp_engine *e, struct tracee *t, int dirfd, int i, const struct pp_call *call,
                                  struct pp_stop *s)
{
    char abs[2 * PP_PATH_MAX + 2], real[2 * PP_PATH_MAX + 2];
    int n = pp_link_of(t->tid, dirfd, s->base[i], sizeof s->base[i]);
    if (n < 0)
        return NATIVE; /* EBADF, or a process that we may not inspect */
    s->base_len[i] = n;
    if (pp_in_session(e, s->base[i], n))
        return gate_below(e, t, call, i, s);
    if (s->base[i][0] != '/')
        return NATIVE;
    if (pp_in_backs(e, s->base[i]))
        return pp_stays_plainly(e, call, s->base[i], s->path[i]) ? NATIVE : OURS;
    snprintf(abs, sizeof abs, "%s/%s", n > 1 ? s->base[i] : "", s->path[i]);
    if (dirfd >= 0)
        snprintf(real, sizeof real, "/proc/%d/fd/%d/%s", t->tid, dirfd, s->path[i]);
    else
        snprintf(real, sizeof real, "/proc/%d/cwd/%s", t->tid, s->path[i]);
    return pp_under_prefix(e, abs) ? OURS : gate_absolute(e, t, abs, real, i, call, s);
}

static enum verdict gate_empty(struct pp_engine *e, struct tracee *t, int dirfd, int i, const struct pp_call *call,
                               struct pp_stop *s)
{
    char real[64];
    int n = pp_link_of(t->tid, dirfd, s->base[i], sizeof s->base[i]);
    if (n < 0)
        return NATIVE;
    s->base_len[i] = n;
    if (pp_in_session(e, s->base[i], n))
        return gate_below(e, t, call, i, s);
    if (call->warm == PP_W_READLINKAT && !strncmp(s->base[i], "/proc/", 6)) /* a link of /proc itself, opened as such */
        return gate_absolute(e, t, s->base[i], s->base[i], i, call, s);
    if (call->path[1] >= 0 && pp_in_backs(e, s->base[i]))
        return OURS; /* linkat of a descriptor: the new name may be across the border of a mount */
    if (call->kind != PP_EXEC || dirfd < 0)
        return NATIVE;
    snprintf(real, sizeof real, "/proc/%d/fd/%d", t->tid, dirfd);
    return pp_native_exec(e, real, true, 0) ? NATIVE : OURS;
}

/* openat2 with RESOLVE_IN_ROOT means absolute paths relative to its descriptor: Python looks when that is ours. */
static bool gate_root(struct pp_engine *e, struct tracee *t, int dirfd, struct pp_stop *s)
{
    int n = dirfd == -2 ? -1 : pp_link_of(t->tid, dirfd, s->base[0], sizeof s->base[0]);
    return n >= 0 && pp_in_session(e, s->base[0], n);
}

/* The path in the address of a socket of the local domain, if it is one, of length bytes at where. */
static enum verdict gate_address(struct pp_engine *e, struct tracee *t, const struct pp_call *call, struct pp_stop *s,
                                 uint64_t where, uint64_t length)
{
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    size_t room = length < sizeof address ? length : sizeof address;
    if (!where || room <= offsetof(struct sockaddr_un, sun_path) || length > sizeof address ||
        pp_read(t->tid, where, (char *)&address, room) != (long long)room)
        return NATIVE;
    if (address.sun_family != AF_UNIX || !address.sun_path[0])
        return NATIVE;
    size_t n = strnlen(address.sun_path, sizeof address.sun_path);
    memcpy(s->path[0], address.sun_path, n);
    s->path[0][n] = 0;
    s->path_len[0] = (int)n;
    if (s->path[0][0] != '/')
        return gate_relative(e, t, -1, 0, call, s);
    return pp_under_prefix(e, s->path[0]) ? OURS : gate_absolute(e, t, s->path[0], s->path[0], 0, call, s);
}

/* The address is in two arguments, or in the struct msghdr that one leads to. */
static enum verdict gate_sockaddr(struct pp_engine *e, struct tracee *t, const struct pp_call *call, struct pp_stop *s)
{
    const unsigned long long *args = &s->args[call->path[0]];
    uint32_t head[3]; /* its address, of one word or two, and its length */
    size_t size = t->abi == PP_I386 ? 2 * sizeof *head : sizeof head;
    if (call->kind != PP_SENDMSG)
        return gate_address(e, t, call, s, args[0], args[1]);
    if (pp_read(t->tid, args[0], (char *)head, size) != (long long)size)
        return NATIVE;
    if (t->abi == PP_I386)
        return gate_address(e, t, call, s, head[0], head[1]);
    return gate_address(e, t, call, s, head[0] | (uint64_t)head[1] << 32, head[2]);
}

static enum verdict gate_path(struct pp_engine *e, struct tracee *t, const struct pp_call *call, int i,
                              struct pp_stop *s)
{
    int dirfd = call->dirfd[i] < 0 ? AT_FDCWD : (int)s->args[call->dirfd[i]];
    if (dirfd < 0 && dirfd != AT_FDCWD)
        dirfd = -2; /* a bad descriptor: matters only if the path is relative */
    unsigned long long address = s->args[call->path[i]];
    if (!address)
        return call->dirfd[i] >= 0 && dirfd != -2 ? gate_empty(e, t, dirfd, i, call, s) : NATIVE;
    long long n = pp_read_string(t->tid, address, s->path[i], PP_PATH_MAX);
    if (n < 0)
        return NATIVE; /* EFAULT or ENAMETOOLONG: the kernel says so itself */
    s->path_len[i] = (int)n;
    if (n > 0 && s->path[i][0] == '/' && !(call->rooted && gate_root(e, t, dirfd, s))) {
        if (!e->recorded && pp_redirect_plainly(e, t, call, s->path[i]))
            return ANSWERED;
        if (pp_under_prefix(e, s->path[i]))
            return gate_ours(e, t, call, s, s->path[i], (size_t)n);
        return gate_absolute(e, t, s->path[i], s->path[i], i, call, s);
    }
    if (dirfd == -2)
        return NATIVE;
    return n == 0 ? gate_empty(e, t, dirfd, i, call, s) : gate_relative(e, t, dirfd, i, call, s);
}

/* socketcall: what it does is a call of its own, with a number since Linux 4.3, and so it is looked at as that one. */
static enum verdict gate_socketcall(struct pp_engine *e, struct tracee *t, struct pp_stop *s)
{
    uint32_t args[6] = {0};
    const struct pp_socket_op *op = pp_find_socket_op(s->args[0]);
    size_t size = op ? (size_t)op->args * sizeof args[0] : 0;
    if (!op || pp_read(t->tid, s->args[1], (char *)args, size) != (long long)size)
        return NATIVE;
    for (int i = 0; i < 6; i++)
        s->args[i] = args[i];
    s->index = e->by_nr[t->abi][op->nr];
    return s->index < 0 ? NATIVE : gate_sockaddr(e, t, &e->calls[s->index], s);
}

/* clone3: the flags are the first member of a structure in the job's memory, and that is where the bit is taken out. */
static void gate_clone3(struct pp_engine *e, struct tracee *t, const struct pp_stop *s)
{
    uint64_t flags;
    if (pp_read(t->tid, s->args[0], (char *)&flags, sizeof flags) != sizeof flags || !(flags & PP_CLONE_UNTRACED))
        return;
    flags &= ~(uint64_t)PP_CLONE_UNTRACED;
    pp_poke_bytes(e, t->tid, s->args[0], &flags, sizeof flags); /* where that fails, clone3 itself is EFAULT */
}

/* Whether a stop that the kernel settles is for Python all the same: always, or for the names in it. */
bool pp_shown(const struct pp_engine *e, const struct pp_stop *s)
{
    bool named = s->path_len[0] > 0 || s->path_len[1] > 0;
    bool program = s->path_len[0] == 0 && e->calls[s->index].kind == PP_EXEC; /* by a descriptor */
    return (s->index >= 0 && e->calls[s->index].always) || (e->recorded && (named || program));
}

/* Whether Python must see the stop; what was read on the way is in *s, and its index is that of what the call comes to.
 * Pre: t is stopped at the entry of call.  Post: nothing of the job is changed, unless the stop is ANSWERED. */
enum verdict pp_gate(struct pp_engine *e, struct tracee *t, const struct pp_call *call, struct pp_stop *s)
{
    for (int i = 0; i < 2; i++)
        s->path_len[i] = s->base_len[i] = -1;
    for (int i = 0; i < 6; i++)
        s->args[i] = pp_arg_value(&t->regs, t->abi, i);
    switch (call->kind) {
    case PP_REFUSE:
    case PP_NOTHING:
    case PP_ASKED:
        return OURS;
    case PP_PTRACE:
        return pp_ptrace_call(e, t, s);
    case PP_PRCTL:
        return pp_gate_prctl(e, t, s);
    case PP_SECCOMP:
        return pp_gate_seccomp(e, t, s);
    case PP_UNTRACED:
        if (!(s->args[0] & PP_CLONE_UNTRACED))
            return NATIVE;
        pp_change_arg(e, t, 0, s->args[0] & ~(uint64_t)PP_CLONE_UNTRACED);
        return ANSWERED;
    case PP_CLONE3:
        gate_clone3(e, t, s);
        return NATIVE;
    case PP_SOCKETCALL:
        return gate_socketcall(e, t, s);
    case PP_SENDTO:
    case PP_SENDMSG:
    case PP_SOCKADDR:
        return gate_sockaddr(e, t, call, s);
    case PP_CWD:
        return gate_fd(e, t, -1, call, s);
    case PP_FD:
    case PP_DIRENTS:
        return (int)s->args[call->fd] >= 0 ? gate_fd(e, t, (int)s->args[call->fd], call, s) : NATIVE;
    default: {
        enum verdict first = gate_path(e, t, call, 0, s);
        if (call->path[1] < 0 || first == ANSWERED)
            return first;
        enum verdict second = gate_path(e, t, call, 1, s);
        return first == OURS ? OURS : second;
    }
    }
}
