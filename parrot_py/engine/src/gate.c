/* The prefix gate: decides, without Python and without its lock, whether a stop can concern us. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "pp.h"

static bool gate_fd(struct pp_engine *e, struct tracee *t, int fd, bool dirents, struct pp_stop *s)
{
    int n = pp_link_of(t->tid, fd, s->base[0], sizeof s->base[0]);
    if (n < 0)
        return false;
    s->base_len[0] = n;
    return pp_in_session(e, s->base[0], n) || (dirents && e->merge_root && n == 1 && s->base[0][0] == '/');
}

static bool gate_magic(struct pp_engine *e, struct tracee *t, const char *path, bool *decided)
{
    char link[128], text[PP_PATH_MAX + 1], full[2 * PP_PATH_MAX];
    *decided = strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/dev/fd", 7) == 0 || strncmp(path, "/dev/std", 8) == 0;
    if (!*decided)
        return false;
    const char *name = strrchr(path, '/') + 1;
    if (!strcmp(name, "maps") || !strcmp(name, "smaps") || !strcmp(name, "numa_maps"))
        return true; /* they name the objects behind our files */
    const char *rest = pp_proc_magic(t->tid, path, link, sizeof link);
    if (!rest)
        return false;
    ssize_t n = readlink(link, text, sizeof text - 1);
    if (n < 0)
        return false;
    text[n] = 0;
    if (pp_in_session(e, text, (int)n))
        return true;
    if (!*rest || text[0] != '/')
        return false;
    snprintf(full, sizeof full, "%s%s", text, rest);
    if (pp_under_prefix(e, full))
        return true;
    snprintf(full, sizeof full, "%s%s", link, rest);
    return !pp_native_lookup(e, full);
}

/* What an absolute path (abs, as the job means it; real, as the tracer can look it up) comes to. */
static bool gate_absolute(struct pp_engine *e, struct tracee *t, const char *abs, const char *real, bool exec)
{
    bool decided;
    if (pp_under_prefix(e, abs))
        return true;
    if (gate_magic(e, t, abs, &decided))
        return true;
    if (!decided && !pp_native_lookup(e, real))
        return true;
    return exec && !decided && !pp_native_exec(e, real, 0);
}

static bool gate_relative(struct pp_engine *e, struct tracee *t, int dirfd, int i, bool exec, struct pp_stop *s)
{
    char abs[2 * PP_PATH_MAX + 2], real[2 * PP_PATH_MAX + 2];
    int n = pp_link_of(t->tid, dirfd, s->base[i], sizeof s->base[i]);
    if (n < 0)
        return false; /* EBADF, or a process that we may not inspect */
    s->base_len[i] = n;
    if (pp_in_session(e, s->base[i], n))
        return true;
    if (s->base[i][0] != '/')
        return false;
    snprintf(abs, sizeof abs, "%s/%s", n > 1 ? s->base[i] : "", s->path[i]);
    if (dirfd >= 0)
        snprintf(real, sizeof real, "/proc/%d/fd/%d/%s", t->tid, dirfd, s->path[i]);
    else
        snprintf(real, sizeof real, "/proc/%d/cwd/%s", t->tid, s->path[i]);
    return gate_absolute(e, t, abs, real, exec);
}

static bool gate_empty(struct pp_engine *e, struct tracee *t, int dirfd, int i, bool exec, struct pp_stop *s)
{
    char real[64];
    int n = pp_link_of(t->tid, dirfd, s->base[i], sizeof s->base[i]);
    if (n < 0)
        return false;
    s->base_len[i] = n;
    if (pp_in_session(e, s->base[i], n))
        return true;
    if (!exec || dirfd < 0)
        return false;
    snprintf(real, sizeof real, "/proc/%d/fd/%d", t->tid, dirfd);
    return !pp_native_exec(e, real, 0);
}

/* openat2 with RESOLVE_IN_ROOT means absolute paths relative to its descriptor: Python looks when that is ours. */
static bool gate_root(struct pp_engine *e, struct tracee *t, int dirfd, struct pp_stop *s)
{
    int n = pp_link_of(t->tid, dirfd, s->base[0], sizeof s->base[0]);
    return n >= 0 && pp_in_session(e, s->base[0], n);
}

/* The path in the address of a socket of the local domain, if it is one. */
static bool gate_sockaddr(struct pp_engine *e, struct tracee *t, struct pp_stop *s)
{
    struct sockaddr_un address;
    memset(&address, 0, sizeof address);
    size_t room = s->args[2] < sizeof address ? s->args[2] : sizeof address;
    if (room <= offsetof(struct sockaddr_un, sun_path) || s->args[2] > sizeof address ||
        pp_read(t->tid, s->args[1], (char *)&address, room) != (long long)room)
        return false;
    if (address.sun_family != AF_UNIX || !address.sun_path[0])
        return false;
    size_t n = strnlen(address.sun_path, sizeof address.sun_path);
    memcpy(s->path[0], address.sun_path, n);
    s->path[0][n] = 0;
    s->path_len[0] = (int)n;
    return s->path[0][0] == '/' ? gate_absolute(e, t, s->path[0], s->path[0], false)
                                : gate_relative(e, t, -1, 0, false, s);
}

static bool gate_path(struct pp_engine *e, struct tracee *t, const struct pp_call *call, int i, struct pp_stop *s)
{
    bool exec = call->kind == PP_EXEC;
    int dirfd = call->dirfd[i] < 0 ? AT_FDCWD : (int)s->args[call->dirfd[i]];
    if (dirfd < 0 && dirfd != AT_FDCWD)
        dirfd = -2; /* a bad descriptor: matters only if the path is relative */
    unsigned long long address = s->args[call->path[i]];
    if (!address)
        return call->dirfd[i] >= 0 && dirfd != -2 && gate_empty(e, t, dirfd, i, exec, s);
    long long n = pp_read_string(t->tid, address, s->path[i], PP_PATH_MAX);
    if (n < 0)
        return false; /* EFAULT or ENAMETOOLONG: the kernel says so itself */
    s->path_len[i] = (int)n;
    if (n > 0 && s->path[i][0] == '/' && !(call->rooted && gate_root(e, t, dirfd, s)))
        return gate_absolute(e, t, s->path[i], s->path[i], exec);
    if (dirfd == -2)
        return false;
    return n == 0 ? gate_empty(e, t, dirfd, i, exec, s) : gate_relative(e, t, dirfd, i, exec, s);
}

/* True when Python must see the stop; what was read on the way is in *s.
 * Pre: t is stopped at the entry of call.  Post: nothing of the job is changed. */
bool pp_gate(struct pp_engine *e, struct tracee *t, const struct pp_call *call, struct pp_stop *s)
{
    for (int i = 0; i < 2; i++)
        s->path_len[i] = s->base_len[i] = -1;
    for (int i = 0; i < 6; i++)
        s->args[i] = *pp_arg(&t->regs, i);
    switch (call->kind) {
    case PP_REFUSE:
        return true;
    case PP_SOCKADDR:
        return gate_sockaddr(e, t, s);
    case PP_CWD:
        return gate_fd(e, t, -1, false, s);
    case PP_FD:
    case PP_DIRENTS:
        return (int)s->args[call->fd] >= 0 && gate_fd(e, t, (int)s->args[call->fd], call->kind == PP_DIRENTS, s);
    default: {
        bool first = call->path[0] >= 0 && gate_path(e, t, call, 0, s);
        bool second = call->path[1] >= 0 && gate_path(e, t, call, 1, s);
        return first || second;
    }
    }
}
