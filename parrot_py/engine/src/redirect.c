/* Mounts of one directory of the host at another name, answered without Python: where no link, no `..` and no other mount
 * is on the way, the place of a name is the text of the name with its beginning replaced, and the kernel does the rest. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "pp.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define NO_SYMLINKS 0x04 /* of <linux/openat2.h>, which older systems lack */

/* The job's mounts, in the order in which they were made, of which the last that matches counts.  place is NULL where
 * more is to be known than the place.  0 or -errno. */
int pp_add_mount(struct pp_engine *e, const char *prefix, int len, const char *place, int place_len)
{
    struct pp_mount *bigger = realloc(e->mounts, (size_t)(e->mount_count + 1) * sizeof *bigger);
    if (!bigger)
        return -ENOMEM;
    e->mounts = bigger;
    struct pp_mount *m = &e->mounts[e->mount_count];
    *m = (struct pp_mount){strndup(prefix, (size_t)len), len, NULL, place_len};
    if (place)
        m->place = strndup(place, (size_t)place_len);
    if (!m->prefix || (place && !m->place)) {
        free(m->prefix);
        free(m->place);
        return -ENOMEM;
    }
    e->mount_count++;
    return 0;
}

void pp_forget_mounts(struct pp_engine *e)
{
    for (int i = 0; i < e->mount_count; i++) {
        free(e->mounts[i].prefix);
        free(e->mounts[i].place);
    }
    free(e->mounts);
    e->mounts = NULL;
    e->mount_count = 0;
}

/* The mount that governs name, if it is one that only replaces the beginning. */
static const struct pp_mount *governs(const struct pp_engine *e, const char *name)
{
    for (int i = e->mount_count - 1; i >= 0; i--)
        if (pp_under(name, e->mounts[i].prefix, e->mounts[i].len))
            return e->mounts[i].place ? &e->mounts[i] : NULL;
    return NULL;
}

/* The mount by which the job is taken to know place: that with the longest place, of equal ones the last. */
static const struct pp_mount *knows(const struct pp_engine *e, const char *place, char *name, size_t size)
{
    const struct pp_mount *best = NULL;
    char other[2 * PP_PATH_MAX];
    for (int i = 0; i < e->mount_count; i++) {
        const struct pp_mount *m = &e->mounts[i];
        if (!m->place || !pp_under(place, m->place, m->place_len) || (best && m->place_len < best->place_len))
            continue;
        snprintf(other, sizeof other, "%s%s", m->prefix, place + m->place_len);
        if (governs(e, other) == m) {
            best = m;
            snprintf(name, size, "%s", other);
        }
    }
    return best;
}

/* Append a path to the text at out without `//` and `/./`.  False: it has a `..`, ends in a slash or a dot, or is too long. */
static bool append(char *out, size_t at, size_t size, const char *path)
{
    bool plain = false;
    while (*path) {
        while (*path == '/')
            path++;
        size_t n = strcspn(path, "/");
        bool dot = n == 1 && path[0] == '.', dots = n == 2 && path[0] == '.' && path[1] == '.';
        plain = n > 0 && !dot;
        if (dots || n > 255 || at + n + 2 > size)
            return false;
        if (plain) {
            out[at++] = '/';
            memcpy(out + at, path, n);
            at += n;
        }
        path += n;
    }
    out[at] = 0;
    return plain;
}

/* Whether the kernel's own way to place follows no link: what is missing is missing there for the job, too.  *fifo: it is
 * one, so that opening it can sleep. */
static bool leads_straight(const char *place, bool *fifo)
{
    struct { uint64_t flags, mode, resolve; } how = {O_PATH | O_CLOEXEC, 0, NO_SYMLINKS};
    struct stat s;
    *fifo = false;
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, place, &how, sizeof how);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES;
    *fifo = fstat(fd, &s) != 0 || S_ISFIFO(s.st_mode);
    close(fd);
    return true;
}

/* An absolute path of a call that takes no other: let the kernel run it with the place it stands for.  False: not for the
 * core to decide.  Pre: t is stopped at the entry of call. */
bool pp_redirect_plainly(struct pp_engine *e, struct tracee *t, const struct pp_call *call, const char *path)
{
    char name[PP_PATH_MAX + 1], place[2 * PP_PATH_MAX];
    bool fifo;
    if (!e->mount_count || call->kind != PP_PATH || call->path[1] >= 0 || call->rooted || call->always)
        return false;
    if (!append(name, 0, sizeof name, path))
        return false;
    const struct pp_mount *m = governs(e, name);
    if (!m || (!name[m->len] && call->warm == PP_W_NONE)) /* where a mount begins nothing can be removed */
        return false;
    int n = snprintf(place, sizeof place, "%s%s", m->place, name + m->len);
    if (n >= PP_PATH_MAX || !leads_straight(place, &fifo))
        return false;
    return pp_redirect_now(e, t, call->path[0], place, n, !fifo) >= 0;
}

/* A path relative to base, which the job knows by another name: whether the kernel's own way is the job's. */
bool pp_stays_plainly(struct pp_engine *e, const struct pp_call *call, const char *base, const char *path)
{
    char name[2 * PP_PATH_MAX], place[2 * PP_PATH_MAX];
    bool fifo;
    if (!e->mount_count || (call->kind != PP_PATH && call->kind != PP_EXEC) || call->path[1] >= 0 || call->rooted)
        return false;
    const struct pp_mount *m = knows(e, base, name, sizeof name);
    if (!m || !append(name, strlen(name), sizeof name, path) || governs(e, name) != m)
        return false;
    int n = snprintf(place, sizeof place, "%s%s", m->place, name + m->len);
    return n < PP_PATH_MAX && leads_straight(place, &fifo) && (call->kind != PP_EXEC || pp_native_exec(e, place, true, 0));
}
