/* Threads that leave the others' directory and descriptor table: each has its own, all at once, and /proc tells which. */
#include "canon.h"
#include <pthread.h>
#include <sched.h>

enum { THREADS = 8, ROUNDS = 60, SPARE = 50 };

static pthread_barrier_t barrier;
static unsigned wrong[THREADS];

static const char *const places[] = { "dir", "dir/sub", "many", "links", "emptydir", "same", "", "bin" };

static int says(const char *link, const char *expect)
{
    char text[PATH_MAX];
    ssize_t n = readlink(link, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    return strcmp(text, expect) == 0;
}

/* Everything here is this thread's alone; the same numbers and relative names mean something else to the others. */
static void *alone(void *argument)
{
    size_t me = (size_t)argument;
    char rel[64], text[64], expect[64], link[64], here[PATH_MAX];
    struct stat s, t;
    MUST(unshare(CLONE_FS | CLONE_FILES) == 0);
    MUST(chdir(in(places[me])) == 0);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned n = (unsigned)(me * 131 + (size_t)i * 7) % 3000;
        snprintf(rel, sizeof rel, "many/f%04u", n);
        snprintf(expect, sizeof expect, "%u\n", n % 10);
        int fd = quiet_open(in(rel), O_RDONLY);
        wrong[me] += fd < 0 || dup2(fd, SPARE) != SPARE || close(fd) != 0;
        wrong[me] += read(SPARE, text, sizeof text) != (ssize_t)strlen(expect) || memcmp(text, expect, strlen(expect)) != 0;
        wrong[me] += fstat(SPARE, &s) != 0 || stat(in(rel), &t) != 0 || s.st_ino != t.st_ino;
        snprintf(link, sizeof link, "/proc/thread-self/fd/%d", SPARE);
        wrong[me] += !says(link, in(rel));
        snprintf(link, sizeof link, "/proc/self/task/%d/cwd", (int)syscall(SYS_gettid));
        wrong[me] += !says(link, in(places[me]));
        wrong[me] += syscall(SYS_getcwd, here, sizeof here) <= 0 || strcmp(here, in(places[me])) != 0;
        wrong[me] += stat(".", &s) != 0 || stat(in(places[me]), &t) != 0 || s.st_ino != t.st_ino;
        close(SPARE);
    }
    return NULL;
}

static void all_alone(void)
{
    pthread_t t[THREADS];
    unsigned total = 0;
    MUST(pthread_barrier_init(&barrier, NULL, THREADS) == 0);
    for (size_t i = 0; i < THREADS; i++)
        MUST(pthread_create(&t[i], NULL, alone, (void *)i) == 0);
    for (size_t i = 0; i < THREADS; i++)
        MUST(pthread_join(t[i], NULL) == 0);
    for (size_t i = 0; i < THREADS; i++)
        total += wrong[i];
    say("wrong answers: %u", total);
}

static void say_link(const char *link)
{
    char text[PATH_MAX];
    ssize_t n = readlink(link, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    say("  %s: %s", link, n < 0 ? errname(errno) : text);
}

static void say_opened(const char *path)
{
    int fd = quiet_open(path, O_RDONLY);
    if (fd < 0)
        say("  open %s: %s", path, errname(errno));
    else
        say_content(path, fd);
    close(fd);
}

static void say_all(const char *who)
{
    struct stat s;
    say("%s", who);
    say_link("/proc/self/fd/50");
    say_link("/proc/thread-self/fd/50");
    say_link("/dev/fd/50");
    say_link("/proc/self/cwd");
    say_link("/proc/thread-self/cwd");
    say_opened("/proc/self/fd/50");
    say_opened("/proc/thread-self/fd/50");
    say_opened("/dev/fd/50");
    say_opened("/proc/self/cwd/file");
    say_opened("/proc/thread-self/cwd/leaf");
    told(stat("/proc/self/cwd/sub", &s), "  stat through the process's directory");
    told(stat("/proc/thread-self/cwd/sub", &s), "  stat through the thread's directory");
    told(fstat(50, &s), "  fstat");
}

/* The process is in dir with hello.txt as 50, the thread in dir/sub with the numbers given. */
static void *other_table(void *mine)
{
    MUST(unshare(CLONE_FS | CLONE_FILES) == 0 && chdir(in("dir/sub")) == 0);
    close(SPARE);
    if (mine) {
        int fd = quiet_open(mine, O_RDONLY);
        MUST(fd >= 0 && dup2(fd, SPARE) == SPARE && close(fd) == 0);
    }
    say_all("the thread");
    return NULL;
}

static void tables(const char *ours, const char *theirs)
{
    pthread_t t;
    int fd = quiet_open(ours, O_RDONLY);
    MUST(fd >= 0 && dup2(fd, SPARE) == SPARE && close(fd) == 0);
    MUST(chdir(in("dir")) == 0);
    MUST(pthread_create(&t, NULL, other_table, (void *)theirs) == 0 && pthread_join(t, NULL) == 0);
    say_all("the process");
    close(SPARE);
}

/* unshare by the first thread: now it is the others who stay. */
static void *stays(void *unused UNUSED)
{
    char here[PATH_MAX];
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    say("who stayed: %s", syscall(SYS_getcwd, here, sizeof here) > 0 ? here : errname(errno));
    say("its descriptor: %d", fcntl(SPARE, F_GETFD) >= 0);
    return NULL;
}

static void first_leaves(void)
{
    pthread_t t;
    char here[PATH_MAX];
    MUST(pthread_barrier_init(&barrier, NULL, 2) == 0 && chdir(in("many")) == 0);
    MUST(pthread_create(&t, NULL, stays, NULL) == 0);
    pthread_barrier_wait(&barrier);
    MUST(unshare(CLONE_FS | CLONE_FILES) == 0 && chdir(in("dir/sub")) == 0);
    int fd = quiet_open("leaf", O_RDONLY);
    MUST(fd >= 0 && dup2(fd, SPARE) == SPARE);
    pthread_barrier_wait(&barrier);
    MUST(pthread_join(t, NULL) == 0);
    say("who left: %s", syscall(SYS_getcwd, here, sizeof here) > 0 ? here : errname(errno));
    say_content("its descriptor", SPARE);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    all_alone();
    tables(in("hello.txt"), in("dir/sub/leaf"));
    tables("/etc/passwd", in("dir/sub/leaf"));
    tables(in("hello.txt"), "/etc/passwd");
    tables(in("hello.txt"), NULL);
    first_leaves();
    return 0;
}
