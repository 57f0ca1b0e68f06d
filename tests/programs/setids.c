/* Changes its user and groups in many ways, each sequence in a process of its own, and prints what came of it.  Run as root
 * natively, and by anybody under parrot_run -U 0 -G 0 --fake-setuid, it says the same.  Arguments: seed, sequences. */
#include "canon.h"
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined NARROW /* the calls of i386 with ids of 16 bits */
typedef unsigned short ids_type;
#define NR(name) SYS_##name
#elif defined SYS_setuid32
typedef unsigned ids_type;
#define NR(name) SYS_##name##32
#else
typedef unsigned ids_type;
#define NR(name) SYS_##name
#endif

static unsigned state;

static unsigned next(unsigned n)
{
    state = state * 1103515245 + 12345;
    return (state >> 16) % n;
}

static unsigned id(void)
{
    static const unsigned ids[] = {0, 1, 2, 3, 70000, 65535, (unsigned)-1, (unsigned)-1};
    return ids[next(8)];
}

static void told_ids(void)
{
    ids_type u[3], g[3], groups[8];
    syscall(NR(getresuid), &u[0], &u[1], &u[2]);
    syscall(NR(getresgid), &g[0], &g[1], &g[2]);
    long count = syscall(NR(getgroups), 8, groups);
    say("  users %u %u %u %ld, groups %u %u %u %ld, %ld more, first %d", u[0], u[1], u[2], syscall(NR(setfsuid), -1), g[0],
        g[1], g[2], syscall(NR(setfsgid), -1), count, count > 0 ? (int)groups[0] : -1);
    say("  %ld %ld %ld %ld", syscall(NR(getuid)), syscall(NR(geteuid)), syscall(NR(getgid)), syscall(NR(getegid)));
}

static void change(void)
{
    static const struct { long nr; const char *name; } calls[] = {
        {NR(setuid), "setuid"}, {NR(setgid), "setgid"}, {NR(setreuid), "setreuid"}, {NR(setregid), "setregid"},
        {NR(setresuid), "setresuid"}, {NR(setresgid), "setresgid"}, {NR(setfsuid), "setfsuid"},
        {NR(setfsgid), "setfsgid"}};
    unsigned which = next(9), a = id(), b = id(), c = id();
    if (which / 2 == 2 && b == (unsigned)-1) /* kernels differ in what becomes of the file system id */
        b = a == (unsigned)-1 ? 1 : a;
    if (which == 8) {
        ids_type groups[3] = {7, 5, 9};
        long done = syscall(NR(setgroups), a % 4, groups);
        say("setgroups %u: %ld %s", a % 4, done, done < 0 ? strerror(errno) : "");
        return;
    }
    long done = syscall(calls[which].nr, a, b, c);
    say("%s %d %d %d: %ld %s", calls[which].name, (int)a, (int)b, (int)c, done, done < 0 ? strerror(errno) : "");
}

int main(int argc, char **argv)
{
    int sequences = argc > 2 ? atoi(argv[2]) : 20;
    setvbuf(stdout, NULL, _IOLBF, 0);
    say("none: %ld", syscall(NR(setgroups), 0, NULL));
    for (int i = 0; i < sequences; i++) {
        state = (unsigned)(argc > 1 ? atoi(argv[1]) : 1) * 7919 + (unsigned)i;
        if (fork() == 0) {
            for (int n = 0; n < 8; n++) {
                change();
                told_ids();
            }
            if (fork() == 0) { /* what a child has */
                told_ids();
                _exit(0);
            }
            wait(NULL);
            _exit(0);
        }
        wait(NULL);
    }
    told_ids();
    return 0;
}
