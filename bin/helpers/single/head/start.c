/* Become the interpreter of a tree.  It is started by its own loader with its own libraries, named on the command line:
 * neither the node's C library nor any variable matters, and nothing is inherited by what it starts. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "head.h"

#define PART 65532 /* bytes of base64 in a variable: the kernel takes no longer ones than 128 KiB */

extern char **environ;

/* Variables that act on every program that is started.  They are meant for the job. */
static bool is_for_loader(const char *entry)
{
    return !strncmp(entry, "LD_", 3) || !strncmp(entry, "GLIBC_TUNABLES=", 15) || !strncmp(entry, "MALLOC_", 7);
}

static char *encode(const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = malloc(size / 3 * 4 + 5), *to = text;
    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = data[i] << 16 | (left > 1 ? data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
        *to++ = digits[three >> 18];
        *to++ = digits[three >> 12 & 63];
        *to++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[three & 63] : '=';
    }
    *to = 0;
    return text;
}

/* The whole environment in base64, as bin/parrot_run hands it on: parrot_py/config/environment.py. */
static bool hand_on(char **next)
{
    size_t size = 0, at = 0;
    for (char **entry = environ; *entry; entry++)
        size += strlen(*entry) + 1;
    char *all = malloc(size + 1);
    for (char **entry = environ; all && *entry; at += strlen(*entry) + 1, entry++)
        memcpy(all + at, *entry, strlen(*entry) + 1);
    char *text = all ? encode((uint8_t *)all, size) : NULL;
    free(all);
    if (!text)
        return false;
    size_t length = strlen(text);
    for (size_t part = 0; part * PART < length; part++) {
        *next = pd_join("pp__environ_%zu=%.*s", part, PART, text + part * PART);
        if (!*next++)
            return false;
    }
    *next = NULL;
    free(text);
    return true;
}

/* What the interpreter gets: the caller's variables, without those that would break it, and what it cannot find out. */
static char **environment(void)
{
    size_t number = 0, bytes = 0;
    bool hidden = false;
    for (char **entry = environ; *entry; entry++, number++) {
        bytes += strlen(*entry) + 1;
        hidden |= is_for_loader(*entry);
    }
    char **made = calloc(number + bytes / 3 * 4 / PART + 8, sizeof *made), **next = made;
    if (!made)
        return NULL;
    for (char **entry = environ; *entry; entry++)
        if (!is_for_loader(*entry))
            *next++ = *entry;
    unsigned long ignored = 0;
    static const int hides[] = {SIGPIPE, SIGXFSZ};
    for (size_t i = 0; i < sizeof hides / sizeof *hides; i++) {
        struct sigaction now;
        if (!sigaction(hides[i], NULL, &now) && now.sa_handler == SIG_IGN)
            ignored |= 1ul << (hides[i] - 1);
    }
    if (ignored && !(*next++ = pd_join("pp__ignored=%lx", ignored)))
        return NULL;
    return !hidden || hand_on(next) ? made : NULL;
}

static int become(const char *tree, const char *const *options, char **arguments, char **variables)
{
    size_t number = 0, count = 0;
    while (arguments[number])
        number++;
    char *loader = pd_join("%s/lib/parrot_run", tree), *libraries = pd_join("%s/lib", tree);
    char *name = pd_join("%s/bin/python", tree), *program = pd_join("%s/lib/python", tree);
    char **argv = calloc(number + 16, sizeof *argv);
    if (!loader || !libraries || !name || !program || !argv || !variables)
        return -ENOMEM;
    char *first[] = {loader, "--library-path", libraries, "--argv0", name, program};
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        argv[count++] = first[i];
    for (; *options; options++)
        argv[count++] = (char *)*options;
    memcpy(argv + count, arguments, number * sizeof *argv);
    execve(loader, argv, variables);
    return -errno;
}

int pd_start(const char *tree, const char *name, char **arguments)
{
    char *code = pd_join("from parrot_py.carried import start; start('%s')", name);
    /* -S: the module site looks for packages of the node. */
    const char *options[] = {"-I", "-S", "-B", "-c", code, NULL};
    return code ? become(tree, options, arguments, environment()) : -ENOMEM;
}

/* The head without a payload is TREE/bin/python: sys.executable, for the processes that parrot_py starts. */
int pd_start_plain(char **argv)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return -errno;
    path[length] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(path, '/');
        if (!slash)
            return -ENOENT;
        *slash = 0;
    }
    const char *none[] = {NULL};
    return become(path, none, argv + 1, environ);
}
