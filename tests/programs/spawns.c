/* vfork children that do more than exec, and posix_spawn with file actions and attributes on names of the tree. */
#include "canon.h"
#include <signal.h>
#include <spawn.h>

static char *const argv_of_child[] = { "zeroth", "3", NULL };
static char *const env_of_child[] = { "TWIN=spawn", NULL };

static const char *where(void)
{
    static char buffer[PATH_MAX];
    return syscall(SYS_getcwd, buffer, sizeof buffer) > 0 ? buffer : errname(errno);
}

/* The child works in its parent's memory, on its stack, and hands back what it found. */
static void vforked(void)
{
    static struct { int fd, error, size; char here[PATH_MAX]; } found;
    struct stat s;
    int status;
    MUST(chdir("/") == 0);
    pid_t pid = vfork();
    if (pid == 0) {
        found.fd = quiet_open(in("sizes/4097"), O_RDONLY);
        found.size = fstat(found.fd, &s) == 0 ? (int)s.st_size : -1;
        found.error = chdir(in("dir")) == 0 ? 0 : errno;
        syscall(SYS_getcwd, found.here, sizeof found.here);
        execve(in("no/such/program"), argv_of_child, env_of_child);
        execve(in("hello.txt"), argv_of_child, env_of_child);
        execve("./file", argv_of_child, env_of_child);
        _exit(errno);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    say("vfork: opened %d, size %d, chdir %d, there %s, last exec %s", found.fd >= 0, found.size, found.error, found.here,
        errname(WEXITSTATUS(status)));
    say("the parent stayed: %s, descriptor %d", where(), fcntl(found.fd, F_GETFD) >= 0);
    say_content("and reads", quiet_open(in("hello.txt"), O_RDONLY));
}

static void vforked_program(const char *rel)
{
    pid_t pid = vfork();
    if (pid == 0) {
        if (chdir(in("dir/sub")) != 0 || dup2(quiet_open(in("hello.txt"), O_RDONLY), 0) != 0)
            _exit(20);
        execve(in(rel), argv_of_child, env_of_child);
        _exit(21);
    }
    say_wait(rel, pid);
    say("the parent stayed: %s", where());
}

/* vfork within vfork: two children in one address space, both waited for in turn. */
static void nested(void)
{
    static int inner_status;
    struct stat s;
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        pid_t inner = vfork();
        if (inner == 0)
            _exit(stat(in("many/f0099"), &s) == 0 ? (int)s.st_size : 9);
        if (waitpid(inner, &inner_status, 0) != inner)
            _exit(1);
        _exit(quiet_open(in("many/f0098"), O_RDONLY) >= 0 ? 4 : 5);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    say("nested: inner exit %d, outer exit %d", WEXITSTATUS(inner_status), WEXITSTATUS(status));
}

static void spawned(const char *what, const char *path, const posix_spawn_file_actions_t *actions,
                    const posix_spawnattr_t *attributes)
{
    pid_t pid;
    int error = posix_spawn(&pid, path, actions, attributes, argv_of_child, env_of_child);
    if (error)
        say("%s: %s", what, errname(error));
    else
        say_wait(what, pid);
    say("parent's directory: %s, descriptor 60: %d", where(), fcntl(60, F_GETFD) >= 0);
}

static void file_actions(void)
{
    static const char *const programs[] = { "bin/report-static", "bin/report-own-loader", "script.sh", "hello.txt" };
    posix_spawn_file_actions_t a;
    for (size_t i = 0; i < COUNT(programs); i++) {
        MUST(posix_spawn_file_actions_init(&a) == 0);
        MUST(posix_spawn_file_actions_addopen(&a, 60, in("sizes/4096"), O_RDONLY, 0) == 0);
        MUST(posix_spawn_file_actions_adddup2(&a, 60, 61) == 0 && posix_spawn_file_actions_addclose(&a, 60) == 0);
        MUST(posix_spawn_file_actions_addopen(&a, 0, in("hello.txt"), O_RDONLY, 0) == 0);
        MUST(posix_spawn_file_actions_addchdir_np(&a, in("dir/sub")) == 0);
        MUST(posix_spawn_file_actions_addopen(&a, 62, "leaf", O_RDONLY, 0) == 0);
        spawned(programs[i], in(programs[i]), &a, NULL);
        MUST(posix_spawn_file_actions_destroy(&a) == 0);
    }
    static const char *const cats[] = { "hello.txt", "links/file", "missing", "dir", "" };
    for (size_t i = 0; i < COUNT(cats); i++) {
        MUST(posix_spawn_file_actions_init(&a) == 0);
        MUST(posix_spawn_file_actions_addopen(&a, 0, in(cats[i]), O_RDONLY, 0) == 0);
        pid_t pid;
        char *const argv[] = { "cat", NULL };
        int error = posix_spawn(&pid, "/bin/cat", &a, NULL, argv, env_of_child);
        if (error)
            say("cat <%s: %s", cats[i], errname(error));
        else
            say_wait(cats[i], pid);
        MUST(posix_spawn_file_actions_destroy(&a) == 0);
    }
}

static void directories(void)
{
    static const char *const places[] = { "dir", "dir/sub/..", "missing", "hello.txt", "links/dir" };
    posix_spawn_file_actions_t a;
    char *const argv[] = { "pwd", "-P", NULL };
    pid_t pid;
    for (size_t i = 0; i < COUNT(places); i++) {
        MUST(posix_spawn_file_actions_init(&a) == 0);
        MUST(posix_spawn_file_actions_addchdir_np(&a, in(places[i])) == 0);
        int error = posix_spawn(&pid, "/bin/pwd", &a, NULL, argv, env_of_child);
        if (error)
            say("addchdir %s: %s", places[i], errname(error));
        else
            say_wait(places[i], pid);
        MUST(posix_spawn_file_actions_destroy(&a) == 0);
    }
    int fd = quiet_open(in("dir/sub"), O_RDONLY);
    MUST(posix_spawn_file_actions_init(&a) == 0 && posix_spawn_file_actions_addfchdir_np(&a, fd) == 0);
    MUST(posix_spawn(&pid, "/bin/pwd", &a, NULL, argv, env_of_child) == 0);
    say_wait("addfchdir", pid);
    MUST(posix_spawn_file_actions_destroy(&a) == 0 && close(fd) == 0);
}

static void attributes(void)
{
    posix_spawnattr_t a;
    sigset_t set;
    short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_RESETIDS;
    sigfillset(&set);
    MUST(posix_spawnattr_init(&a) == 0 && posix_spawnattr_setflags(&a, flags) == 0);
    MUST(posix_spawnattr_setpgroup(&a, 0) == 0 && posix_spawnattr_setsigmask(&a, &set) == 0);
    MUST(posix_spawnattr_setsigdefault(&a, &set) == 0);
    spawned("all attributes", in("bin/report-own-loader"), NULL, &a);
    MUST(posix_spawnattr_setflags(&a, POSIX_SPAWN_SETPGROUP) == 0 && posix_spawnattr_setpgroup(&a, 1) == 0);
    spawned("a group of others", in("bin/report-static"), NULL, &a);
#ifdef POSIX_SPAWN_SETSID
    MUST(posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSID) == 0);
    spawned("a session of its own", in("script.sh"), NULL, &a);
#endif
    MUST(posix_spawnattr_destroy(&a) == 0);
    pid_t pid;
    told(posix_spawnp(&pid, "report-nowhere", NULL, NULL, argv_of_child, env_of_child), "nowhere in PATH");
    MUST(setenv("PATH", in("bin"), 1) == 0);
    MUST(posix_spawnp(&pid, "report-static", NULL, NULL, argv_of_child, env_of_child) == 0);
    say_wait("found in PATH", pid);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    vforked();
    vforked_program("bin/report-static");
    vforked_program("bin/report-own-loader");
    vforked_program("script.sh");
    vforked_program("hello.txt");
    nested();
    file_actions();
    directories();
    attributes();
    return 0;
}
