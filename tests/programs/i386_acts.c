/* What the calls of i386 do: changes, opens, sockets by arguments in memory, programs by arrays of short pointers. */
#include "i386.h"
#include <sys/socket.h>
#include <sys/un.h>

static void changes(void)
{
    static const int32_t when[4] = { 1, 2, 3, 4 }, bad[4] = { 1, 2000000000, 3, 4 };
    static const int64_t when64[4] = { 1, 2 | 0x7f00000000, 3, 4 }, bad64[4] = { 1, 2000000000, 3, 4 };
    static const int32_t omit[4] = { 0, UTIME_OMIT, 0, UTIME_OMIT };
    for (size_t i = 0; i < COUNT(names); i++) {
        long p = path(names[i]), w = (long)put(when, sizeof when), b = (long)put(bad, sizeof bad);
        say("'%s'", names[i]);
        told(C(i_chown, p, -1, -1), "  chown");
        told(C(i_lchown, p, -1, -1), "  lchown");
        told(C(i_chown32, p, -1, -1), "  chown32");
        told(C(i_lchown32, p, -1, -1), "  lchown32");
        told(C(i_truncate, p, 0), "  truncate");
        told(C(i_truncate, p, -1), "  truncate to -1");
        told(C(i_truncate64, p, 5, 0), "  truncate64");
        told(C(i_truncate64, p, 0, 0x80000000), "  truncate64 below 0");
        told(C(i_truncate64, p, -1, 0x7fffffff), "  truncate64 to the end of all files");
        told(C(i_utime, p, w), "  utime");
        told(C(i_utimes, p, w), "  utimes");
        told(C(i_utimes, p, b), "  utimes, bad");
        told(C(i_utimensat, AT_FDCWD, p, w, 0), "  utimensat");
        told(C(i_utimensat, AT_FDCWD, p, b, 0), "  utimensat, bad");
        told(C(i_utimensat, AT_FDCWD, p, put(omit, sizeof omit), 0), "  utimensat, none");
        told(C(i_utimensat64, AT_FDCWD, p, put(when64, sizeof when64), AT_SYMLINK_NOFOLLOW), "  utimensat_time64");
        told(C(i_utimensat64, AT_FDCWD, p, put(bad64, sizeof bad64), 0), "  utimensat_time64, bad");
        told(C(i_utimensat64, AT_FDCWD, p, 0, 0), "  utimensat_time64, now");
        told(C(i_umount, p), "  umount");
        next_low = low;
    }
    long fd = C(i_open, path("hello.txt"), O_RDONLY, 0);
    told(C(i_utimensat64, fd, 0, 0, 0), "futimens");
    told(C(i_fchown32, fd, -1, -1), "fchown32");
    close((int)fd);
}

static void opens(void)
{
    static const uint64_t how[3] = { O_RDONLY, 0, 0 };
    char *buffer = (char *)room(PATH_MAX);
    for (size_t i = 0; i < COUNT(names); i++) {
        char *keep = next_low;
        long p = path(names[i]), fd;
        for (int again = 0; again < 3; again++) {
            if (told(fd = C(i_open, p, O_RDONLY | O_NONBLOCK, 0), "open '%s'", names[i]) >= 0 && again == 0)
                say_content("   content", (int)fd);
            close((int)fd);
            if (told(fd = C(i_openat, AT_FDCWD, p, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0), "openat") >= 0)
                say("   close on exec %d", fcntl((int)fd, F_GETFD));
            close((int)fd);
        }
        told(C(i_open, p, O_RDWR, 0), "for both");
        told(fd = C(i_openat2, AT_FDCWD, p, put(how, sizeof how), sizeof how), "openat2");
        close((int)fd);
        told(C(i_access, p, R_OK), "access");
        told(C(i_access, p, W_OK), "access to write");
        long n = told(C(i_readlink, p, buffer, 100), "readlink");
        if (n > 0)
            say("   %.*s", (int)n, buffer);
        n = told(C(i_readlinkat, AT_FDCWD, p, buffer, 5), "readlinkat");
        if (n > 0)
            say("   %.*s", (int)n, buffer);
        next_low = keep;
    }
    told(C(i_chdir, path("dir/sub")), "chdir");
    told(C(i_getcwd, buffer, PATH_MAX), "getcwd");
    say("   %s", buffer);
    told(C(i_getcwd, buffer, 5), "getcwd into 5 bytes");
    long fd = C(i_open, text(".."), O_RDONLY | O_DIRECTORY, 0);
    told(C(i_fchdir, fd), "fchdir");
    MUST(getcwd(buffer, PATH_MAX));
    say("   %s", buffer);
    close((int)fd);
    fd = quiet_open("file", O_RDONLY); /* by the way of this program's own code */
    say_content("file", (int)fd);
    close((int)fd);
    MUST(chdir("/") == 0);
    told(C(i_open, 16, O_RDONLY), "open of nowhere");
    told(C(i_openat, AT_FDCWD, 0, O_RDONLY), "openat of NULL");
    next_low = low;
}

static long words(const long *values, size_t n)
{
    uint32_t narrow[8];
    MUST(n <= COUNT(narrow));
    for (size_t i = 0; i < n; i++)
        narrow[i] = (uint32_t)values[i];
    return (long)put(narrow, n * sizeof narrow[0]);
}

static void sockets(void)
{
    char here[PATH_MAX], around[PATH_MAX + 32];
    const char *const places[] = { "socket", "hello.txt", "dir", "links/file", "missing/x", around };
    MUST(getcwd(here, sizeof here));
    snprintf(around, sizeof around, "links/top%s/s", here);
    for (size_t i = 0; i < COUNT(places); i++) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        snprintf(address.sun_path, sizeof address.sun_path, "%s", in(places[i]));
        long a = (long)put(&address, sizeof address), length = (long)sizeof address;
        int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
        say("'%s'", places[i] == around ? "mine, through the tree" : places[i]);
        told(C(i_socketcall, 3, words((long[]){ fd, a, length }, 3)), "  connect by socketcall");
        told(C(i_socketcall, 11, words((long[]){ fd, a, 1, 0, a, length }, 6)), "  sendto by socketcall");
        told(C(i_socketcall, 2, words((long[]){ fd, a, length }, 3)), "  bind by socketcall");
        told(C(i_bind, fd, a, length), "  bind");
        told(C(i_socketcall, 2, 16), "  bind, arguments from nowhere");
        told(C(i_socketcall, 99, 16), "  an operation that there is not");
        close(fd);
        unlink(in(places[i]));
        next_low = low;
    }
    struct sockaddr_un mine = { .sun_family = AF_UNIX, .sun_path = "mine" };
    long a = (long)put(&mine, sizeof mine);
    int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0);
    told(C(i_socketcall, 2, words((long[]){ one, a, (long)sizeof mine }, 3)), "bind a name of mine");
    told(C(i_socketcall, 11, words((long[]){ two, text("hello"), 5, 0, a, (long)sizeof mine }, 6)), "send to it");
    char got[8] = "";
    say("received %d: %s", (int)read(one, got, sizeof got), got);
    close(one), close(two);
    unlink("mine");
    next_low = low;
}

static void programs(void)
{
    static const char *const files[] = { "bin/report-static", "bin/report-dynamic", "bin/report-own-loader", "bin/report32-static",
                                         "bin/report32-dynamic", "bin/report32-own-loader", "script.sh", "script-args", "script-nested",
                                         "script-missing", "hello.txt", "dir", "missing", "bin/foreign-elf" };
    for (size_t i = 0; i < COUNT(files); i++) {
        long argv = words((long[]){ text("zeroth"), text("3"), text("two words"), 0 }, 4);
        long env = words((long[]){ text("TWIN=environment"), 0 }, 2);
        pid_t pid = fork();
        if (pid == 0) {
            C(i_execve, path(files[i]), argv, env);
            told(-1, "execve '%s'", files[i]);
            _exit(77);
        }
        say_wait(files[i], pid);
        pid = fork();
        if (pid == 0) {
            MUST(chdir(in("bin")) == 0);
            C(i_execveat, AT_FDCWD, path(files[i]), argv, env, 0);
            told(-1, "execveat '%s'", files[i]);
            _exit(78);
        }
        say_wait(files[i], pid);
        next_low = low;
    }
    long bad = words((long[]){ text("x"), 16, 0 }, 3);
    told(C(i_execve, path("script.sh"), bad, 0), "an argument from nowhere");
    told(C(i_execve, path("script.sh"), 16, 0), "argv from nowhere");
    next_low = low;
}

/* Of the registers of 64-bit code only the lower halves count, and all of them are kept. */
static void halves(void)
{
#ifdef __x86_64__
    static const char *const some[] = { "hello.txt", "dir", "missing", "links/file" };
    const long above = 0x7ead00000000;
    for (size_t i = 0; i < COUNT(some); i++) {
        struct stat_large *l = (void *)room(sizeof *l);
        long p = path(some[i]), fd;
        told(C(i_access | above, p | above, R_OK | above), "access '%s'", some[i]);
        told(C(i_stat64 | above, p | above, (long)l | above), "stat64");
        told(fd = C(i_open, p | above, O_RDONLY | above, above), "open");
        told(C(i_fstat64, fd | above, (long)l | above), "fstat64");
        close((int)fd);
        told(fd = C(i_openat | above, (uint32_t)AT_FDCWD | above, p | above, O_RDONLY), "openat");
        close((int)fd);
        told(syscall(0x40000000 | SYS_access, "/", R_OK), "access of x32"); /* which may be there or not */
        next_low = low;
    }
#endif
}

int main(int argc, char **argv)
{
    char here[PATH_MAX];
    start(argc, argv);
    MUST(getcwd(here, sizeof here));
    changes();
    opens();
    MUST(chdir(here) == 0);
    sockets();
    programs();
    halves();
    say("registers changed: %u", changed);
    return 0;
}
