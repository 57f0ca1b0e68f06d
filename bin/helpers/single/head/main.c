/* What was asked for, and the way to it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "head.h"

/* parrot_py/codes.py */
#define BAD_OPTION "[PP102]"
#define NO_PLACE "[PP221]"
#define DAMAGED_FILE "[PP222]"

#define NOTHING_STARTED 125 /* as parrot_run says it */

void pd_say(const char *format, ...)
{
    char line[PATH_MAX + 512];
    va_list arguments;
    int begin = snprintf(line, sizeof line, "parrot_run: ");
    va_start(arguments, format);
    int length = begin + vsnprintf(line + begin, sizeof line - begin - 1, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2)
        length = sizeof line - 2;
    line[length++] = '\n';
    if (write(2, line, length) < 0)
        return; /* nobody listens */
}

char *pd_join(const char *format, ...)
{
    char *made;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&made, format, arguments);
    va_end(arguments);
    return length < 0 ? NULL : made;
}

/* The command NAME in the payload's second line of text, "name=module:function ..."; NULL when there is none. */
static char *find_command(const struct payload *p, const char *name)
{
    char *lines = strdup(p->options), *rest = lines, *word;
    strsep(&rest, "\n");
    char *commands = strsep(&rest, "\n");
    size_t length = strlen(name);
    while (length && (word = strsep(&commands, " ")))
        if (!strncmp(word, name, length) && word[length] == '=')
            return word;
    free(lines);
    return NULL;
}

/* The names of all commands, with a space before each. */
static char *list_commands(const struct payload *p)
{
    char *lines = strdup(p->options), *rest = lines, *word, *list = strdup("");
    strsep(&rest, "\n");
    for (char *commands = strsep(&rest, "\n"); list && (word = strsep(&commands, " "));) {
        char *longer = pd_join("%s %.*s", list, (int)strcspn(word, "="), word);
        free(list);
        list = longer;
    }
    free(lines);
    return list;
}

/* Why nothing can be kept and started at PATH, which need not be there; NULL when it can. */
static const char *unfit(const char *path)
{
    struct statvfs about;
    char *there = strdup(path), *slash;
    while (there && there[1] && access(there, F_OK) && errno == ENOENT && (slash = strrchr(there, '/')))
        slash[slash == there] = 0; /* the last one to be looked at is / itself */
    if (!there || statvfs(there, &about))
        return strerror(errno);
    if (about.f_flag & ST_RDONLY)
        return "read-only";
    if (about.f_flag & ST_NOEXEC)
        return "mounted noexec";
    return access(there, W_OK | X_OK) ? strerror(errno) : NULL;
}

/* Whether the unpacked tree is to be used though nothing could be made beside it: a site may have put it there. */
static char *ready_tree(const struct payload *p, const char *base, bool chosen)
{
    struct statvfs about;
    char *tree = pd_join("%s/%s", base, p->id);
    bool trusted = tree && pd_trusted(tree) && (chosen || pd_base_is_trusted(base));
    if (trusted && !statvfs(tree, &about) && !(about.f_flag & ST_NOEXEC) && pd_tree_is_whole(p, tree))
        return tree;
    free(tree);
    return NULL;
}

/* Start command from the first place that serves; the end of this program when none does. */
static int start(const struct payload *p, const char *command, int argc, char **argv)
{
    struct places places;
    const char *reasons = "";
    char *tree = pd_outer_tree(p);
    if (tree)
        pd_start(tree, command, argv + 1);
    bool parses = !strncmp(command, "parrot_run=", strlen("parrot_run="));
    pd_list_places(&places, p, parses ? argc : 0, argv);
    if (!places.count)
        reasons = "PARROT_DIST_DIR is relative, and the current directory is gone";
    for (int i = 0; i < places.count; i++) {
        const char *why = unfit(places.path[i]);
        tree = why ? ready_tree(p, places.path[i], places.chosen) : pd_get_tree(p, places.path[i], places.chosen);
        if (!tree && !why && errno == EBADMSG) {
            pd_say("this file is damaged (a checksum is wrong): get it anew " DAMAGED_FILE);
            return NOTHING_STARTED;
        }
        if (tree)
            errno = -pd_start(tree, command, argv + 1);
        if (!why || tree)
            why = errno == EPERM ? "belongs to somebody else, or others can write there" : strerror(errno);
        char *longer = pd_join("%s%s%s: %s", reasons, *reasons ? "; " : "", places.path[i], why);
        reasons = longer ? longer : reasons;
    }
    pd_say("no place for the unpacked program: %s (name one with PARROT_DIST_DIR) " NO_PLACE, reasons);
    return NOTHING_STARTED;
}

int main(int argc, char **argv)
{
    struct payload payload = {.fd = -1};
    char *nameless[] = {"parrot_run", NULL};
    if (argc == 0) { /* before Linux 5.18 that was possible */
        argv = nameless;
        argc = 1;
    }
    int found = pd_open_payload(&payload);
    if (found == 0) {
        found = pd_start_plain(argv);
        if (found == -ENOENT)
            pd_say("this file is damaged (its end is missing): get it anew " DAMAGED_FILE);
        else
            pd_say("the interpreter cannot be started: %s " DAMAGED_FILE, strerror(-found));
        return NOTHING_STARTED;
    }
    if (found < 0) {
        if (found == -EBADMSG)
            pd_say("this file is damaged: get it anew " DAMAGED_FILE);
        else
            pd_say("cannot read this file (/proc/self/exe): %s " DAMAGED_FILE, strerror(-found));
        return NOTHING_STARTED;
    }
    const char *slash = strrchr(argv[0], '/');
    char *command = find_command(&payload, slash ? slash + 1 : argv[0]);
    if (argc > 1 && !strcmp(argv[1], "--as")) {
        command = argc > 2 ? find_command(&payload, argv[2]) : NULL;
        if (!command) {
            char *list = list_commands(&payload);
            pd_say("--as wants one of these commands:%s " BAD_OPTION, list ? list : "");
            return 1;
        }
        argv += 2;
        argc -= 2;
    }
    if (!command)
        command = find_command(&payload, "parrot_run");
    return start(&payload, command, argc, argv);
}
