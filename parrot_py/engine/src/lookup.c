/* Does a native path stay native?  Asked by looking it up at the stop, as the job would. */
#include <fcntl.h>
#include <stdio.h>

#include "pp.h"

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

static bool under(const char *path, const char *prefix, int len)
{
    return strncmp(path, prefix, (size_t)len) == 0 && (path[len] == 0 || path[len] == '/');
}

/* Whether the text of a link names one of our own objects or placeholder directories. */
bool pp_in_session(const struct pp_engine *e, const char *path, int len)
{
    return e->session_len > 0 && len >= e->session_len && under(path, e->session, e->session_len);
}

/* Whether an absolute path lies lexically under a mount prefix, with `//` and `/./` taken out on the way.  A `..` ends
 * the comparison: what came before it decides. */
bool pp_under_prefix(const struct pp_engine *e, const char *path)
{
    char clean[PP_PATH_MAX + 1];
    size_t at = 0;
    while (*path && at < PP_PATH_MAX - 256) {
        while (*path == '/')
            path++;
        size_t n = strcspn(path, "/");
        if (n == 0 || (n == 2 && path[0] == '.' && path[1] == '.'))
            break;
        if (n > 255)
            break; /* no component is longer, so no prefix matches beyond */
        if (!(n == 1 && path[0] == '.')) {
            clean[at++] = '/';
            memcpy(clean + at, path, n);
            at += n;
        }
        path += n;
    }
    clean[at] = 0;
    for (int i = 0; i < e->prefix_count; i++)
        if (under(clean, e->prefixes[i], e->prefix_len[i]))
            return true;
    return false;
}

/* Whether opening path ends (or its parent lies) under a mount prefix.  For hosts where the prefix really exists. */
static bool leads_to_prefix(const struct pp_engine *e, const char *path)
{
    char link[PP_PATH_MAX + 1], parent[2 * PP_PATH_MAX];
    int fd = open(path, O_PATH | O_CLOEXEC);
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

/* Whether name, not found in the existing directory parent, is where a mount prefix begins. */
static bool prefix_begins(const struct pp_engine *e, const char *parent, const char *name)
{
    char real[PP_PATH_MAX + 1], full[2 * PP_PATH_MAX], self[64];
    size_t n = strcspn(name, "/");
    bool known = false;
    for (int i = 0; i < e->prefix_count && !known; i++)
        for (const char *p = e->prefixes[i]; p && !known; p = strchr(p + 1, '/'))
            known = strncmp(p + 1, name, n) == 0 && (p[n + 1] == 0 || p[n + 1] == '/');
    if (!known)
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
        if (access(len ? cut : "/", F_OK) == 0)
            return prefix_begins(e, len ? cut : "/", path + len + 1);
        if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
            return false;
    }
}

/* True when the kernel's own look-up of path settles it: nothing of ours is involved. */
bool pp_native_lookup(struct pp_engine *e, const char *path)
{
    if (e->host_lookup && leads_to_prefix(e, path))
        return false;
    if (access(path, F_OK) == 0)
        return true;
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return true;
    return !breaks_at_ours(e, path);
}

static const char *skip_pid(const char *p)
{
    if (strncmp(p, "self/", 5) == 0)
        return p + 5;
    if (strncmp(p, "thread-self/", 12) == 0)
        return p + 12;
    const char *digits = p;
    while (*p >= '0' && *p <= '9')
        p++;
    return p > digits && *p == '/' ? p + 1 : NULL;
}

/* If path begins with one of the links in /proc that jump to an object (cwd, exe, root, fd/N, map_files/A-B; /dev/fd/N …),
 * write that link with the number of the thread or process into out and return what follows it; else NULL. */
const char *pp_proc_magic(pid_t tid, pid_t group, const char *path, char *out, int size)
{
    static const char *const streams[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    for (int i = 0; i < 3; i++)
        if (under(path, streams[i], (int)strlen(streams[i]))) {
            snprintf(out, (size_t)size, "/proc/%d/fd/%d", group, i);
            return path + strlen(streams[i]);
        }
    char who[32];
    /* "self" is the process, whose table and directory a thread need not share (unshare). */
    snprintf(who, sizeof who, "%d", strncmp(path, "/proc/thread-self/", 18) == 0 ? tid : group);
    const char *rest;
    if (strncmp(path, "/dev/fd/", 8) == 0) {
        rest = path + 5;
    } else {
        if (strncmp(path, "/proc/", 6) != 0 || !(rest = skip_pid(path + 6)))
            return NULL;
        if (path[6] >= '0' && path[6] <= '9')
            snprintf(who, sizeof who, "%.*s", (int)(rest - 1 - (path + 6)), path + 6);
        const char *after = strncmp(rest, "task/", 5) == 0 ? skip_pid(rest + 5) : NULL;
        if (after) {
            snprintf(who, sizeof who, "%.*s", (int)(after - 1 - (rest + 5)), rest + 5);
            rest = after;
        }
    }
    size_t n = strcspn(rest, "/");
    bool fd = n == 2 && strncmp(rest, "fd", 2) == 0, map = n == 9 && strncmp(rest, "map_files", 9) == 0;
    if ((fd || map) && rest[n] == '/')
        n += 1 + strcspn(rest + n + 1, "/");
    else if (!((n == 3 && (strncmp(rest, "cwd", 3) == 0 || strncmp(rest, "exe", 3) == 0)) ||
               (n == 4 && strncmp(rest, "root", 4) == 0)))
        return NULL;
    snprintf(out, (size_t)size, "/proc/%s/%.*s", who, (int)n, rest);
    return rest + n;
}
