/* Path calls outside the great families, and the special files: each must fare with a name in the tree as on a mount. */
#include "canon.h"
#include <poll.h>
#include <sys/inotify.h>
#include <sys/mount.h>

static const char *const paths[] = { "hello.txt", "dir", "missing", "links/dangling", "hello.txt/x" };

static void watch(void)
{
    for (size_t i = 0; i < COUNT(paths); i++) {
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        told(inotify_add_watch(fd, in(paths[i]), IN_ALL_EVENTS), "inotify_add_watch '%s'", paths[i]);
        close(fd);
    }
}

static void privileged(void)
{
    for (size_t i = 0; i < COUNT(paths); i++) {
        told(syscall(SYS_chroot, in(paths[i])), "chroot '%s'", paths[i]);
        told(syscall(SYS_mount, "none", in(paths[i]), "tmpfs", 0, NULL), "mount '%s'", paths[i]);
        told(syscall(SYS_umount2, in(paths[i]), 0), "umount2 '%s'", paths[i]);
        told(syscall(SYS_swapon, in(paths[i]), 0), "swapon '%s'", paths[i]);
        told(syscall(SYS_acct, in(paths[i])), "acct '%s'", paths[i]);
        told(syscall(SYS_pivot_root, in(paths[i]), in(paths[i])), "pivot_root '%s'", paths[i]);
    }
}

/* The job changes its own files with names relative to the tree: a native effect from a virtual working directory. */
static void natively_from_inside(void)
{
    char here[PATH_MAX], name[2 * PATH_MAX], up[64] = "";
    struct stat s;
    MUST(getcwd(here, sizeof here));
    MUST(chdir(in("dir/sub")) == 0);
    for (const char *p = in("dir/sub"); p; p = strchr(p + 1, '/'))
        strcat(up, "../");
    snprintf(name, sizeof name, "%s%s/made", up, here + 1);
    told(mkdir(name, 0750), "mkdir outside, relative to the inside");
    told(stat(name, &s), "stat of it");
    say("mode %o", s.st_mode & 0777);
    told(rmdir(name), "rmdir of it");
    int fd = open(name, O_RDWR | O_CREAT, 0640);
    told(fd, "creat outside");
    told(write(fd, "text", 4), "write");
    told(symlink(in("hello.txt"), "/proc/self/cwd/link"), "symlink into the working directory");
    told(chmod(name, 0600), "chmod outside");
    told(unlink(name), "unlink outside");
    MUST(chdir(here) == 0);
    told(symlink(in("hello.txt"), "to-file"), "my link to a file");
    told(symlink(in("dir"), "to-dir"), "my link to a directory");
    told(symlink(root + 1, "relative"), "my relative link");
    fd = quiet_open("to-file", O_RDONLY);
    say_content("through my link", fd), close(fd);
    fd = quiet_open("to-dir/sub/leaf", O_RDONLY);
    say_content("through my link to a directory", fd), close(fd);
    fd = quiet_open("to-dir/../hello.txt", O_RDONLY);
    say_content("physically up", fd), close(fd);
    told(quiet_open("relative/hello.txt", O_RDONLY), "through a relative link that leads nowhere");
    told(stat("to-dir/missing", &s), "missing through my link");
    told(lstat("to-dir", &s), "lstat of my link");
    say("   a link: %d", S_ISLNK(s.st_mode));
    told(lstat("to-dir/", &s), "lstat of my link with a slash");
    say("   a directory: %d", S_ISDIR(s.st_mode));
    told(chdir("to-dir"), "chdir through my link");
    MUST(getcwd(name, sizeof name));
    say("in %s", name);
    MUST(chdir(here) == 0);
    told(rename("to-file", "renamed"), "rename of my link");
    told(link("renamed", "second"), "hard link of my link");
    told(unlink("renamed"), "unlink of my link");
    told(syscall(SYS_openat, AT_FDCWD, "to-dir/new", O_CREAT | O_RDWR, 0644), "creat through my link");
    told(mkdir("to-dir/new", 0755), "mkdir through my link");
    told(mkdir("to-dir", 0755), "mkdir where my link is");
    told(unlink("to-dir"), "unlink of it");
}

/* A pipe with a name: readers and writers of the node meet there, though the tree is read-only. */
static void fifo(void)
{
    struct pollfd p = { .events = POLLIN };
    char byte = 0;
    struct stat s, t;
    told(quiet_open(in("fifo"), O_WRONLY | O_NONBLOCK), "fifo for writing, nobody reads");
    int r = quiet_open(in("fifo"), O_RDONLY | O_NONBLOCK);
    if (told(r, "fifo for reading") < 0)
        return;
    MUST(fstat(r, &s) == 0 && stat(in("fifo"), &t) == 0);
    say("fstat is stat: %d", same_stat(&s, &t));
    int w = quiet_open(in("fifo"), O_WRONLY | O_NONBLOCK);
    told(w, "fifo for writing");
    told(write(w, "z", 1), "write");
    p.fd = r;
    say("poll: %d", poll(&p, 1, 1000));
    long n = read(r, &byte, 1);
    say("read: %ld %c", n, byte);
    close(r), close(w);
    pid_t pid = fork();
    if (pid == 0) {
        r = quiet_open(in("fifo"), O_RDONLY);
        _exit(read(r, &byte, 1) == 1 && byte == 'y' ? 0 : 1);
    }
    w = quiet_open(in("fifo"), O_WRONLY);
    told(write(w, "y", 1), "write to the waiting reader");
    say_wait("reader", pid);
    close(w);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    alarm(30);  /* a fifo that nobody answers must not hang the suite */
    watch();
    privileged();
    natively_from_inside();
    fifo();
    return 0;
}
