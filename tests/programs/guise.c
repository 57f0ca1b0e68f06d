/* Not a twin: asks what options of parrot_run change.  Its arguments are questions; each answer is a line. */
#include "canon.h"
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <time.h>

static void ask_private(void)
{
    int quiet = 0;
    for (long nr = 1000; nr <= 1014; nr++)
        quiet += syscall(nr, 0, 0, 0, 0) == -1 && errno == ENOSYS;
    say("private %d", quiet);
}

static void ask_ids(void)
{
    uid_t users[3];
    gid_t groups[3];
    getresuid(&users[0], &users[1], &users[2]);
    getresgid(&groups[0], &groups[1], &groups[2]);
    say("ids %u %u %u %u: %u %u %u, %u %u %u", getuid(), geteuid(), getgid(), getegid(), users[0], users[1], users[2],
        groups[0], groups[1], groups[2]);
    say("auxv %lu %lu %lu %lu", getauxval(AT_UID), getauxval(AT_EUID), getauxval(AT_GID), getauxval(AT_EGID));
}

static void ask_name(void)
{
    struct utsname u;
    char name[65] = "";
    gethostname(name, sizeof name);
    say("name %s %s, %s", uname(&u) == 0 ? u.nodename : "?", name, u.sysname);
#ifdef SYS_olduname
    char old[5][65], oldest[5][9];
    say("old names %s", syscall(SYS_olduname, old) == 0 ? old[1] : "?");
    say("oldest names %s", syscall(SYS_oldolduname, oldest) == 0 ? oldest[1] : "?");
#endif
}

static void ask_clock(void)
{
    struct timeval tv;
    struct timespec real, steady, used;
    time_t now = time(NULL);
    gettimeofday(&tv, NULL);
    clock_gettime(CLOCK_REALTIME, &real);
    clock_gettime(CLOCK_MONOTONIC, &steady);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    say("clock %lld %lld.%06ld %lld.%09ld %lld.%09ld %d", (long long)now, (long long)tv.tv_sec, (long)tv.tv_usec,
        (long long)real.tv_sec, real.tv_nsec, (long long)steady.tv_sec, steady.tv_nsec, used.tv_sec < 900);
    real.tv_nsec = real.tv_nsec < 900000000 ? real.tv_nsec + 50000000 : real.tv_nsec;
    say("sleeps %d", clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &real, NULL));
}

static void ask_opens(void)
{
    const char *name = "opens.tmp";
    struct stat st;
    struct { unsigned long long flags, mode, resolve; } how = {O_WRONLY, 0, 0};
    int fds[] = {creat(name, 0600), open(name, O_RDWR), openat(AT_FDCWD, name, O_WRONLY | O_APPEND),
                 (int)syscall(437, AT_FDCWD, name, &how, sizeof how), open(name, O_RDONLY), open("/dev/null", O_WRONLY)};
    for (int i = 0; i < 6; i++) {
        int flags = fcntl(fds[i], F_GETFL);
        say("opens %d %d %d", i, flags & O_ACCMODE, (flags & O_SYNC) == O_SYNC);
    }
    say("missing %d", open("/no/such/file", O_WRONLY) == -1 && errno == ENOENT);
    say("block %ld", stat(name, &st) == 0 ? (long)st.st_blksize : -1);
    say("block by fd %ld", fstat(fds[1], &st) == 0 ? (long)st.st_blksize : -1);
    unlink(name);
}

static void ask_pids(void)
{
    int first = getpid(), second = getpid();
    say("pids %d %d %d", first == (int)syscall(SYS_gettid), first, second);
}

static void ask_block(const char *name)
{
    struct stat st;
    unsigned char x[256];
    say("block %ld", stat(name, &st) == 0 ? (long)st.st_blksize : -1);
    say("block of link %ld", lstat(name, &st) == 0 ? (long)st.st_blksize : -1);
    say("block of statx %d", syscall(SYS_statx, AT_FDCWD, name, 0, 0x7ff, x) == 0 ? *(int *)(void *)(x + 4) : -1);
    int fd = open(name, O_RDONLY);
    say("block by fd %ld", fstat(fd, &st) == 0 ? (long)st.st_blksize : -1);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "private"))
            ask_private();
        else if (!strcmp(argv[i], "ids"))
            ask_ids();
        else if (!strcmp(argv[i], "name"))
            ask_name();
        else if (!strcmp(argv[i], "clock"))
            ask_clock();
        else if (!strcmp(argv[i], "opens"))
            ask_opens();
        else if (!strcmp(argv[i], "pids"))
            ask_pids();
        else if (!strcmp(argv[i], "flock"))
            say("flock %d", flock(open(argv[++i], O_RDONLY), LOCK_EX | LOCK_NB));
        else if (!strcmp(argv[i], "block"))
            ask_block(argv[++i]);
    }
    return 0;
}
