/* Every way to a link or file of /proc: whose it is, how it is spelled, what it is relative to, which call asks. */
#include "canon.h"
#include <dirent.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

struct how { uint64_t flags, mode, resolve; };

static pid_t other;
static char shown[PATH_MAX];

/* The text without process numbers, which differ from run to run; descriptors and addresses stay. */
static const char *without_pids(const char *text)
{
    char pid[2][24];
    snprintf(pid[0], sizeof pid[0], "%d", getpid());
    snprintf(pid[1], sizeof pid[1], "%d", other);
    size_t n = 0;
    while (*text && n < sizeof shown - 8) {
        int k = -1;
        for (int i = 0; i < 2; i++)
            if (n && shown[n - 1] == '/' && !strncmp(text, pid[i], strlen(pid[i])) && strchr("/", text[strlen(pid[i])]))
                k = i;
        if (k < 0) {
            shown[n++] = *text++;
            continue;
        }
        n += (size_t)sprintf(shown + n, "%s", k ? "OTHER" : "ME");
        text += strlen(pid[k]);
    }
    shown[n] = 0;
    return shown;
}

static void say_what(const char *call, const struct stat *s)
{
    static const char *const known[] = { "hello.txt", "dir", "dir/sub", "dir/sub/leaf", "dir/file", "bin/report-static", "", "." };
    struct stat t;
    for (size_t i = 0; i < COUNT(known); i++)
        if (stat(*known[i] == '.' ? "." : in(known[i]), &t) == 0 && same_stat(s, &t)) {
            say("   %s: %s", call, *known[i] ? known[i] : "the top");
            return;
        }
    MUST(stat("/proc/self", &t) == 0);
    if (S_ISDIR(s->st_mode)) {
        say("   %s: dir%s", call, s->st_dev == t.st_dev ? " of proc" : "");
        return;
    }
    say("   %s: %s %04o%s%s", call, kind(s->st_mode), s->st_mode & 07777, s->st_dev == t.st_dev ? " of proc" : "",
        S_ISREG(s->st_mode) && s->st_size == 0 ? ", empty" : "");
}

static void say_entries(int fd)
{
    DIR *d = fdopendir(dup(fd));
    unsigned count = 0, dots = 0;
    MUST(d);
    for (struct dirent *e; (e = readdir(d));)
        *e->d_name == '.' ? dots++ : count++;
    closedir(d);
    say("   entries: %s", count ? "some" : dots ? "none" : "not even itself");
}

/* One name, asked for by every call. */
static void ask(int dir, const char *name)
{
    struct stat s;
    char text[PATH_MAX];
    printf("%s\n", without_pids(name));
    if (told(syscall(SYS_newfstatat, dir, name, &s, 0), "   stat") == 0)
        say_what("stat", &s);
    if (told(syscall(SYS_newfstatat, dir, name, &s, AT_SYMLINK_NOFOLLOW), "   lstat") == 0)
        say("   lstat: %s", kind(s.st_mode));
    told(syscall(SYS_faccessat, dir, name, R_OK), "   faccessat R");
    told(syscall(SYS_faccessat2, dir, name, X_OK, AT_EACCESS), "   faccessat2 X");
    long n = syscall(SYS_readlinkat, dir, name, text, sizeof text - 1);
    if (told(n, "   readlinkat") >= 0) {
        text[n] = 0;
        say("   -> %s", strstr(text, ":[") ? "an object" : without_pids(text));
    }
    static const int flags[] = { O_RDONLY, O_PATH, O_PATH | O_NOFOLLOW, O_DIRECTORY, O_NOFOLLOW, O_RDWR };
    for (size_t i = 0; i < COUNT(flags); i++) {
        int fd = (int)syscall(SYS_openat, dir, name, flags[i] | O_NONBLOCK, 0);
        if (told(fd, "   openat %x", flags[i]) < 0)
            continue;
        MUST(fstat(fd, &s) == 0);
        say_what("is", &s);
        if (flags[i] & O_DIRECTORY)
            say_entries(fd);
        if ((n = syscall(SYS_readlinkat, fd, "", text, sizeof text - 1)) >= 0) {
            text[n] = 0;
            say("   the link itself -> %s", strstr(text, ":[") ? "an object" : without_pids(text));
        }
        close(fd);
    }
    static const int rules[] = { 0, 2 /* NO_MAGICLINKS */, 4 /* NO_SYMLINKS */ };
    for (size_t i = 0; i < COUNT(rules); i++) {
        struct how how = { O_RDONLY | O_NONBLOCK, 0, (uint64_t)rules[i] };
        int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof how);
        if (told(fd, "   openat2 %x", rules[i]) >= 0) {
            MUST(fstat(fd, &s) == 0);
            say_what("is", &s);
            close(fd);
        }
    }
}

static void ask_all(int dir, const char *before)
{
    static const char *const items[] = { "cwd", "cwd/", "cwd/leaf", "cwd/../file", "cwd/missing", "root", "root/cvmfs", "exe", "fd/10", "fd/11", "fd/11/", "fd/11/file", "fd/11/../hello.txt",
                                         "fd/10/x", "fd/12", "fd/13", "fd/99", "fd", "fdinfo", "fdinfo/10", "maps", "mounts", "comm", "ns/mnt", "./cwd", "fd/.././cwd/leaf", "fd//11//file" };
    char name[PATH_MAX];
    for (size_t i = 0; i < COUNT(items); i++) {
        snprintf(name, sizeof name, "%s%s", before, items[i]);
        ask(dir, name);
    }
}

static void spellings(void)
{
    static const char *const names[] = { "/proc//self/./fd/10", "/proc/self/fd/../cwd", "/proc/self/../self/cwd/leaf", "/./proc/self/cwd", "//proc/self/cwd/leaf", "/usr/../proc/self/cwd/leaf",
                                         "/proc/self/root/proc/self/cwd", "/proc/self/root/proc/self/cwd/leaf", "/proc/self/root/dev/fd/10", "/dev/fd/10", "/dev/fd/11/file", "/dev/./fd/11/file",
                                         "/dev/fd/../cwd/leaf", "/dev/fd", "/dev/stdin", "/dev//stdin", "/proc/self/cwd/../../links/abs", "/proc/self/fd/11/../links/out-file", "/proc/mounts" };
    for (size_t i = 0; i < COUNT(names); i++)
        ask(AT_FDCWD, names[i]);
}

static void relative(void)
{
    char name[64];
    int proc = quiet_open("/proc", O_PATH), self = quiet_open("/proc/self", O_RDONLY), fds = quiet_open("/proc/self/fd", O_RDONLY);
    snprintf(name, sizeof name, "/proc/%d", other);
    int others = quiet_open(name, O_PATH);
    MUST(proc >= 0 && self >= 0 && fds >= 0 && others >= 0);
    ask(proc, "self/cwd/leaf");
    ask(proc, "self/fd/10");
    ask(fds, "10");
    ask(fds, "11/file");
    ask(fds, "../cwd/leaf");
    ask(others, "fd/10");
    ask(others, "cwd/file");
    ask(others, "exe");
    ask_all(self, "");
    close(proc), close(self), close(fds), close(others);
}

static void entering(void)
{
    static const char *const names[] = { "/proc/self/cwd", "/proc/self/cwd/..", "/proc/self/fd/11", "/proc/self/fd/11/sub", "/proc/self/fd/10", "/proc/self/fd/12", "/proc/self/root", "/dev/fd/11", "/proc/self/fd", "/proc/self" };
    char here[PATH_MAX], name[64];
    for (size_t i = 0; i < COUNT(names); i++) {
        MUST(chdir(in("dir/sub")) == 0);
        if (told(chdir(names[i]), "chdir %s", names[i]) == 0) {
            MUST(getcwd(here, sizeof here));
            say("   %s", without_pids(here));
        }
    }
    ask(AT_FDCWD, "fd/11/file"); /* from within /proc/self */
    snprintf(name, sizeof name, "/proc/%d/cwd", other);
    told(chdir(name), "chdir to that of another process");
    MUST(getcwd(here, sizeof here));
    say("   %s", here);
    MUST(chdir(in("dir/sub")) == 0);
}

static void starting(void)
{
    static const char *const names[] = { "/proc/self/fd/15", "/dev/fd/15", "/proc/self/cwd/../../bin/report-static", "/proc/self/fd/11/../bin/report-dynamic", "/proc/self/fd/10" };
    for (size_t i = 0; i < COUNT(names); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            execl(names[i], "report", "3", (char *)NULL);
            _exit(errno == EACCES ? 101 : 102);
        }
        say_wait(names[i], pid);
    }
}

/* A link outside that leads into /proc. */
static void links_of_ours(const char *own)
{
    static const char *const targets[][2] = { { "l-maps", "/proc/self/maps" }, { "l-mounts", "/proc/mounts" }, { "l-proc", "/proc/self" }, { "l-fd", "/dev/fd" }, { "l-info", "/proc/self/fdinfo" } };
    int dir = quiet_open(own, O_PATH);
    for (size_t i = 0; i < COUNT(targets); i++)
        MUST(symlinkat(targets[i][1], dir, targets[i][0]) == 0);
    ask(dir, "l-maps");
    ask(dir, "l-mounts");
    ask(dir, "l-proc/comm");
    ask(dir, "l-proc/maps");
    ask(dir, "l-fd/10");
    ask(dir, "l-info/10");
    for (size_t i = 0; i < COUNT(targets); i++)
        unlinkat(dir, targets[i][0], 0);
    close(dir);
}

int main(int argc, char **argv)
{
    char own[PATH_MAX];
    int gate[2];
    begin(argc, argv);
    MUST(getcwd(own, sizeof own) && pipe(gate) == 0);
    MUST(chdir(in("dir/sub")) == 0 && dup2(quiet_open("/dev/null", O_RDONLY), 0) == 0);
    MUST(dup2(quiet_open(in("hello.txt"), O_RDONLY), 10) == 10 && dup2(quiet_open(in("dir"), O_RDONLY), 11) == 11);
    MUST(dup2(quiet_open(in("links/file"), O_PATH | O_NOFOLLOW), 12) == 12 && dup2(quiet_open("/usr/include/stdio.h", O_RDONLY), 13) == 13);
    MUST(dup2(quiet_open(in("bin/report-static"), O_RDONLY), 15) == 15);
    other = fork();
    if (other == 0) { /* a program of the tree that lives until we close the pipe */
        MUST(chdir(in("dir")) == 0 && dup2(gate[0], 0) == 0 && close(gate[1]) == 0);
        execl(in("lib/ld-linux-x86-64.so.2"), "loader", "/bin/cat", (char *)NULL);
        _exit(1);
    }
    char exe[64], text[PATH_MAX];
    snprintf(exe, sizeof exe, "/proc/%d/exe", other);
    for (ssize_t n = 0; !(n > 0 && strstr(text, "ld-linux")); usleep(1000)) { /* until it has become that program */
        n = readlink(exe, text, sizeof text - 1);
        text[n > 0 ? n : 0] = 0;
    }
    char who[64];
    snprintf(who, sizeof who, "/proc/%d/", getpid());
    ask_all(AT_FDCWD, "/proc/self/");
    ask_all(AT_FDCWD, "/proc/thread-self/");
    ask_all(AT_FDCWD, who);
    snprintf(who, sizeof who, "/proc/self/task/%d/", getpid());
    ask_all(AT_FDCWD, who);
    snprintf(who, sizeof who, "/proc/%d/", other);
    ask_all(AT_FDCWD, who);
    snprintf(who, sizeof who, "/proc/%d/task/%d/", other, other);
    ask_all(AT_FDCWD, who);
    relative();
    spellings();
    entering();
    starting();
    links_of_ours(own);
    close(gate[1]);
    say_wait("the other", other);
    return 0;
}
