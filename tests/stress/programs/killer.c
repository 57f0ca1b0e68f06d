/* Preloaded into a tracer: just before its request number KILL_AT to a tracee, that process is killed and dead, and the
 * file KILLED is there.  So a death can be put between any two things that the tracer does. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <time.h>

static char letter(pid_t pid)
{
    char path[64], text[512] = "", *end;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (!f)
        return 'X';
    end = fgets(text, sizeof text, f) ? strrchr(text, ')') : NULL;
    fclose(f);
    return end ? end[2] : 'X';
}

static void end(pid_t pid)
{
    static const struct timespec moment = { 0, 100000 };
    FILE *told = fopen(getenv("KILLED"), "w");
    if (told)
        fclose(told);
    kill(pid, SIGKILL);
    while (!strchr("ZX", letter(pid)))
        nanosleep(&moment, NULL);
}

long ptrace(enum __ptrace_request request, ...)
{
    static long (*real)(int, pid_t, void *, void *);
    static long count;
    va_list args;
    va_start(args, request);
    pid_t pid = va_arg(args, pid_t);
    void *address = va_arg(args, void *), *data = va_arg(args, void *);
    va_end(args);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "ptrace");
    const char *at = getenv("KILL_AT");
    if (at && ++count == atol(at))
        end(pid);
    return real((int)request, pid, address, data);
}
