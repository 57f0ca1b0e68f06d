/* openat2's RESOLVE_* flags and its extensible argument; O_PATH descriptors and what may be done with them. */
#include "canon.h"
#include <linux/openat2.h>
#include <sys/mman.h>

static const struct { unsigned long long flags; const char *name; } resolves[] = {
    { 0, "0" },
    { RESOLVE_NO_SYMLINKS, "no symlinks" },
    { RESOLVE_NO_MAGICLINKS, "no magic links" },
    { RESOLVE_BENEATH, "beneath" },
    { RESOLVE_IN_ROOT, "in root" },
    { RESOLVE_NO_XDEV, "no xdev" },
    { RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, "beneath, no symlinks" },
    { RESOLVE_BENEATH | RESOLVE_IN_ROOT, "beneath and in root" },
    { 0x1000, "unknown" },
};

static void each_resolve(int dir, const char *dirname, const char *path)
{
    for (size_t i = 0; i < COUNT(resolves); i++) {
        struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = resolves[i].flags };
        long fd = told(syscall(SYS_openat2, dir, path, &how, sizeof how), "openat2 %s '%s' %s", dirname, *path == '/' ? "(absolute)" : path,
                       resolves[i].name);
        struct stat s;
        if (fd >= 0) {
            MUST(fstat((int)fd, &s) == 0);
            say("   %s %lld", kind(s.st_mode), S_ISDIR(s.st_mode) ? 0LL : (long long)s.st_size);
            close((int)fd);
        }
    }
}

static void resolve_all(void)
{
    static const char *const paths[] = { "file", "sub/leaf", "..", "../hello.txt", "sub/../file", "sub/../../hello.txt", ".", "missing", "sub/missing/../leaf" };
    static const char *const links[] = { "file", "abs", "dir/file", "up/hello.txt", "self/file", "out-file", "out-dir", "top", "loop", "dangling", "null" };
    int dir = quiet_open(in("dir"), O_RDONLY), link = quiet_open(in("links"), O_PATH), top = quiet_open(root, O_PATH), slash = quiet_open("/", O_PATH);
    for (size_t i = 0; i < COUNT(paths); i++)
        each_resolve(dir, "dir", paths[i]);
    for (size_t i = 0; i < COUNT(links); i++)
        each_resolve(link, "links", links[i]);
    each_resolve(dir, "dir", in("hello.txt"));
    each_resolve(AT_FDCWD, "cwd", in("hello.txt"));
    each_resolve(AT_FDCWD, "cwd", in("links/file"));
    each_resolve(top, "top", "/hello.txt");
    each_resolve(top, "top", "/links/file");
    each_resolve(top, "top", "/../../hello.txt");
    each_resolve(top, "top", "..");
    each_resolve(slash, "/", in("hello.txt") + 1);
    each_resolve(slash, "/", "proc/self/cwd");
    close(dir), close(link), close(top), close(slash);
}

static void how_forms(void)
{
    struct { struct open_how how; unsigned long long more; } big = { .how = { .flags = O_RDONLY } };
    struct open_how bad = { .flags = O_RDONLY | (1ULL << 40) }, mode = { .flags = O_RDONLY, .mode = 0600 };
    struct open_how creat_mode = { .flags = O_CREAT | O_WRONLY, .mode = 010000 }, path = { .flags = O_PATH | O_WRONLY };
    struct open_how both = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC }, cached = { .flags = O_CREAT | O_RDWR, .resolve = RESOLVE_CACHED };
    const char *p = in("hello.txt");
    told(syscall(SYS_openat2, AT_FDCWD, p, &big, sizeof big.how - 1), "how too small");
    told(syscall(SYS_openat2, AT_FDCWD, p, &big, 0), "how of size 0");
    told(syscall(SYS_openat2, AT_FDCWD, p, &big, sizeof big), "how larger, zero behind");
    big.more = 1;
    told(syscall(SYS_openat2, AT_FDCWD, p, &big, sizeof big), "how larger, something behind");
    told(syscall(SYS_openat2, AT_FDCWD, p, &big, 70000), "how of 70000");
    told(syscall(SYS_openat2, AT_FDCWD, p, (void *)16, sizeof big.how), "how from nowhere");
    told(syscall(SYS_openat2, AT_FDCWD, p, &bad, sizeof bad), "unknown flag");
    told(syscall(SYS_openat2, AT_FDCWD, p, &mode, sizeof mode), "mode without O_CREAT");
    told(syscall(SYS_openat2, AT_FDCWD, p, &creat_mode, sizeof creat_mode), "mode beyond 07777");
    told(syscall(SYS_openat2, AT_FDCWD, p, &path, sizeof path), "O_PATH with O_WRONLY");
    told(syscall(SYS_openat2, AT_FDCWD, p, &both, sizeof both), "O_PATH with its friends");
    told(syscall(SYS_openat2, AT_FDCWD, p, &cached, sizeof cached), "cached with O_CREAT");
    told(syscall(SYS_openat2, 999, "x", &both, sizeof both), "bad descriptor");
}

static void path_descriptor(const char *rel, int flags)
{
    char byte, proc[64], target[PATH_MAX];
    struct stat a, b;
    int fd = quiet_open(in(rel), O_PATH | flags);
    if (told(fd, "O_PATH %#x '%s'", flags, rel) < 0)
        return;
    told(read(fd, &byte, 1), "   read");
    told(lseek(fd, 0, SEEK_SET), "   lseek");
    say("   flags %#o", fcntl(fd, F_GETFL));
    say("   mmap: %s", mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? errname(errno) : "ok");
    told(fsync(fd), "   fsync");
    told(syscall(SYS_fchmod, fd, 0644), "   fchmod");
    told(syscall(SYS_fchdir, fd), "   fchdir");
    MUST(fstat(fd, &a) == 0 && fstatat(AT_FDCWD, in(rel), &b, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) == 0);
    say("   fstat equals stat: %d", same_stat(&a, &b));
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    long n = readlink(proc, target, sizeof target);
    say("   /proc tells: %.*s", (int)(n < 0 ? 0 : n), target);
    int again = quiet_open(proc, O_RDONLY | O_NONBLOCK);
    if (told(again, "   opened through /proc") >= 0) {
        MUST(fstat(again, &b) == 0);
        say("   the same object: %d", same_stat(&a, &b));
        close(again);
    }
    told(syscall(SYS_openat, fd, "file", O_RDONLY), "   openat file");
    told(syscall(SYS_openat, fd, "", O_RDONLY), "   openat ''");
    close(fd);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    resolve_all();
    how_forms();
    path_descriptor("hello.txt", 0);
    path_descriptor("private", 0);
    path_descriptor("unreadable", 0);
    path_descriptor("dir", 0);
    path_descriptor("dir", O_DIRECTORY);
    path_descriptor("links/file", 0);
    path_descriptor("links/file", O_NOFOLLOW);
    path_descriptor("links/dangling", O_NOFOLLOW);
    path_descriptor("links/dangling", 0);
    path_descriptor("links/dir", O_NOFOLLOW | O_DIRECTORY);
    path_descriptor("sock", 0);
    return 0;
}
