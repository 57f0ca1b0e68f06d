/* A library to preload into a tracer: the kernel's word that a thread made a child comes late, after the child has
 * started a program.  That happens by itself where the maker loses its processor at the moment at which the child begins:
 * both run from there on, and only the maker's own stop tells of the child.
 * Whoever waits otherwise than a tracer does sees no difference. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>

#define KEPT 64

static struct { pid_t tid; int status; } kept[KEPT];
static int count, due; /* how many are kept; how many of them a started program has made due */

static int is_birth(int status)
{
    int event = status >> 16;
    return WIFSTOPPED(status) && (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK);
}

static pid_t tell_kept(int *status)
{
    pid_t tid = kept[0].tid;
    *status = kept[0].status;
    count--;
    due--;
    for (int i = 0; i < count; i++)
        kept[i] = kept[i + 1];
    return tid;
}

pid_t waitpid(pid_t which, int *status, int options)
{
    static pid_t (*real)(pid_t, int *, int);
    if (!real)
        real = (pid_t (*)(pid_t, int *, int))dlsym(RTLD_NEXT, "waitpid");
    if (!(options & __WNOTHREAD))
        return real(which, status, options);
    for (;;) {
        if (due > 0 && which == -1)
            return tell_kept(status);
        pid_t tid = real(which, status, options);
        if (tid <= 0 || count == KEPT)
            return tid;
        if (!is_birth(*status)) {
            if (*status >> 16 == PTRACE_EVENT_EXEC || !WIFSTOPPED(*status)) /* a child that died starts no program */
                due = count;
            return tid;
        }
        kept[count].tid = tid;
        kept[count++].status = *status;
        if (which != -1)
            return 0;
    }
}
