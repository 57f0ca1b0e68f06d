/* Calls that would change an object through a descriptor of it, or through a directory descriptor and a relative name. */
#include "canon.h"
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/xattr.h>

static void one(int fd, const char *what)
{
    struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
    char byte = 'x';
    told(write(fd, &byte, 1), "%s: write", what);
    told(pwrite(fd, &byte, 1, 0), "%s: pwrite", what);
    told(ftruncate(fd, 0), "%s: ftruncate", what);
    told(fallocate(fd, 0, 0, 4096), "%s: fallocate", what);
    told(syscall(SYS_fchmod, fd, 0777), "%s: fchmod", what);
    told(syscall(SYS_fchown, fd, -1, -1), "%s: fchown", what);
    told(syscall(SYS_fchown, fd, getuid(), getgid()), "%s: fchown to myself", what);
    told(syscall(SYS_utimensat, fd, NULL, now, 0), "%s: futimens", what);
    told(syscall(SYS_fsetxattr, fd, "user.new", "v", 1, 0), "%s: fsetxattr", what);
    told(syscall(SYS_fremovexattr, fd, "user.none"), "%s: fremovexattr", what);
    told(syscall(SYS_fchownat, fd, "", -1, -1, AT_EMPTY_PATH), "%s: fchownat empty path", what);
    told(syscall(SYS_linkat, fd, "", AT_FDCWD, "stolen", AT_EMPTY_PATH), "%s: linkat empty path to outside", what);
    told(fcntl(fd, F_SETFL, O_APPEND), "%s: F_SETFL append", what);
    told(syscall(SYS_fchmodat, fd, "", 0777), "%s: fchmodat ''", what);
}

static void through_proc(int fd, const char *what)
{
    char p[64];
    snprintf(p, sizeof p, "/proc/self/fd/%d", fd);
    told(chmod(p, 0777), "%s: chmod through /proc", what);
    told(truncate(p, 0), "%s: truncate through /proc", what);
    told(quiet_open(p, O_WRONLY), "%s: open for writing through /proc", what);
    told(quiet_open(p, O_RDWR), "%s: open for both through /proc", what);
    told(syscall(SYS_setxattr, p, "user.new", "v", 1, 0), "%s: setxattr through /proc", what);
    told(syscall(SYS_utimensat, AT_FDCWD, p, NULL, 0), "%s: utimensat through /proc", what);
    told(syscall(SYS_linkat, AT_FDCWD, p, AT_FDCWD, "stolen", AT_SYMLINK_FOLLOW), "%s: linkat through /proc", what);
    told(rename(p, "stolen"), "%s: rename through /proc", what);
}

static void relative(void)
{
    int dir = quiet_open(in("dir"), O_RDONLY), here = quiet_open(".", O_RDONLY);
    told(syscall(SYS_mkdirat, dir, "new", 0755), "mkdirat dir new");
    told(syscall(SYS_mkdirat, dir, "file", 0755), "mkdirat dir file");
    told(syscall(SYS_openat, dir, "new", O_CREAT | O_WRONLY, 0644), "openat creat dir new");
    told(syscall(SYS_openat, dir, "file", O_CREAT | O_WRONLY, 0644), "openat creat dir file");
    told(syscall(SYS_openat, dir, ".", O_TMPFILE | O_WRONLY, 0644), "openat tmpfile dir");
    told(syscall(SYS_unlinkat, dir, "file", 0), "unlinkat dir file");
    told(syscall(SYS_unlinkat, dir, "..", 0), "unlinkat dir ..");
    told(syscall(SYS_unlinkat, dir, "sub", AT_REMOVEDIR), "unlinkat removedir dir sub");
    told(syscall(SYS_renameat, dir, "file", dir, "other"), "renameat inside");
    told(syscall(SYS_renameat, dir, "file", here, "out"), "renameat out of it");
    told(syscall(SYS_renameat, here, "own", dir, "file"), "renameat into it");
    told(syscall(SYS_linkat, dir, "file", here, "out", 0), "linkat out of it");
    told(syscall(SYS_linkat, here, "own", dir, "new", 0), "linkat into it");
    told(syscall(SYS_symlinkat, "own", dir, "new"), "symlinkat into it");
    told(syscall(SYS_symlinkat, in("hello.txt"), here, "link"), "symlinkat to it from outside");
    told(syscall(SYS_fchmodat, dir, "file", 0600), "fchmodat dir file");
    told(syscall(SYS_fchmodat, here, "link", 0600), "fchmodat through a link from outside");
    told(syscall(SYS_openat, here, "link", O_WRONLY), "open for writing through a link from outside");
    told(syscall(SYS_openat, here, "link", O_RDWR | O_CREAT | O_TRUNC, 0644), "creat through a link from outside");
    told(syscall(SYS_openat, here, "link", O_RDONLY | O_CREAT, 0644), "harmless creat through a link from outside");
    told(truncate("link", 0), "truncate through a link from outside");
    MUST(chdir(in("dir")) == 0);
    told(mkdir("new", 0755), "relative mkdir");
    told(unlink("file"), "relative unlink");
    told(rename("file", "../new"), "relative rename");
    told(rmdir("."), "rmdir .");
    told(rmdir(".."), "rmdir ..");
    told(rmdir("sub/."), "rmdir sub/.");
    told(rmdir("../emptydir"), "rmdir ../emptydir");
    told(rename(".", "x"), "rename .");
    told(rename("x", ".."), "rename to ..");
    told(quiet_open("new", O_CREAT | O_WRONLY), "relative creat");
    MUST(fchdir(here) == 0);
    told(unlink("link"), "unlink of my own link");
    close(dir), close(here);
}

int main(int argc, char **argv)
{
    static const char *const targets[] = { "hello.txt", "dir", "private" };
    begin(argc, argv);
    MUST(close(creat("own", 0644)) == 0);
    for (size_t i = 0; i < COUNT(targets); i++) {
        int fd = quiet_open(in(targets[i]), O_RDONLY);
        one(fd, targets[i]);
        through_proc(fd, targets[i]);
        close(fd);
    }
    int fd = quiet_open(in("hello.txt"), O_PATH);
    one(fd, "O_PATH");
    through_proc(fd, "O_PATH");
    relative();
    told(access("stolen", F_OK), "nothing was linked out");
    fd = quiet_open("own", O_RDWR);
    told(write(fd, "mine", 4), "my own file is writable");
    told(syscall(SYS_fchmod, fd, 0600), "and mine to change");
    return 0;
}
