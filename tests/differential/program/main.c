/* Reading the batch, running its sequences, writing what they said. */
#include "differ.h"
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#define PER_SEQUENCE (4 << 20)

struct sequence {
    const char *id;
    char **lines;
    int count;
    char *said;
    size_t size;
};

_Thread_local struct worker *me;

static struct sequence *sequences;
static int sequence_count, next_sequence;
static const char *scratch;
static bool threads;
static struct { uint64_t dev, ino; char name[4]; } known[8];
static int known_count;

/* The name of a device that has one here, else its number. */
const char *device_name(uint64_t dev)
{
    static _Thread_local char text[32];
    for (int i = 0; i < known_count; i++)
        if (known[i].dev == dev)
            return known[i].name;
    snprintf(text, sizeof text, "%lx", dev);
    return text;
}

/* Whether an object is the top of one of the file systems that have a name here. */
bool is_top(uint64_t dev, uint64_t ino)
{
    for (int i = 0; i < known_count; i++)
        if (known[i].dev == dev && known[i].ino == ino && strchr("ROCTP", known[i].name[0]))
            return true;
    return false;
}

static void name_device(const char *path, const char *name)
{
    struct stat s;
    if (stat(path, &s) == 0) {
        known[known_count].dev = s.st_dev;
        known[known_count].ino = s.st_ino;
        strcpy(known[known_count++].name, name);
    }
}

static char *read_all(const char *path)
{
    int fd = open(path, O_RDONLY);
    struct stat s;
    if (fd < 0 || fstat(fd, &s) < 0) {
        perror(path);
        exit(3);
    }
    char *text = malloc((size_t)s.st_size + 1);
    ssize_t n = read(fd, text, (size_t)s.st_size);
    text[n < 0 ? 0 : n] = 0;
    close(fd);
    return text;
}

static void parse(char *text)
{
    int lines = 1, at = 0;
    for (char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    char **all = calloc((size_t)lines + 1, sizeof *all);
    sequences = calloc((size_t)lines + 1, sizeof *sequences);
    for (char *one; (one = strsep(&text, "\n"));) {
        if (!strncmp(one, "seq ", 4))
            sequences[sequence_count++] = (struct sequence){one + 4, all + at, 0, NULL, 0};
        else if (*one && sequence_count)
            all[at++] = one, sequences[sequence_count - 1].count++;
    }
}

static void *map_memory(size_t size, int flags)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        perror("mmap");
        exit(3);
    }
    return p;
}

static struct worker *new_worker(void)
{
    struct worker *w = calloc(1, sizeof *w);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    w->shared = map_memory(sizeof *w->shared + PER_SEQUENCE, MAP_SHARED);
    w->capacity = PER_SEQUENCE;
    w->arena = map_memory(ARENA_SIZE, MAP_PRIVATE);
    for (int i = 0; i < ZONES; i++) {
        w->zone[i] = map_memory(ZONE_SIZE + page, MAP_PRIVATE);
        mprotect(w->zone[i] + ZONE_SIZE, page, PROT_NONE); /* mapped, so that no other thread's mmap gets the place */
    }
    return w;
}

/* A new table of descriptors: what can be copied to is on a file system of the sequence's own, not where the cache lies,
 * and the sequence before may have closed anything. */
static void null_streams(void)
{
    syscall(SYS_close_range, 0, ~0u, 0);
    for (int fd = 0; fd < 3; fd++)
        if (open("/dev/null", O_RDWR) != fd)
            _exit(4);
}

static void start_sequence(const struct sequence *s)
{
    char place[PATH_MAX];
    me->shared->used = 0;
    me->shared->ids = 0;
    me->cookies = 0;
    me->listed[0] = me->listed[1] = 0;
    for (int i = 0; i < SLOTS; i++)
        me->slot[i] = -1;
    snprintf(place, sizeof place, "%s/%s", scratch, s->id);
    umask(022);
    if (chdir(place) != 0) {
        perror(place);
        exit(3);
    }
    null_streams();
}

/* In a child of its own: whatever it does to itself ends with it. */
static void run_forked(struct sequence *s)
{
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        setpgid(0, 0);
        alarm(PATIENCE);
        start_sequence(s);
        pp_run_lines(s->lines, s->count, 0);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (status)
        pp_say("ended by %x\n", status);
    kill(-pid, SIGKILL);
}

/* In this thread, among others that do the same: working directory, umask and descriptors are its own. */
static void run_here(struct sequence *s)
{
    start_sequence(s);
    pp_run_lines(s->lines, s->count, 0);
}

static void *work(void *unused)
{
    me = new_worker();
    if (threads && unshare(CLONE_FS | CLONE_FILES) != 0)
        exit(3);
    for (int i; (i = __atomic_fetch_add(&next_sequence, 1, __ATOMIC_RELAXED)) < sequence_count;) {
        struct sequence *s = &sequences[i];
        me->shared->used = 0;
        if (threads)
            run_here(s);
        else
            run_forked(s);
        s->size = me->shared->used;
        s->said = malloc(s->size);
        memcpy(s->said, me->shared->out, s->size);
    }
    return unused;
}

static int prepare_all(void)
{
    char place[PATH_MAX];
    for (int i = 0; i < sequence_count; i++) {
        snprintf(place, sizeof place, "%s/%s", scratch, sequences[i].id);
        pp_prepare(place);
    }
    return 0;
}

int main(int argc, char **argv)
{
    pthread_t thread[64];
    int workers = argc > 4 ? atoi(argv[4]) : 1;
    if (argc < 5 || workers > (int)COUNT(thread))
        return 2;
    scratch = argv[3];
    threads = workers > 1;
    signal(SIGPIPE, SIG_IGN);
    /* A signal that is ignored is thrown away, but not under a tracer: there it may cut a getdents short. */
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    name_device("/", "T");
    name_device("/proc", "P");
    name_device("/cvmfs", "C");
    name_device("/cvmfs/diff.parrot.test", "R");
    name_device("/cvmfs/other.parrot.test", "O");
    name_device(scratch, "S");
    parse(read_all(argv[1]));
    if (workers == 0)
        return prepare_all();
    if (threads) {
        if (chdir("/") != 0) /* what /proc/self/cwd is for all of them, and nobody may write there */
            return 3;
        for (int i = 0; i < workers; i++)
            pthread_create(&thread[i], NULL, work, NULL);
        for (int i = 0; i < workers; i++)
            pthread_join(thread[i], NULL);
    } else {
        work(NULL);
    }
    FILE *file = fopen(argv[2], "w");  /* only now: no sequence is to find a descriptor of ours */
    if (!file)
        return 3;
    for (int i = 0; i < sequence_count; i++) {
        fprintf(file, "seq %s\n", sequences[i].id);
        fwrite(sequences[i].said, 1, sequences[i].size, file);
    }
    return fclose(file) ? 3 : 0;
}
