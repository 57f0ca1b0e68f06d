/* Does a native path stay native?  Asked by looking it up at the stop, as the job would. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "pp.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define NO_MAGICLINKS 0x02 /* of <linux/openat2.h>, which older systems lack */

/* What a descriptor (or, for fd < 0, the working directory) of a thread is: the text of its link in /proc, NUL-terminated.
 * Its length, or -1 when there is no such descriptor or we may not look. */
int pp_link_of(pid_t tid, int fd, char *out, int size)
{
    char path[64];
    if (fd >= 0)
        snprintf(path, sizeof path, "/proc/%d/fd/%d", tid, fd);
    else
        snprintf(path, sizeof path, "/proc/%d/cwd", tid);
    ssize_t n = readlink(path, out, (size_t)size - 1);
    if (n < 0)
        return -1;
    out[n] = 0;
    return (int)n;
}

/* Whether the text of a link names one of our own objects or placeholder directories. */
bool pp_in_session(const struct pp_engine *e, const char *path, int len)
{
    return e->session_len > 0 && len >= e->session_len && pp_under(path, e->session, e->session_len);
}

/* Whether this call of thread tid follows a link at the end of its path i.  Where it does not, we must not either: the
 * time of access of a link tells that it was followed. */
bool pp_follows(pid_t tid, const struct pp_call *call, const struct pp_stop *s, int i)
{
    const struct pp_follow *f = &call->follow[i];
    uint64_t flags = s->args[f->arg];
    switch (f->rule) {
    case PP_R_NEVER:
        return false;
    case PP_R_UNLESS:
        return !(flags & f->bits);
    case PP_R_IF:
        return flags & f->bits;
    case PP_R_HOW:
        if (pp_read(tid, s->args[f->arg], (char *)&flags, sizeof flags) != sizeof flags)
            return true; /* the call will fail */
        break;
    case PP_R_OPEN:
        break;
    default:
        return true;
    }
    return !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL | O_PATH)) != (O_CREAT | O_EXCL);
}

/* Whether opening path ends (or its parent lies) under a mount prefix.  For hosts where the prefix really exists. */
static bool leads_to_prefix(const struct pp_engine *e, const char *path, bool follow)
{
    char link[PP_PATH_MAX + 1], parent[2 * PP_PATH_MAX];
    int fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0) {
        snprintf(parent, sizeof parent, "%s", path);
        char *slash = strrchr(parent, '/');
        if (!slash || slash == parent)
            return false;
        *slash = 0;
        fd = open(parent, O_PATH | O_CLOEXEC);
    }
    if (fd < 0)
        return false;
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(self, link, sizeof link - 1);
    close(fd);
    if (n < 0)
        return false;
    link[n] = 0;
    return pp_under_prefix(e, link);
}

/* Whether name is a part of a mount prefix, whatever it lies in. */
static bool is_part(const struct pp_engine *e, const char *name)
{
    size_t n = strcspn(name, "/");
    for (int i = 0; i < e->prefixes.count; i++)
        for (const char *p = e->prefixes.list[i].text; p && *p; p = strchr(p + 1, '/'))
            if (strncmp(p + 1, name, n) == 0 && (p[n + 1] == 0 || p[n + 1] == '/'))
                return true;
    return false;
}

/* Whether name, not found in the existing directory parent, is where a mount prefix begins, or parent lies under one that
 * exists on the host: then what is there is not the job's. */
static bool prefix_begins(const struct pp_engine *e, const char *parent, const char *name)
{
    char real[PP_PATH_MAX + 1], full[2 * PP_PATH_MAX], self[64];
    if (!e->host_lookup && !is_part(e, name))
        return false;
    int fd = open(parent, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return false;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(self, real, sizeof real - 1);
    close(fd);
    if (len < 0)
        return false;
    real[len] = 0;
    snprintf(full, sizeof full, "%s/%s", real, name);
    return pp_under_prefix(e, full);
}

enum found { MISSING, PLAIN, MAGIC };

static bool in_proc(const struct pp_engine *e, unsigned major, unsigned minor)
{
    return e->proc_known && major == e->proc_major && minor == e->proc_minor;
}

/* Look path up without following links of /proc that jump to an object: those would be the tracer's own.  MISSING: no
 * such path, says errno; ENOSYS where the kernel has no openat2 (before 5.6). */
static enum found without_jumps(const struct pp_engine *e, const char *path, bool follow)
{
    struct { uint64_t flags, mode, resolve; } how = {O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), 0, NO_MAGICLINKS};
    struct stat s;
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd < 0)
        return errno == ELOOP ? MAGIC : MISSING;
    bool proc = fstat(fd, &s) == 0 && in_proc(e, major(s.st_dev), minor(s.st_dev));
    close(fd);
    return proc ? MAGIC : PLAIN;
}

/* The same, with jumps.  What the kernel knows without asking a server is enough. */
static enum found with_jumps(const struct pp_engine *e, const char *path, bool follow)
{
    struct statx s;
    struct stat old;
    int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
    if (syscall(SYS_statx, AT_FDCWD, path, AT_STATX_DONT_SYNC | flags, 0, &s) == 0)
        return in_proc(e, s.stx_dev_major, s.stx_dev_minor) ? MAGIC : PLAIN;
    if (errno != ENOSYS && errno != EPERM) /* an old kernel, or a filter of a container */
        return MISSING;
    return fstatat(AT_FDCWD, path, &old, flags) == 0 ? PLAIN : MISSING;
}

/* Whether a path that the kernel does not find may still lead to us: one of its components is a link that leads nowhere
 * on the host, or what is missing is a mount prefix reached by way of `..` or links. */
static bool breaks_at_ours(const struct pp_engine *e, const char *path)
{
    char cut[2 * PP_PATH_MAX], target[1];
    size_t len = strlen(path);
    memcpy(cut, path, len + 1);
    for (;;) {
        while (len > 1 && cut[len - 1] == '/')
            cut[--len] = 0;
        if (readlink(cut, target, sizeof target) >= 0 || errno == ELOOP)
            return true;
        if (errno == EINVAL)
            return false;
        char *slash = strrchr(cut, '/');
        if (!slash || slash == cut)
            return false; /* the gate compared what begins at the root */
        *slash = 0;
        len = (size_t)(slash - cut);
        enum found found = with_jumps(e, len ? cut : "/", true);
        if (found != MISSING) /* in /proc/self, what the tracer lacks the job may have */
            return found == MAGIC || prefix_begins(e, len ? cut : "/", path + len + 1);
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
            return false;
    }
}

/* Whether path leads to or through /proc by a link (/etc/mtab is one), and so perhaps to something of ours, or whether
 * it exists elsewhere.  A link of /proc can jump to us only once the job has something of ours.  abs is the job's text,
 * real leads there for the tracer. */
static enum found find_native(const struct pp_engine *e, const char *abs, const char *real, bool follow)
{
    if (e->gave) {
        enum found found = without_jumps(e, abs, follow);
        if (found != MISSING || (abs == real && errno != ENOSYS && errno != EPERM))
            return found;
    }
    return with_jumps(e, real, follow);
}

/* True when the kernel's own look-up of a path settles it: nothing of ours is involved.  abs is the absolute path as the
 * job means it, real as the tracer can look it up; follow: so is a link at its end. */
bool pp_native_lookup(struct pp_engine *e, const char *abs, const char *real, bool follow)
{
    if (strlen(real) >= PP_PATH_MAX)
        return false; /* by way of /proc it is longer than the job's own, perhaps too long for a call */
    if (e->host_lookup && leads_to_prefix(e, real, follow))
        return false;
    enum found found = find_native(e, abs, real, follow);
    if (found != MISSING)
        return found == PLAIN;
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return true;
    return !breaks_at_ours(e, real);
}
