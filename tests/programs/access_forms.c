/* access, faccessat and faccessat2, and readlink with readlinkat: answers, flags, short buffers. */
#include "canon.h"

static const char *const targets[] = {
    "", "hello.txt", "empty", "private", "unreadable", "readonly", "dir", "dir/", "missing", "missing/x", "hello.txt/", "hello.txt/x",
    "links/file", "links/dangling", "links/loop", "links/out-file", "links/out-dir", "links/null", "script.sh", "bin/report-static", "bin/exec-only",
    "noexec-dir", "noexec-dir/file", "noread-dir", "noread-dir/file", "modes/0000", "modes/4755", "fifo", "emptydir/..", "nested/inside",
};

static void access_all(const char *rel)
{
    static const struct { int mode; const char *name; } asks[] = {
        { F_OK, "F" }, { R_OK, "R" }, { W_OK, "W" }, { X_OK, "X" }, { R_OK | X_OK, "RX" }, { R_OK | W_OK, "RW" },
    };
    for (size_t i = 0; i < COUNT(asks); i++) {
#ifdef SYS_access
        told(syscall(SYS_access, in(rel), asks[i].mode), "access '%s' %s", rel, asks[i].name);
#endif
        told(syscall(SYS_faccessat, AT_FDCWD, in(rel), asks[i].mode), "faccessat '%s' %s", rel, asks[i].name);
        told(syscall(SYS_faccessat2, AT_FDCWD, in(rel), asks[i].mode, AT_EACCESS), "faccessat2 '%s' %s", rel, asks[i].name);
    }
    told(syscall(SYS_faccessat2, AT_FDCWD, in(rel), F_OK, AT_SYMLINK_NOFOLLOW), "faccessat2 '%s' nofollow", rel);
    told(syscall(SYS_faccessat2, AT_FDCWD, in(rel), W_OK, AT_SYMLINK_NOFOLLOW), "faccessat2 '%s' nofollow W", rel);
}

static void access_odd(void)
{
    int dir = quiet_open(in("dir"), O_RDONLY | O_DIRECTORY), file = quiet_open(in("hello.txt"), O_RDONLY);
    told(syscall(SYS_faccessat, AT_FDCWD, in("hello.txt"), 8), "faccessat mode 8");
    told(syscall(SYS_faccessat2, AT_FDCWD, in("hello.txt"), R_OK, 0x10), "faccessat2 unknown flag");
    told(syscall(SYS_faccessat, dir, "file", R_OK), "faccessat dir, file");
    told(syscall(SYS_faccessat, dir, "nothing", R_OK), "faccessat dir, nothing");
    told(syscall(SYS_faccessat, dir, "../hello.txt", R_OK), "faccessat dir, ../hello.txt");
    told(syscall(SYS_faccessat, file, "x", R_OK), "faccessat file, x");
    told(syscall(SYS_faccessat, 999, "x", R_OK), "faccessat bad descriptor");
    told(syscall(SYS_faccessat2, file, "", R_OK, AT_EMPTY_PATH), "faccessat2 empty path R");
    told(syscall(SYS_faccessat2, file, "", W_OK, AT_EMPTY_PATH), "faccessat2 empty path W");
    told(syscall(SYS_faccessat2, file, "", R_OK, 0), "faccessat2 empty path without the flag");
    close(dir), close(file);
}

static void readlink_one(const char *rel)
{
    char buffer[PATH_MAX];
    static const size_t sizes[] = { PATH_MAX, 5, 1 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        memset(buffer, '#', sizeof buffer);
        long n = told(syscall(SYS_readlinkat, AT_FDCWD, in(rel), buffer, sizes[i]), "readlinkat '%s' into %zu", rel, sizes[i]);
        if (n >= 0)
            say("   %ld '%.*s' and then %c", n, (int)n, buffer, buffer[n]);  /* no NUL is written, and nothing behind */
    }
#ifdef SYS_readlink
    long n = told(syscall(SYS_readlink, in(rel), buffer, sizeof buffer), "readlink '%s'", rel);
    if (n >= 0)
        say("   %.*s", (int)n, buffer);
#endif
}

static void readlinks(void)
{
    static const char *const links[] = { "links/file", "links/abs", "links/dir", "links/dir/", "links/dangling", "links/dangling/", "links/loop",
                                         "links/loop/x", "links/out-file", "links/long", "links/up", "links/dir/../links/file", "links/odd",
                                         "hello.txt", "dir", "", "missing", "hello.txt/x", "noexec-dir/link", "links/chain-41", "links/chain-00" };
    char buffer[PATH_MAX];
    for (size_t i = 0; i < COUNT(links); i++)
        readlink_one(links[i]);
    int dir = quiet_open(in("links"), O_RDONLY | O_DIRECTORY);
    int link = quiet_open(in("links/file"), O_PATH | O_NOFOLLOW), file = quiet_open(in("hello.txt"), O_RDONLY);
    told(syscall(SYS_readlinkat, dir, "file", buffer, sizeof buffer), "readlinkat links, file");
    told(syscall(SYS_readlinkat, dir, "../links/file", buffer, sizeof buffer), "readlinkat links, ../links/file");
    long n = told(syscall(SYS_readlinkat, link, "", buffer, sizeof buffer), "readlinkat O_PATH link, ''");
    if (n > 0)
        say("   %.*s", (int)n, buffer);
    told(syscall(SYS_readlinkat, file, "", buffer, sizeof buffer), "readlinkat file, ''");
    told(syscall(SYS_readlinkat, file, "x", buffer, sizeof buffer), "readlinkat file, x");
    told(syscall(SYS_readlinkat, dir, "file", buffer, 0), "readlinkat size 0");
    told(syscall(SYS_readlinkat, dir, "file", buffer, -1), "readlinkat size -1");
    told(syscall(SYS_readlinkat, 999, "x", buffer, sizeof buffer), "readlinkat bad descriptor");
    told(syscall(SYS_readlinkat, dir, "file", (char *)16, 64), "readlinkat into nowhere");
    close(dir), close(link), close(file);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(targets); i++)
        access_all(targets[i]);
    access_odd();
    readlinks();
    return 0;
}
