/* Small named twin cases: each CASE of these files is a test of its own (tests/twins/test_cases.py), run natively on a
 * mounted tree and under parrot_run; what it prints must be the same.  The working directory is empty and the job's own.
 */
#ifndef CASE_H
#define CASE_H

#include "../../programs/canon.h"
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct named { const char *name; void (*run)(void); struct named *next; };
static struct named *all_cases;

#define CASE(id) \
    static void case_##id(void); \
    static void __attribute__((constructor)) add_##id(void) \
    { \
        static struct named one = {#id, case_##id, NULL}; \
        one.next = all_cases; \
        all_cases = &one; \
    } \
    static void case_##id(void)

/* A native file with a text, opened for both. */
static UNUSED int own_file(const char *name, const char *text)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    MUST(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    return fd;
}

/* What a native file holds now. */
static UNUSED void say_file(const char *name)
{
    char text[4096];
    int fd = open(name, O_RDONLY);
    MUST(fd >= 0);
    ssize_t n = read(fd, text, sizeof text - 1);
    MUST(n >= 0);
    text[n] = 0;
    say("%s: %zd '%s'", name, n, text);
    close(fd);
}

/* A child that runs what follows and ends with 0: if (child()) { ... done(); } */
static UNUSED int child(void)
{
    fflush(stdout);
    pid_t pid = fork();
    MUST(pid >= 0);
    return pid == 0;
}

static UNUSED void join(const char *what)
{
    int status;
    MUST(wait(&status) > 0);
    if (WIFEXITED(status))
        say("%s: exit %d", what, WEXITSTATUS(status));
    else
        say("%s: signal %d", what, WTERMSIG(status));
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (struct named *one = all_cases; argc > 2 && one; one = one->next)
        if (!strcmp(one->name, argv[2])) {
            one->run();
            return 0;
        }
    fprintf(stderr, "no such case\n");
    return 2;
}

#endif
