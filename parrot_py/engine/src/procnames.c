/* Names in /proc: links that jump to objects of ours, and files that would tell of those.  Decided by the text of a name,
 * since the tracer's own look-up would end at the tracer's cwd, descriptors and maps. */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "pp.h"

#define MAX_HOPS 8

static bool under(const char *path, const char *prefix)
{
    size_t len = strlen(prefix);
    return strncmp(path, prefix, len) == 0 && (path[len] == 0 || path[len] == '/');
}

/* Copy an absolute path without `//` and `/./`.  A slash at the end stays, `..` too: the answer is whether there is one. */
static bool tidy(const char *path, char *out, size_t size)
{
    size_t at = 0;
    bool up = false;
    while (*path && at < size - 2) {
        size_t n = strcspn(path + 1, "/"), room = size - 2 - at;
        bool dot = n == 0 || (n == 1 && path[1] == '.');
        if (!dot || !path[n + 1]) {
            n = dot ? 0 : n;
            up |= n == 2 && path[1] == '.' && path[2] == '.';
            memcpy(out + at, path, n + 1 < room ? n + 1 : room);
            at += n + 1 < room ? n + 1 : room;
        }
        path += 1 + strcspn(path + 1, "/");
    }
    out[at] = 0;
    return up;
}

/* Whether a tidy name is for us to judge by its text. */
static bool is_special(const char *name)
{
    return under(name, "/proc") || under(name, "/dev/fd") || strncmp(name, "/dev/std", 8) == 0;
}

/* Files that tell what is mapped, mounted or open: those would name the objects behind our files, or leave out our mounts. */
static bool tells_of_us(const char *path)
{
    static const char *const names[] = {"maps", "smaps", "numa_maps", "mounts", "mountinfo", "mountstats", "status"};
    const char *name = strrchr(path, '/') + 1;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return true;
    return strstr(path, "/fdinfo/") != NULL;
}

/* What follows the process in a name below /proc; *who (with room for 16 characters) becomes its number. */
static const char *skip_process(struct pp_engine *e, struct tracee *t, const char *p, char *who)
{
    size_t n = strcspn(p, "/");
    if (!p[n])
        return NULL;
    if (n == 4 && strncmp(p, "self", 4) == 0) {
        /* The process, whose table and directory a thread need not share (unshare). */
        snprintf(who, 16, "%d", pp_group_of(e, t));
    } else if (n == 11 && strncmp(p, "thread-self", 11) == 0) {
        snprintf(who, 16, "%d", t->tid);
    } else if (n < 16 && strspn(p, "0123456789") == n) {
        memcpy(who, p, n);
        who[n] = 0;
    } else {
        return NULL;
    }
    return p + n + 1;
}

/* If a tidy name begins with one of the links that jump to an object (cwd, exe, root, fd/N, map_files/A-B; /dev/fd/N …),
 * write that link with the thread's own number into out and return what follows it; else NULL. */
static const char *jump(struct pp_engine *e, struct tracee *t, const char *path, char *out, size_t size)
{
    static const char *const streams[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
    char who[16] = "self/";
    const char *rest = path + 5, *after;
    for (int i = 0; i < 3; i++)
        if (under(path, streams[i])) {
            snprintf(out, size, "/proc/%d/fd/%d", pp_group_of(e, t), i);
            return path + strlen(streams[i]);
        }
    if (path[1] == 'p') {
        rest = path[5] ? skip_process(e, t, path + 6, who) : NULL;
        if (rest && strncmp(rest, "task/", 5) == 0 && (after = skip_process(e, t, rest + 5, who)))
            rest = after;
    } else {
        skip_process(e, t, "self/", who);
    }
    if (!rest)
        return NULL;
    size_t n = strcspn(rest, "/");
    bool fd = n == 2 && strncmp(rest, "fd", 2) == 0, map = n == 9 && strncmp(rest, "map_files", 9) == 0;
    if ((fd || map) && rest[n] == '/')
        n += 1 + strcspn(rest + n + 1, "/");
    else if (!((n == 3 && (strncmp(rest, "cwd", 3) == 0 || strncmp(rest, "exe", 3) == 0)) ||
               (n == 4 && strncmp(rest, "root", 4) == 0)))
        return NULL;
    snprintf(out, size, "/proc/%s/%.*s", who, (int)n, rest);
    return rest + n;
}

/* Whether the name is for Python: it jumps to something of ours, or tells of it.  *decided: if not, it is native.
 * follow: a link at its end is followed. */
bool pp_gate_proc(struct pp_engine *e, struct tracee *t, const char *path, bool follow, bool *decided)
{
    char name[PP_PATH_MAX + 1], link[128], text[PP_PATH_MAX + 1], full[2 * PP_PATH_MAX];
    char real[2 * PP_PATH_MAX] = ""; /* the name as the tracer can look it up */
    bool up = tidy(path, name, sizeof name);
    *decided = is_special(name);
    if (up && (*decided || strstr(name, "/proc/") || strstr(name, "/dev/fd") || strstr(name, "/dev/std")))
        return *decided = true; /* a way back up out of a link: nothing that a text can tell */
    if (!*decided)
        return false;
    for (int hop = 0; hop < MAX_HOPS && is_special(name); hop++) {
        if (tells_of_us(name))
            return true;
        const char *rest = jump(e, t, name, link, sizeof link);
        if (!rest)
            return false;
        ssize_t n = readlink(link, text, sizeof text - 1);
        if (n < 0)
            return false;
        text[n] = 0;
        if (pp_in_session(e, text, (int)n) || pp_in_backs(e, text))
            return true;
        if (text[0] != '/')
            return false;
        snprintf(full, sizeof full, "%s%s", text, rest);
        if (!*rest)
            return is_special(full) && tells_of_us(full); /* open with O_PATH, and now for reading */
        if (pp_under_prefix(e, full))
            return true;
        snprintf(full, sizeof full, "%s%s", n > 1 ? text : "", rest);
        snprintf(real, sizeof real, "%s%s", link, rest);
        tidy(full, name, sizeof name); /* which rest lies in */
    }
    return !pp_native_lookup(e, name, real, follow);
}

/* The name of a file below such a link as the tracer can look it up. */
void pp_proc_as_tracer(struct pp_engine *e, struct tracee *t, const char *path, char *out, size_t size)
{
    char name[PP_PATH_MAX + 1], link[128];
    tidy(path, name, sizeof name);
    const char *rest = jump(e, t, name, link, sizeof link);
    snprintf(out, size, "%s%s", rest ? link : name, rest ? rest : "");
}

/* Remember the device of /proc, by which a native name is found to have led there. */
void pp_note_proc(struct pp_engine *e)
{
    struct stat s;
    e->proc_known = stat("/proc/self", &s) == 0;
    e->proc_major = major(s.st_dev);
    e->proc_minor = minor(s.st_dev);
}
