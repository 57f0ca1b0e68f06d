/* Directories that the tree may be in.  They are those that parrot_run itself would take for its cache
 * (parrot_py/config/directories.py), so that a run leaves things in one place only. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "head.h"

#define BELOW "dist"
#define MAX_PARENTS 64

/* The argument of the last -t in a command line of parrot_run, or NULL.  TEXT has the options, as in struct payload. */
static const char *option_tempdir(const char *text, int argc, char **argv)
{
    char *lines = strdup(text), *rest = lines, *line;
    size_t room = strlen(text) + 2, number = 0;
    struct option *options = calloc(room, sizeof *options);
    const char *found = NULL;
    if (!lines || !options)
        return NULL;
    char *letters = strsep(&rest, "\n"), *shorts = pd_join("+%s", letters);
    while ((line = strsep(&rest, "\n")) && *line) {
        size_t length = strlen(line);
        bool argument = line[length - 1] == '=';
        if (argument)
            line[length - 1] = 0;
        options[number++] = (struct option){line, argument ? required_argument : optional_argument, NULL, 1};
    }
    opterr = 0;
    for (int choice, which = 0; (choice = getopt_long(argc, argv, shorts, options, &which)) != -1;)
        if (choice == 't' || (choice == 1 && !strcmp(options[which].name, "tempdir")))
            found = optarg;
    return found;
}

static char *absolute(const char *path)
{
    char here[PATH_MAX];
    if (path[0] == '/')
        return pd_join("%s", path);
    return getcwd(here, sizeof here) && here[0] == '/' ? pd_join("%s/%s", here, path) : NULL;
}

static void add(struct places *places, char *path)
{
    if (path && places->count < MAX_PLACES)
        places->path[places->count++] = path;
}

/* A directory for this user in PARENT, which is a variable's value or NULL. */
static void add_own(struct places *places, const char *parent, const char *below)
{
    if (parent && parent[0] == '/')
        add(places, pd_join("%s%s/parrot.%u/" BELOW, parent, below, (unsigned)getuid()));
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

void pd_list_places(struct places *places, const struct payload *p, int argc, char **argv)
{
    char here[PATH_MAX];
    const char *named = variable("PARROT_DIST_DIR");
    memset(places, 0, sizeof *places);
    if (named) {
        places->chosen = true;
        add(places, absolute(named));
        return;
    }
    named = argc ? option_tempdir(p->options, argc, argv) : NULL;
    if (!named)
        named = variable("PARROT_TEMP_DIR");
    char *chosen = named ? absolute(named) : NULL;
    if (chosen)
        add(places, pd_join("%s/" BELOW, chosen));
    char *usual = absolute(variable("TMPDIR") ? variable("TMPDIR") : "/tmp");
    if (!chosen && usual)
        add_own(places, usual, "");
    add_own(places, "/var/tmp", "");
    add_own(places, variable("HOME"), "/.cache");
    add_own(places, variable("XDG_RUNTIME_DIR"), "");
    add_own(places, "/dev/shm", "");
    add_own(places, getcwd(here, sizeof here), "");
}

/* The parent of process PID, or 0. */
static pid_t parent_of(pid_t pid)
{
    char text[512] = "", *name = pd_join("/proc/%d/stat", (int)pid);
    FILE *file = name ? fopen(name, "re") : NULL;
    if (!file)
        return 0;
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = 0;
    /* The name of the program stands in parentheses and may be anything. */
    char *behind = strrchr(text, ')');
    int parent = 0;
    return behind && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* In a job of this very file (a companion command, a run inside a run) the tree is there: the one that the run around
 * us was started from, wherever its -t put it.  That run is an ancestor; nothing in the environment could tell better. */
char *pd_outer_tree(const struct payload *p)
{
    if (!variable("PARROT_ENABLED"))
        return NULL;
    pid_t pid = getppid();
    for (int i = 0; i < MAX_PARENTS && pid > 1; i++, pid = parent_of(pid)) {
        char program[PATH_MAX], *link = pd_join("/proc/%d/exe", (int)pid);
        ssize_t length = link ? readlink(link, program, sizeof program - 1) : -1;
        free(link);
        if (length <= 0)
            continue;
        program[length] = 0;
        char *below = strstr(program, "/lib/parrot_run");
        if (!below || below[strlen("/lib/parrot_run")] || below == program)
            continue;
        *below = 0;
        char *name = strrchr(program, '/');
        if (name && !strncmp(name + 1, p->id, ID_LENGTH) && pd_trusted(program) && pd_tree_is_whole(p, program))
            return strdup(program);
    }
    return NULL;
}
