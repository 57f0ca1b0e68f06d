/* Every call that would change the tree, on every kind of target: the errors and their precedence are the kernel's. */
#include "canon.h"
#include <linux/fs.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <utime.h>

static const char *const targets[] = {
    "new", "new/", "hello.txt", "hello.txt/", "hello.txt/x", "dir", "dir/", "dir/.", "dir/..", "emptydir", "emptydir/", "missing/new", "",
    ".", "..", "links/file", "links/dir", "links/dir/", "links/dangling", "links/loop", "links/loop/x", "readonly", "noexec-dir/new",
    "noexec-dir/file", "fifo", "links/self/new",
};

/* Names for the other end of a rename or a link: elsewhere, inside, impossible. */
static const char *const others[] = { "/tmp", "", "new2", "dir/new", "dir", "empty", "emptydir", "missing/x", "hello.txt/x", "dir/.." };

static void names(const char *t)
{
    told(syscall(SYS_mkdirat, AT_FDCWD, in(t), 0755), "mkdirat '%s'", t);
    told(syscall(SYS_mknodat, AT_FDCWD, in(t), S_IFREG | 0644, 0), "mknodat file '%s'", t);
    told(syscall(SYS_mknodat, AT_FDCWD, in(t), S_IFIFO | 0644, 0), "mknodat fifo '%s'", t);
    told(syscall(SYS_mknodat, AT_FDCWD, in(t), S_IFCHR | 0644, makedev(1, 3)), "mknodat device '%s'", t);
    told(syscall(SYS_mknodat, AT_FDCWD, in(t), S_IFDIR | 0644, 0), "mknodat dir '%s'", t);
    told(syscall(SYS_mknodat, AT_FDCWD, in(t), 0170000, 0), "mknodat nonsense '%s'", t);
    told(syscall(SYS_unlinkat, AT_FDCWD, in(t), 0), "unlinkat '%s'", t);
    told(syscall(SYS_unlinkat, AT_FDCWD, in(t), AT_REMOVEDIR), "unlinkat removedir '%s'", t);
    told(syscall(SYS_unlinkat, AT_FDCWD, in(t), 0x8000), "unlinkat bad flag '%s'", t);
    told(syscall(SYS_symlinkat, "anything", AT_FDCWD, in(t)), "symlinkat '%s'", t);
    told(syscall(SYS_symlinkat, "", AT_FDCWD, in(t)), "symlinkat of '' '%s'", t);
#ifdef SYS_mkdir
    told(syscall(SYS_mkdir, in(t), 0755), "mkdir '%s'", t);
    told(syscall(SYS_mknod, in(t), S_IFREG | 0644, 0), "mknod '%s'", t);
    told(syscall(SYS_rmdir, in(t)), "rmdir '%s'", t);
    told(syscall(SYS_unlink, in(t)), "unlink '%s'", t);
    told(syscall(SYS_symlink, "anything", in(t)), "symlink '%s'", t);
#endif
}

static const char *end(const char *other) { return *other == '/' ? "/tmp/parrot-twin-never-there" : in(other); }

static void two_names(const char *t)
{
    for (size_t i = 0; i < COUNT(others); i++) {
        const char *o = others[i];
        told(syscall(SYS_renameat2, AT_FDCWD, in(t), AT_FDCWD, end(o), 0), "rename '%s' to '%s'", t, o);
        told(syscall(SYS_linkat, AT_FDCWD, in(t), AT_FDCWD, end(o), 0), "linkat '%s' to '%s'", t, o);
        if (i > 4)
            continue;
        told(syscall(SYS_renameat2, AT_FDCWD, in(t), AT_FDCWD, end(o), RENAME_NOREPLACE), "rename noreplace '%s' to '%s'", t, o);
        told(syscall(SYS_renameat2, AT_FDCWD, in(t), AT_FDCWD, end(o), RENAME_EXCHANGE), "rename exchange '%s' with '%s'", t, o);
        told(syscall(SYS_renameat, AT_FDCWD, end(o), AT_FDCWD, in(t)), "renameat '%s' to '%s'", o, t);
        told(syscall(SYS_linkat, AT_FDCWD, end(o), AT_FDCWD, in(t), AT_SYMLINK_FOLLOW), "linkat follow '%s' to '%s'", o, t);
#ifdef SYS_rename
        told(syscall(SYS_rename, in(t), end(o)), "old rename '%s' to '%s'", t, o);
        told(syscall(SYS_link, in(t), end(o)), "old link '%s' to '%s'", t, o);
#endif
    }
}

static void attributes(const char *t)
{
    struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } }, omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
    struct timespec bad[2] = { { 0, 2000000000 }, { 0, 0 } };
    const char *p = in(t);
    told(syscall(SYS_fchmodat, AT_FDCWD, p, 0600), "fchmodat '%s'", t);
#ifdef SYS_fchmodat2
    told(syscall(SYS_fchmodat2, AT_FDCWD, p, 0600, AT_SYMLINK_NOFOLLOW), "fchmodat2 nofollow '%s'", t);
    told(syscall(SYS_fchmodat2, AT_FDCWD, p, 0600, 0x4000), "fchmodat2 bad flag '%s'", t);
#endif
    told(syscall(SYS_fchownat, AT_FDCWD, p, getuid(), getgid(), 0), "fchownat '%s'", t);
    told(syscall(SYS_fchownat, AT_FDCWD, p, -1, -1, AT_SYMLINK_NOFOLLOW), "fchownat nofollow '%s'", t);
    told(syscall(SYS_fchownat, AT_FDCWD, p, -1, -1, 0x4000), "fchownat bad flag '%s'", t);
    told(syscall(SYS_utimensat, AT_FDCWD, p, NULL, 0), "utimensat '%s'", t);
    told(syscall(SYS_utimensat, AT_FDCWD, p, now, AT_SYMLINK_NOFOLLOW), "utimensat now nofollow '%s'", t);
    told(syscall(SYS_utimensat, AT_FDCWD, p, omit, 0), "utimensat omit '%s'", t);
    told(syscall(SYS_utimensat, AT_FDCWD, p, bad, 0), "utimensat bad '%s'", t);
    told(syscall(SYS_truncate, p, 0), "truncate '%s'", t);
    told(syscall(SYS_truncate, p, -1), "truncate -1 '%s'", t);
    told(syscall(SYS_setxattr, p, "user.new", "v", 1, 0), "setxattr '%s'", t);
    told(syscall(SYS_lsetxattr, p, "user.new", "v", 1, 0), "lsetxattr '%s'", t);
    told(syscall(SYS_removexattr, p, "user.none"), "removexattr '%s'", t);
    told(syscall(SYS_lremovexattr, p, "user.none"), "lremovexattr '%s'", t);
#ifdef SYS_chmod
    struct utimbuf when = { 1, 1 };
    struct timeval tv[2] = { { 1, 0 }, { 1, 0 } }, wrong[2] = { { 1, 5000000 }, { 1, 0 } };
    told(syscall(SYS_chmod, p, 0600), "chmod '%s'", t);
    told(syscall(SYS_chown, p, -1, -1), "chown '%s'", t);
    told(syscall(SYS_lchown, p, -1, -1), "lchown '%s'", t);
    told(syscall(SYS_utime, p, &when), "utime '%s'", t);
    told(syscall(SYS_utimes, p, tv), "utimes '%s'", t);
    told(syscall(SYS_utimes, p, wrong), "utimes bad '%s'", t);
    told(syscall(SYS_futimesat, AT_FDCWD, p, tv), "futimesat '%s'", t);
#endif
}

/* A socket's name is a new file too. */
static void bind_socket(const char *t)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    if (strlen(in(t)) >= sizeof a.sun_path)
        return;
    strcpy(a.sun_path, in(t));
    told(bind(s, (void *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(a.sun_path) + 1)), "bind '%s'", t);
    told(connect(s, (void *)&a, sizeof a), "connect '%s'", t);
    close(s);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(targets); i++) {
        names(targets[i]);
        two_names(targets[i]);
        attributes(targets[i]);
        bind_socket(targets[i]);
    }
    return 0;
}
