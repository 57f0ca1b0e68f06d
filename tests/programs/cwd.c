/* chdir, fchdir, getcwd and relative names, inside the tree, outside it, and across its border in both directions. */
#include "canon.h"

static void where(const char *what)
{
    char buffer[PATH_MAX];
    memset(buffer, '#', sizeof buffer);
    long n = syscall(SYS_getcwd, buffer, sizeof buffer);
    if (n < 0)
        say("%s: getcwd %s", what, errname(errno));
    else
        say("%s: in %s, %ld bytes, NUL at its end %d", what, buffer, n, n == (long)strlen(buffer) + 1);
}

static void go(const char *to)
{
    told(syscall(SYS_chdir, to), "chdir %s", *to == '/' ? "(absolute)" : to);
    where(to);
}

static void peek(const char *rel)
{
    struct stat s;
    int fd = quiet_open(rel, O_RDONLY);
    told(fd, "   open %s", rel);
    if (fd >= 0 && !fstat(fd, &s) && S_ISREG(s.st_mode))
        say_content("   content", fd);
    if (fd >= 0)
        close(fd);
}

static void chdirs(void)
{
    static const char *const steps[] = { "dir", "sub", "..", "../links/up", "links/dir/sub", "../../links/self/links", "loop", "dangling", "file",
                                         "out-dir", "linux", "..", "/", "tmp", "..", "missing", "etc/../tmp", "" };
    go(root);
    for (size_t i = 0; i < COUNT(steps); i++)
        go(steps[i]);
    static const char *const absolute[] = { "hello.txt", "missing", "missing/x", "emptydir", "emptydir/", "links/dir/../..", "links/top", "noexec-dir",
                                            "noread-dir", "nested", "deep/d/d/d/d", "names/with blank", "dir/./sub//.//", "fifo", "links/abs-dir" };
    for (size_t i = 0; i < COUNT(absolute); i++)
        go(in(absolute[i]));
}

static void small_buffers(void)
{
    char buffer[PATH_MAX];
    MUST(chdir(in("dir")) == 0);
    size_t need = strlen(in("dir")) + 1;
    memset(buffer, '#', sizeof buffer);
    told(syscall(SYS_getcwd, buffer, need - 1), "getcwd one byte short");
    say("untouched: %d", buffer[0] == '#');
    told(syscall(SYS_getcwd, buffer, need), "getcwd just enough");
    say("and nothing behind it: %d", buffer[need] == '#');
    told(syscall(SYS_getcwd, buffer, 0), "getcwd 0");
    told(syscall(SYS_getcwd, NULL, 4096), "getcwd NULL");
    told(syscall(SYS_getcwd, (char *)16, 4096), "getcwd bad pointer");
    char *allocated = getcwd(NULL, 0);
    say("getcwd(NULL, 0): %s", allocated ? allocated : errname(errno));
    free(allocated);
}

static void fchdirs(void)
{
    int top = quiet_open(in(""), O_RDONLY), sub = quiet_open(in("dir/sub"), O_RDONLY | O_DIRECTORY), file = quiet_open(in("hello.txt"), O_RDONLY);
    int path = quiet_open(in("emptydir"), O_PATH), tmp = quiet_open("/tmp", O_RDONLY), link = quiet_open(in("links/dir"), O_PATH | O_NOFOLLOW);
    int noexec = quiet_open(in("noexec-dir"), O_RDONLY);
    struct { int fd; const char *name; } each[] = { { sub, "sub" }, { top, "top" }, { path, "O_PATH" }, { tmp, "tmp" }, { file, "file" }, { link, "link" },
                                                    { sub, "sub" }, { 999, "bad" }, { noexec, "noexec" }, { tmp, "tmp" } };
    for (size_t i = 0; i < COUNT(each); i++) {
        told(syscall(SYS_fchdir, each[i].fd), "fchdir %s", each[i].name);
        where(each[i].name);
    }
    close(top), close(sub), close(file), close(path), close(tmp), close(link), close(noexec);
}

static void across(void)
{
    char up[64] = "", name[PATH_MAX];
    MUST(chdir(in("dir/sub")) == 0);
    static const char *const names[] = { "leaf", "./leaf", "../file", "../../hello.txt", "../../links/abs", "../../../../../../../../dev/null",
                                         "../../../../usr/include/stdio.h", "../../../../etc/missing", "leaf/..", "", ".", ".." };
    for (size_t i = 0; i < COUNT(names); i++)
        peek(names[i]);
    MUST(chdir("/usr/include") == 0);
    for (const char *p = "usr/include"; p; p = strchr(p + 1, '/'))
        strcat(up, "../");
    snprintf(name, sizeof name, "%s%s/hello.txt", up, root + 1);
    int fd = quiet_open(name, O_RDONLY);
    if (told(fd, "from outside, relative") >= 0)
        say_content("   content", fd), close(fd);
    snprintf(name, sizeof name, "%s%s", up, root + 1);
    told(chdir(name), "chdir into it, relative");
    where("inside");
    peek("hello.txt");
    told(chdir("../.."), "chdir ../..");
    where("outside");
    peek("usr/include/stdio.h");
}

/* The working directory is the process's own, is inherited over fork, and is shared by threads only. */
static void inherited(void)
{
    MUST(chdir(in("dir")) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        where("child");
        peek("file");
        MUST(chdir("sub") == 0);
        where("child, deeper");
        execl("/bin/sh", "sh", "-c", "pwd; pwd -P; cat leaf; cd ..; pwd", (char *)0);
        _exit(9);
    }
    say_wait("child", pid);
    where("parent");
    char link[PATH_MAX];
    long n = readlink("/proc/self/cwd", link, sizeof link);
    say("/proc/self/cwd: %.*s", (int)(n < 0 ? 0 : n), link);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    chdirs();
    small_buffers();
    fchdirs();
    across();
    inherited();
    return 0;
}
