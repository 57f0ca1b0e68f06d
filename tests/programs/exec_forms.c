/* execve, execveat, fexecve, posix_spawn and vfork on programs, scripts and what is neither. */
#include "canon.h"
#include <spawn.h>

static char *const env[] = { "TWIN=environment", "PATH=/usr/bin:/bin", NULL };

static const char *const files[] = {
    "bin/report-static", "bin/report-dynamic", "bin/report-own-loader", "bin/exec-only",
    "bin/report32-static", "bin/report32-dynamic", "bin/report32-own-loader", "links/program", "links/dir/../bin/report-static",
    "bin/broken-loader", "bin/loader-is-script", "script.sh", "script-args", "script-nested", "script-nested-4", "script-nested-6", "script-missing",
    "script-interpreter-dir", "script-noexec", "script-empty", "script-text", "script-crlf", "script-blank", "script-long", "script-toolong",
    "script-own-program", "script-relative", "script-link", "script-env", "script-nonl", "script-nul", "dir", "missing", "missing/x", "hello.txt", "hello.txt/x",
    "empty", "noexec-dir/file", "links/loop", "links/dangling", "links/out-true", "fifo", "modes/4755", "modes/0000", "bin/report-static/",
    "bin/truncated-elf", "bin/foreign-elf", "",
};

static void finish(const char *what, pid_t pid)
{
    MUST(pid > 0);
    say_wait(what, pid);
}

static void plain(const char *rel)
{
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = { "zeroth", "3", "two words", "", NULL };
        syscall(SYS_execve, in(rel), argv, env);
        told(-1, "execve '%s'", rel);
        _exit(77);
    }
    finish(rel, pid);
}

static void at(int dir, const char *dirname, const char *name, int flags)
{
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = { "zeroth", "4", NULL };
        syscall(SYS_execveat, dir, name, argv, env, flags);
        told(-1, "execveat %s '%s' %#x", dirname, name, flags);
        _exit(77);
    }
    finish(name, pid);
}

static void execveats(void)
{
    int dir = quiet_open(in("bin"), O_RDONLY | O_DIRECTORY), top = quiet_open(root, O_PATH);
    int program = quiet_open(in("bin/report-static"), O_RDONLY), dynamic = quiet_open(in("bin/report-dynamic"), O_PATH);
    int script = quiet_open(in("script.sh"), O_RDONLY), closing = quiet_open(in("script.sh"), O_RDONLY | O_CLOEXEC);
    int own = quiet_open(in("bin/report-own-loader"), O_RDONLY | O_CLOEXEC);
    at(dir, "bin", "report-static", 0);
    at(dir, "bin", "../script.sh", 0);
    at(dir, "bin", "nothing", 0);
    at(dir, "bin", "", 0);
    at(top, "top", "links/program", 0);
    at(top, "top", "links/program", AT_SYMLINK_NOFOLLOW);
    at(top, "top", "bin/report-own-loader", 0);
    at(AT_FDCWD, "cwd", in("bin/report-static"), AT_SYMLINK_NOFOLLOW);
    at(999, "bad", "x", 0);
    at(program, "file", "x", 0);
    at(dir, "bin", "report-static", 0x40);
    /* The number of the descriptor is part of AT_EXECFN and of a script's name; it is the same in both runs. */
    at(program, "program", "", AT_EMPTY_PATH);
    at(dynamic, "dynamic", "", AT_EMPTY_PATH);
    at(own, "own loader", "", AT_EMPTY_PATH);
    at(script, "script", "", AT_EMPTY_PATH);
    at(closing, "script, close on exec", "", AT_EMPTY_PATH);
    close(dir), close(top), close(program), close(dynamic), close(script), close(closing), close(own);
}

/* The child speaks at once, so the parent says what posix_spawn told only when the child has ended. */
static void spawn(const char *rel)
{
    pid_t pid;
    int status = 0;
    char *argv[] = { "spawned", "5", NULL };
    int e = posix_spawn(&pid, in(rel), NULL, NULL, argv, env);
    if (!e)
        MUST(waitpid(pid, &status, 0) == pid);
    say("posix_spawn '%s': %s, %#x", rel, e ? errname(e) : "ok", (unsigned)status);
}

static void library(void)
{
    pid_t pid;
    char *argv[] = { "spawned", "5", NULL };
    spawn("bin/report-static");
    spawn("script.sh");
    spawn("missing");
    spawn("hello.txt");
    pid = vfork();
    if (pid == 0) {
        execve(in("bin/report-dynamic"), argv, env);
        _exit(78);
    }
    finish("vfork", pid);
    pid = vfork();
    if (pid == 0) {
        execve(in("missing"), argv, env);
        _exit(79);
    }
    finish("vfork of nothing", pid);
    int fd = quiet_open(in("bin/report-own-loader"), O_RDONLY);
    pid = fork();
    if (pid == 0) {
        fexecve(fd, argv, env);
        _exit(80);
    }
    finish("fexecve", pid);
    close(fd);
}

/* Descriptor 7 is inherited, 8 is closed by the exec; relative names count from the working directory in the tree. */
static void inherited(void)
{
    int fd = quiet_open(in("hello.txt"), O_RDONLY);
    MUST(dup2(fd, 7) == 7 && dup3(fd, 8, O_CLOEXEC) == 8);
    MUST(chdir(in("bin")) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        char *argv[] = { "./report-static", "6", NULL };
        execve("./report-static", argv, env);
        _exit(81);
    }
    finish("relative", pid);
    pid = fork();
    if (pid == 0) {
        char *argv[] = { "../script.sh", "7", NULL };
        execve("../script.sh", argv, env);
        _exit(82);
    }
    finish("relative script", pid);
    pid = fork();
    if (pid == 0) {
        char *argv[] = { "by the search path", "8", NULL };
        setenv("PATH", in("bin"), 1);
        execvp("report-dynamic", argv);
        _exit(83);
    }
    finish("by PATH", pid);
    close(7), close(8), close(fd);
}

static void odd_arguments(void)
{
    static char *none[] = { NULL };
    pid_t pid = fork();
    if (pid == 0) {
        told(syscall(SYS_execve, in("bin/report-static"), (char **)16, env), "argv from nowhere");
        told(syscall(SYS_execve, (char *)16, none, env), "path from nowhere");
        char *bad[] = { "x", (char *)16, NULL };
        told(syscall(SYS_execve, in("bin/report-static"), bad, env), "an argument from nowhere");
        told(syscall(SYS_execve, in("script.sh"), bad, env), "an argument from nowhere for a script");
        size_t size = 200000;
        char *huge = malloc(size), *much[] = { "x", huge, NULL };
        MUST(huge);
        memset(huge, 'h', size);
        huge[size - 1] = 0;
        told(syscall(SYS_execve, in("bin/report-static"), much, env), "one argument of 200000 bytes");
        told(syscall(SYS_execve, in("script.sh"), much, env), "one argument of 200000 bytes for a script");
        _exit(0);
    }
    finish("bad arguments", pid);
    pid = fork();
    if (pid == 0) {
        syscall(SYS_execve, in("bin/report-static"), NULL, NULL);
        told(-1, "argv and envp NULL");
        _exit(84);
    }
    finish("NULL", pid);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(files); i++)
        plain(files[i]);
    execveats();
    library();
    inherited();
    odd_arguments();
    return 0;
}
