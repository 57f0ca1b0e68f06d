/* Programs and scripts that no path leads to: in memory (memfd_create), or removed; they are started by descriptor. */
#include "canon.h"
#include <sys/sendfile.h>

enum { CHECK = 0x10000 };

static void start(const char *what, int fd, int flags)
{
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = { "zeroth", "5", "two words", NULL }, *env[] = { NULL };
        long rv = syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH | flags);
        told(rv, "%s %x", what, flags);
        _exit(77);
    }
    MUST(pid > 0);
    say_wait(what, pid);
}

static void both(const char *what, int fd)
{
    MUST(fd >= 0);
    start(what, fd, 0);
    start(what, fd, CHECK);
    MUST(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
    start(what, fd, 0);
    MUST(fchmod(fd, 0600) == 0);
    start(what, fd, 0);
    start(what, fd, CHECK);
    close(fd);
}

/* The bytes of *rel* in the tree, or of *text*, in a file that may be executed; the descriptor only reads where that matters. */
static int filled(int fd, const char *rel, const char *text)
{
    MUST(fd >= 0 && fchmod(fd, 0755) == 0);
    if (rel) {
        int from = quiet_open(in(rel), O_RDONLY);
        MUST(from >= 0);
        while (sendfile(fd, from, NULL, 1 << 20) > 0)
            ;
        close(from);
    } else {
        MUST(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    }
    return fd;
}

static int in_memory(const char *name, const char *rel, const char *text)
{
    return filled((int)syscall(SYS_memfd_create, name, 0), rel, text);
}

static int removed(const char *name, const char *rel, const char *text)
{
    close(filled(open(name, O_WRONLY | O_CREAT | O_EXCL, 0755), rel, text));
    int fd = open(name, O_RDONLY);
    MUST(unlink(name) == 0);
    return fd;
}

int main(int argc, char **argv)
{
    static const char *const programs[] = { "bin/report-static", "bin/report-dynamic", "bin/report-own-loader" };
    char line[PATH_MAX + 32];
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(programs); i++) {
        if (!strstr(programs[i], "own")) { /* which then can't open /proc/self/exe: docs/limits.md */
            both(programs[i], in_memory("a program", programs[i], NULL));
            both(programs[i], removed("program", programs[i], NULL));
        }
        snprintf(line, sizeof line, "#!%s 6 seven\n", in(programs[i]));
        both("a script in memory", in_memory("script", NULL, line));
        both("a removed script", removed("script", NULL, line));
    }
    both("a native script in memory", in_memory("script", NULL, "#!/bin/sh\necho $# $1 $2\n"));
    both("a script without interpreter", in_memory("script", NULL, "#!/no/such/interpreter\n"));
    snprintf(line, sizeof line, "#!%s\n", in("bin/missing"));
    both("a script whose interpreter is missing", in_memory("script", NULL, line));
    both("no program", in_memory("text", NULL, "no program\n"));
    return 0;
}
