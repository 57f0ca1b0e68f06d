/* Which names and which places are for Python to judge: the prefixes of names that something is mounted at, and the
 * places of the host that the job knows by another name. */
#include <fnmatch.h>

#include "pp.h"

/* Whether an absolute path is top or lies below it. */
bool pp_under(const char *path, const char *top, int len)
{
    return strncmp(path, top, (size_t)len) == 0 && (path[len] == 0 || path[len] == '/');
}

static int add(struct pp_names *names, const char *text, int len)
{
    if (names->count == names->room) {
        int room = names->room ? 2 * names->room : 16;
        struct pp_name *bigger = realloc(names->list, (size_t)room * sizeof *bigger);
        if (!bigger)
            return -ENOMEM;
        names->list = bigger;
        names->room = room;
    }
    char *copy = strndup(text, (size_t)len);
    if (!copy)
        return -ENOMEM;
    names->list[names->count++] = (struct pp_name){copy, len};
    return 0;
}

static void drop(struct pp_names *names)
{
    for (int i = 0; i < names->count; i++)
        free(names->list[i].text);
    free(names->list);
    *names = (struct pp_names){0};
}

/* Names at and below prefix are ours.  0 or -errno. */
int pp_add_prefix(struct pp_engine *e, const char *prefix, int len) { return add(&e->prefixes, prefix, len); }

/* The job knows place, and what is below it, by another name.  0 or -errno. */
int pp_add_back(struct pp_engine *e, const char *place, int len)
{
    e->gave = true; /* its working directory may be such a place from the start */
    return add(&e->backs, place, len);
}

/* Forget all prefixes and places, for another table of mounts. */
void pp_forget_prefixes(struct pp_engine *e)
{
    drop(&e->prefixes);
    drop(&e->backs);
    pp_forget_mounts(e);
}

static bool any_above(const struct pp_names *names, const char *path)
{
    for (int i = 0; i < names->count; i++)
        if (pp_under(path, names->list[i].text, names->list[i].len))
            return true;
    return false;
}

/* Whether the text of a link names a place that the job knows by another name. */
bool pp_in_backs(const struct pp_engine *e, const char *place) { return any_above(&e->backs, place); }

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
    return any_above(&e->prefixes, clean);
}

/* Whether name matches pattern as fnmatch(3) without flags has it: a star crosses slashes. */
int pp_matches(const char *pattern, const char *name) { return fnmatch(pattern, name, 0) == 0; }
