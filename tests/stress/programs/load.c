/* Load on a tracer, with every answer checked: load WHAT TREE COUNT SECONDS.
 *
 * The tree holds d/f0000 … d/fNNNN, each of 4096 bytes that begin with its own number, a directory list with ten names
 * and a program run that ends with status 7.  FILES in the environment tells how many files there are.
 *
 * threads    COUNT threads make path calls, on names of the tree and of the host
 * processes  COUNT processes at once, each new after a short life of calls, forks and programs
 * storm      the same, and all of them are killed, stopped and continued at random
 * sleepers   COUNT processes that have the tree open and wait until all are there and SIGUSR1 comes */
#include "canon.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

enum { MOST = 4096, LIFE = 40 };

/* Shared by all processes of the load. */
static struct shared {
    atomic_long calls, wrong, lives, programs, signals;
    atomic_int reported, ends;
    char first[200];
} *shared;

static long files;
static double end;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int over(void) { return atomic_load(&shared->ends) || now() > end; }

static unsigned draw(unsigned *seed, unsigned below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed % below;
}

/* Note one answer; of the wrong ones the first is kept in words. */
static void check(int right, const char *what, const char *path)
{
    int e = errno;
    atomic_fetch_add(&shared->calls, 1);
    if (right)
        return;
    atomic_fetch_add(&shared->wrong, 1);
    if (atomic_exchange(&shared->reported, 1) == 0)
        snprintf(shared->first, sizeof shared->first, "%s %s: %s", what, path, errname(e));
}

static void look_at_file(unsigned *seed)
{
    char path[PATH_MAX], text[16];
    struct stat s, t;
    unsigned n = draw(seed, (unsigned)files);
    snprintf(path, sizeof path, "%s/d/f%04u", root, n);
    int fd = quiet_open(path, O_RDONLY | O_CLOEXEC);
    check(fd >= 0, "open", path);
    if (fd < 0)
        return;
    check(read(fd, text, 4) == 4 && memcmp(text, path + strlen(path) - 4, 4) == 0, "read", path);
    check(fstat(fd, &s) == 0 && s.st_size == 4096, "fstat", path);
    check(stat(path, &t) == 0 && t.st_ino == s.st_ino && t.st_dev == s.st_dev, "stat", path);
    close(fd);
}

static void look_elsewhere(unsigned *seed)
{
    char path[PATH_MAX], buffer[4096];
    struct stat s;
    snprintf(path, sizeof path, "%s/d/none-%u", root, draw(seed, 1000000));
    check(stat(path, &s) < 0 && errno == ENOENT, "stat", path);
    check(stat("/etc/passwd", &s) == 0 && S_ISREG(s.st_mode), "stat", "/etc/passwd");
    check(access("/no/such/name", F_OK) < 0 && errno == ENOENT, "access", "/no/such/name");
    int fd = quiet_open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    check(fd >= 0 && read(fd, buffer, 1) == 1 && close(fd) == 0, "open", "/etc/passwd");
    snprintf(path, sizeof path, "%s/list", root);
    fd = quiet_open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    long n, names = 0;
    while (fd >= 0 && (n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < n; at += *(unsigned short *)(buffer + at + 16))
            names++;
    check(fd >= 0 && names == 12 && close(fd) == 0, "list", path);
    check(mkdir(path, 0755) < 0 && errno == EEXIST, "mkdir", path);
}

static void move(unsigned *seed, int alone)
{
    char path[PATH_MAX], here[PATH_MAX];
    struct stat s;
    snprintf(path, sizeof path, "%s/%s", root, draw(seed, 2) ? "d" : "list");
    if (!alone)
        return;
    check(chdir(path) == 0, "chdir", path);
    check(syscall(SYS_getcwd, here, sizeof here) > 0 && strcmp(here, path) == 0, "getcwd", path);
    check(stat("../run", &s) == 0 && s.st_mode & 0100, "stat", "../run");
}

static void run_program(unsigned *seed)
{
    char path[PATH_MAX];
    int status;
    char *const argv[] = { "run", NULL };
    snprintf(path, sizeof path, "%s/run", root);
    pid_t pid = draw(seed, 2) ? fork() : vfork();
    if (pid == 0) {
        execv(path, argv);
        _exit(1);
    }
    if (pid < 0)
        return;
    while (waitpid(pid, &status, 0) != pid)
        ;
    atomic_fetch_add(&shared->programs, 1);
    /* In a storm the program may be killed, too. */
    check((WIFEXITED(status) && WEXITSTATUS(status) == 7) || WIFSIGNALED(status), "program", path);
}

static void *thread(void *argument)
{
    unsigned seed = 17 + 7919 * (unsigned)(size_t)argument;
    while (!over()) {
        look_at_file(&seed);
        look_elsewhere(&seed);
    }
    return NULL;
}

static void threads(int count)
{
    static pthread_t t[MOST];
    for (int i = 0; i < count; i++)
        MUST(pthread_create(&t[i], NULL, thread, (void *)(size_t)i) == 0);
    for (int i = 0; i < count; i++)
        MUST(pthread_join(t[i], NULL) == 0);
}

static void *beside(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument | 1;
    for (int i = 0; i < LIFE; i++)
        look_at_file(&seed);
    return NULL;
}

/* One short life: calls, sometimes another thread, sometimes a program instead of the rest of it. */
static void live(unsigned seed)
{
    char path[PATH_MAX];
    pthread_t t;
    int both = draw(&seed, 4) == 0 && pthread_create(&t, NULL, beside, (void *)(size_t)seed) == 0;
    for (int i = 0; i < LIFE && !over(); i++) {
        look_at_file(&seed);
        look_elsewhere(&seed);
        move(&seed, 1);
        if (draw(&seed, 30) == 0)
            run_program(&seed);
    }
    if (draw(&seed, 3) == 0) {
        char *const argv[] = { "run", NULL };
        snprintf(path, sizeof path, "%s/run", root);
        execv(path, argv);
        check(0, "exec", path);
    }
    if (both)
        pthread_join(t, NULL);
    _exit(7);
}

static pid_t pids[MOST];

static void born(int i, unsigned *seed)
{
    unsigned own = draw(seed, 1U << 30) | 1;
    pid_t pid = fork();
    if (pid == 0)
        live(own);
    pids[i] = pid > 0 ? pid : 0;
    atomic_fetch_add(&shared->lives, pid > 0);
}

/* Something happens to one of them. */
static void befall(int count, unsigned *seed)
{
    static const int what[] = { SIGKILL, SIGSTOP, SIGCONT, SIGSTOP, SIGCONT, SIGCONT, SIGTSTP, SIGTERM };
    pid_t pid = pids[draw(seed, (unsigned)count)];
    if (pid > 0)
        atomic_fetch_add(&shared->signals, kill(pid, what[draw(seed, COUNT(what))]) == 0);
}

static void crowd(int count, int stormy)
{
    unsigned seed = 4711;
    int status;
    for (int i = 0; i < count; i++)
        born(i, &seed);
    while (!over()) {
        pid_t pid;
        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
            for (int i = 0; i < count; i++)
                if (pids[i] == pid) {
                    check((WIFEXITED(status) && WEXITSTATUS(status) == 7) || (stormy && WIFSIGNALED(status)), "life", "");
                    born(i, &seed);
                }
        if (stormy)
            befall(count, &seed);
        usleep(stormy ? 300 : 2000);
    }
    atomic_store(&shared->ends, 1);
    for (int i = 0; i < count && stormy; i += 2)
        if (pids[i] > 0)
            kill(pids[i], SIGKILL);
    /* A stopped child may have children of its own: they are orphans then and end by themselves. */
    for (pid_t pid; (pid = waitpid(-1, &status, WUNTRACED)) > 0;)
        if (WIFSTOPPED(status))
            kill(pid, SIGCONT);
}

static int hello[2], bye[2];

static void sleeper(int i)
{
    char byte, path[PATH_MAX], text[4];
    unsigned seed = 3 + (unsigned)i;
    look_at_file(&seed);
    move(&seed, 1);
    snprintf(path, sizeof path, "%s/d/f%04ld", root, i % files);
    int fd = quiet_open(path, O_RDONLY);
    close(bye[1]);
    MUST(write(hello[1], "x", 1) == 1 && read(bye[0], &byte, 1) == 0);
    check(read(fd, text, 4) == 4 && stat(".", &(struct stat){ 0 }) == 0, "read", path);
    _exit(7);
}

static void sleepers(int count)
{
    int right = 0, status;
    char byte;
    sigset_t looked_at;
    sigemptyset(&looked_at);
    sigaddset(&looked_at, SIGUSR1);
    MUST(sigprocmask(SIG_BLOCK, &looked_at, NULL) == 0);
    MUST(pipe(hello) == 0 && pipe(bye) == 0);
    double began = now();
    for (int i = 0; i < count; i++) {
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0)
            sleeper(i);
    }
    for (int i = 0; i < count; i++)
        MUST(read(hello[0], &byte, 1) == 1);
    say("all there, says %d", getpid());
    fprintf(stderr, "born in %.2f s\n", now() - began);
    began = now();
    unsigned seed = 99;
    for (int i = 0; i < 200; i++) {
        look_at_file(&seed);
        look_elsewhere(&seed);
    }
    fprintf(stderr, "2400 calls of one beside them in %.2f s\n", now() - began);
    MUST(sigwait(&looked_at, &status) == 0);
    began = now();
    close(bye[1]);
    for (int i = 0; i < count; i++)
        right += wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 7;
    fprintf(stderr, "gone in %.2f s\n", now() - began);
    say("ended well: %d", right);
}

static void ends(int sig UNUSED) { atomic_store(&shared->ends, 1); }

int main(int argc, char **argv)
{
    begin(argc, argv);
    MUST(argc == 5 && atoi(argv[3]) <= MOST && getenv("FILES"));
    root = argv[2];
    files = atol(getenv("FILES"));
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(shared != MAP_FAILED);
    MUST(signal(SIGUSR2, ends) != SIG_ERR);
    end = now() + atof(argv[4]);
    int count = atoi(argv[3]);
    if (!strcmp(argv[1], "threads"))
        threads(count);
    else if (!strcmp(argv[1], "sleepers"))
        sleepers(count);
    else
        crowd(count, !strcmp(argv[1], "storm"));
    say("calls %ld lives %ld programs %ld signals %ld", shared->calls, shared->lives, shared->programs, shared->signals);
    say("wrong %ld %s", shared->wrong, shared->first);
    return shared->wrong != 0;
}
