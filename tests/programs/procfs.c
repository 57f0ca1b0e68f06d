/* What /proc tells about a process that uses the tree: cwd, exe, fd, maps; and names that lead through it. */
#include "canon.h"
#include <pthread.h>
#include <sys/mman.h>

static void link_of(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void link_of(const char *format, ...)
{
    char name[256], value[PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    memset(value, '#', sizeof value);
    long n = syscall(SYS_readlinkat, AT_FDCWD, name, value, sizeof value - 1);
    /* Process numbers differ between the runs: the digits before "fd", or all. */
    char *fd = strstr(name, "fd"), *to = name;
    for (char *p = name; *p; p++)
        if ((fd && p >= fd) || *p < '0' || *p > '9')
            *to++ = *p;
        else if (to == name || to[-1] != 'N')
            *to++ = 'N';
    *to = 0;
    if (n < 0)
        say("readlink %s: %s", name, errname(errno));
    else
        say("readlink %s: %.*s, then %c", name, (int)n, value, value[n]);
}

static void links(void)
{
    int file = quiet_open(in("hello.txt"), O_RDONLY), dir = quiet_open(in("dir"), O_RDONLY), roundabout = quiet_open(in("links/dir/../links/file"), O_RDONLY);
    int link = quiet_open(in("links/file"), O_PATH | O_NOFOLLOW), hard = quiet_open(in("hard/b"), O_RDONLY), odd = quiet_open(in("names/with blank"), O_RDONLY);
    int fds[] = { file, dir, roundabout, link, hard, odd };
    char value[16];
    for (size_t i = 0; i < COUNT(fds); i++) {
        link_of("/proc/self/fd/%d", fds[i]);
        link_of("/proc/%d/fd/%d", getpid(), fds[i]);
        link_of("/proc/thread-self/fd/%d", fds[i]);
        link_of("/dev/fd/%d", fds[i]);
    }
    MUST(chdir(in("dir/sub")) == 0);
    link_of("/proc/self/cwd");
    link_of("/proc/%d/cwd", getpid());
    link_of("/proc/%d/task/%d/cwd", getpid(), getpid());
    link_of("/proc/thread-self/cwd");
    link_of("/proc/self/root");
    told(readlink("/proc/self/cwd", value, 5), "readlink into five bytes");
    say("   %.5s", value);
    int self = quiet_open("/proc/self", O_RDONLY);
    char relative[PATH_MAX];
    long n = syscall(SYS_readlinkat, self, "cwd", relative, sizeof relative);
    say("readlinkat /proc/self, cwd: %.*s", (int)(n < 0 ? 0 : n), relative);
    MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
}

/* The links of /proc lead on, also into the tree. */
static void through(void)
{
    static const char *const paths[] = { "/proc/self/cwd/leaf", "/proc/self/cwd/../file", "/proc/self/cwd/../../hello.txt", "/proc/self/cwd/missing",
                                         "/proc/thread-self/cwd/leaf", "/proc/self/cwd", "/proc/self/cwd/", "/proc/self/fd/3/file", "/proc/self/fd/3/../hello.txt",
                                         "/dev/fd/3/sub/leaf", "/proc/self/fd/4", "/proc/self/fd/4/x", "/proc/self/fd/5" };
    struct stat s, t;
    MUST(chdir(in("dir/sub")) == 0);
    MUST(quiet_open(in("dir"), O_RDONLY) == 3 && quiet_open(in("hello.txt"), O_RDONLY) == 4 && quiet_open(in("links/file"), O_PATH | O_NOFOLLOW) == 5);
    for (size_t i = 0; i < COUNT(paths); i++) {
        int fd = quiet_open(paths[i], O_RDONLY);
        if (told(fd, "open %s", paths[i]) < 0)
            continue;
        MUST(fstat(fd, &s) == 0);
        say("   %s of %lld, as stat says: %d", kind(s.st_mode), S_ISREG(s.st_mode) ? (long long)s.st_size : 0LL, stat(paths[i], &t) == 0 && same_stat(&s, &t));
        close(fd);
    }
    MUST(lstat("/proc/self/fd/3", &s) == 0 && lstat("/proc/self/cwd", &t) == 0);
    say("they are links: %d %d", S_ISLNK(s.st_mode), S_ISLNK(t.st_mode));
    /* A descriptor opened again through /proc is a new open file. */
    MUST(lseek(4, 5, SEEK_SET) == 5);
    int fd = quiet_open("/proc/self/fd/4", O_RDONLY);
    say("a position of its own: %ld", (long)lseek(fd, 0, SEEK_CUR));
    MUST(syscall(SYS_close_range, 3, ~0U, 0) == 0);
}

static void maps(void)
{
    int fd = quiet_open(in("big.bin"), O_RDONLY);
    char line[PATH_MAX + 200];
    unsigned found = 0;
    void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    MUST(p != MAP_FAILED);
    close(fd);
    FILE *f = fopen("/proc/self/maps", "r");
    MUST(f);
    while (fgets(line, sizeof line, f))
        found += strstr(line, in("big.bin")) != NULL;
    fclose(f);
    say("the map bears its name: %u", found);
}

static void *from_thread(void *unused UNUSED)
{
    link_of("/proc/self/cwd");
    link_of("/proc/thread-self/cwd");
    return NULL;
}

static void of_others(void)
{
    int go[2], ready[2];
    char byte;
    MUST(pipe(go) == 0 && pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        MUST(chdir(in("emptydir")) == 0 && dup2(quiet_open(in("hello.txt"), O_RDONLY), 20) == 20);
        MUST(write(ready[1], "r", 1) == 1 && read(go[0], &byte, 1) == 1);
        _exit(0);
    }
    MUST(read(ready[0], &byte, 1) == 1);
    link_of("/proc/%d/cwd", pid);
    link_of("/proc/%d/fd/20", pid);
    MUST(write(go[1], "g", 1) == 1);
    say_wait("the other", pid);
}

int main(int argc, char **argv)
{
    pthread_t t;
    begin(argc, argv);
    links();
    through();
    maps();
    MUST(pthread_create(&t, NULL, from_thread, NULL) == 0 && pthread_join(t, NULL) == 0);
    of_others();
    return 0;
}
