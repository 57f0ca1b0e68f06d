/* Asking again: an answer that was true a moment ago must not be given when a native link, a directory descriptor, the
 * working directory or a native file behind a link of the tree has changed in between. */
#include "canon.h"

static char here[PATH_MAX];

/* Ask three times: what is remembered from the first time answers the later ones. */
static void ask(const char *what, const char *path)
{
    struct stat s;
    char text[PATH_MAX];
    for (int i = 0; i < 3; i++) {
        long rv = syscall(SYS_newfstatat, AT_FDCWD, path, &s, 0);
        if (i == 0 || rv < 0)
            told(rv, "%s", what);
        if (rv == 0 && i == 0)
            say("   %s of %lld, mine %d", kind(s.st_mode), S_ISREG(s.st_mode) ? (long long)s.st_size : 0LL, mine(&s));
        told(syscall(SYS_faccessat, AT_FDCWD, path, W_OK), "   writable");
        told(syscall(SYS_readlink, path, text, sizeof text), "   readlink");
        told(syscall(SYS_readlinkat, AT_FDCWD, path, text, (size_t)3), "   readlinkat");
        int fd = quiet_open(path, O_RDONLY | O_NONBLOCK);
        told(fd, "   open");
        if (fd >= 0 && S_ISREG(s.st_mode))
            say_content("   content", fd);
        if (fd >= 0)
            close(fd);
    }
}

static const char *own(const char *name)
{
    static char buffers[4][PATH_MAX + 64];
    static int next;
    char *p = buffers[next++ % 4];
    snprintf(p, sizeof buffers[0], "%s/%s", here, name);
    return p;
}

static void repoint(const char *to)
{
    unlink("sw");
    MUST(symlink(to, "sw") == 0);
}

static void native_links(void)
{
    repoint(in("dir"));
    ask("relative through my link", "sw/file");
    ask("absolute through my link", own("sw/file"));
    ask("the link itself, followed", "sw");
    repoint(in("same"));
    ask("elsewhere: gone", "sw/file");
    ask("elsewhere: absolute, gone", own("sw/file"));
    ask("elsewhere: there", "sw/one");
    repoint("/usr/include");
    ask("outside", "sw/stdio.h");
    ask("outside: gone", own("sw/one"));
    repoint("nowhere");
    ask("nowhere", "sw/stdio.h");
    ask("nowhere", own("sw"));
    unlink("sw");
    ask("nothing", "sw/file");
    repoint(in("links/dir"));
    ask("again", "sw/file");
    MUST(rename("sw", "moved") == 0);
    ask("moved away", "sw/file");
    ask("moved", "moved/file");
    MUST(mkdir("sw", 0755) == 0 && close(creat("sw/file", 0600)) == 0);
    ask("a directory of mine instead", "sw/file");
    MUST(unlink("sw/file") == 0 && rmdir("sw") == 0);
}

/* A native file that is reached through a link of the tree belongs to the kernel, and changes. */
static void through_the_tree(void)
{
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s%s/changing", in("links/top"), here);
    ask("not yet", path);
    int fd = open("changing", O_RDWR | O_CREAT | O_EXCL, 0644);
    MUST(write(fd, "one", 3) == 3);
    ask("one", path);
    MUST(write(fd, "two", 3) == 3);
    ask("one and two", path);
    MUST(fchmod(fd, 0400) == 0);
    ask("read-only", path);
    told(syscall(SYS_openat, AT_FDCWD, path, O_RDWR), "for both");
    MUST(unlink("changing") == 0);
    ask("removed", path);
    MUST(mkdir("changing", 0755) == 0);
    ask("a directory", path);
    MUST(rmdir("changing") == 0);
    MUST(symlink(in("hello.txt"), "changing") == 0);
    ask("a link back", path);
    MUST(unlink("changing") == 0);
    close(fd);
}

static void working_directory(void)
{
    static const char *const places[] = { "dir", "same", "dir", "hard", "links", "dir/sub" };
    for (size_t i = 0; i < COUNT(places); i++) {
        MUST(chdir(in(places[i])) == 0);
        say("in %s", places[i]);
        ask("file", "file");
        ask("one", "one");
        ask("./../hello.txt", "./../hello.txt");
        ask("through /proc/self/cwd", "/proc/self/cwd/file");
        ask("through /proc/thread-self/cwd", "/proc/thread-self/cwd/one");
        pid_t pid = fork();
        if (pid == 0) {
            ask("child", "/proc/self/cwd/file");
            MUST(chdir(in("same")) == 0);
            ask("child elsewhere", "/proc/self/cwd/file");
            ask("child elsewhere", "/proc/self/cwd/one");
            ask("child elsewhere", "one");
            _exit(0);
        }
        say_wait("child", pid);
    }
    MUST(chdir(here) == 0);
    ask("at home", "file");
    ask("at home", "/proc/self/cwd/one");
}

static void descriptors(void)
{
    static const char *const places[] = { "dir", "same", "dir", "hard" };
    struct stat s;
    int fd = quiet_open(in("dir"), O_RDONLY), native = quiet_open("/usr/include", O_RDONLY);
    for (size_t i = 0; i < COUNT(places); i++) {
        int other = quiet_open(in(places[i]), i % 2 ? O_PATH : O_RDONLY);
        MUST(dup2(other, fd) == fd && close(other) == 0);
        for (int n = 0; n < 3; n++) {
            told(syscall(SYS_newfstatat, fd, "one", &s, 0), "%s: one", places[i]);
            told(syscall(SYS_newfstatat, fd, "file", &s, 0), "%s: file", places[i]);
            told(syscall(SYS_newfstatat, fd, "a", &s, AT_SYMLINK_NOFOLLOW), "%s: a", places[i]);
            MUST(syscall(SYS_fstat, fd, &s) == 0);
            say("   %lld", (long long)s.st_mtim.tv_sec);
        }
    }
    MUST(dup2(native, fd) == fd);
    told(syscall(SYS_newfstatat, fd, "one", &s, 0), "native: one");
    told(syscall(SYS_newfstatat, fd, "stdio.h", &s, 0), "native: stdio.h");
    close(fd), close(native);
}

static void refusals(void)
{
    static const char *const names[] = { "unreadable", "noexec-dir/file", "noread-dir", "missing", "hello.txt/x", "links/loop", "links/dangling", "private", "fifo" };
    for (size_t i = 0; i < COUNT(names); i++)
        ask(names[i], in(names[i]));
    for (int i = 0; i < 3; i++) {
        told(syscall(SYS_openat, AT_FDCWD, in("hello.txt"), O_RDWR), "for both");
        told(syscall(SYS_openat, AT_FDCWD, in("hello.txt"), O_RDONLY | O_TRUNC), "truncating");
        told(syscall(SYS_openat, AT_FDCWD, in("hello.txt"), O_RDONLY | O_DIRECTORY), "as a directory");
        told(syscall(SYS_openat, AT_FDCWD, in("links/file"), O_RDONLY | O_NOFOLLOW), "not following");
        int fd = quiet_open(in("hello.txt"), O_RDONLY | O_CLOEXEC);
        say("close on exec %d", fcntl(fd, F_GETFD));
        close(fd);
    }
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    MUST(getcwd(here, sizeof here));
    native_links();
    through_the_tree();
    working_directory();
    descriptors();
    refusals();
    return 0;
}
