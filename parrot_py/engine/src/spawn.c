/* Making the engine, starting the job's first process, and reading the results. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pp.h"

#define OPTIONS                                                                                                       \
    (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |      \
     PTRACE_O_TRACEEXEC)

/* A new engine that owns the calling thread's tracees.  NULL when memory is out or the table is impossible. */
struct pp_engine *pp_new(const struct pp_call *calls, int count, int use_seccomp)
{
    struct pp_engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->calls = calloc((size_t)count, sizeof *calls);
    e->per_call = calloc((size_t)count, sizeof *e->per_call);
    if (!e->calls || !e->per_call) {
        pp_free(e);
        return NULL;
    }
    memcpy(e->calls, calls, (size_t)count * sizeof *calls);
    e->call_count = count;
    e->use_seccomp = use_seccomp;
    e->owner = (pid_t)syscall(SYS_gettid);
    e->status_pipe = -1;
    memset(e->by_nr, -1, sizeof e->by_nr);
    pp_note_proc(e);
    for (int i = 0; i < PP_ABIS * count; i++) {
        int abi = i / count, nr = calls[i % count].nr[abi];
        if (nr < 0)
            continue;
        if (nr >= PP_NR_LIMIT || e->by_nr[abi][nr] >= 0) {
            pp_free(e);
            return NULL;
        }
        e->by_nr[abi][nr] = (short)(i % count);
    }
    return e;
}

void pp_free(struct pp_engine *e)
{
    pp_release_signals(e);
    pp_drop_all(e);
    pp_forget_prefixes(e);
    if (e->status_pipe >= 0)
        close(e->status_pipe);
    pp_warm_clear(e);
    pp_forget_guise(e);
    free(e->calls);
    free(e->per_call);
    free(e->queue);
    free(e);
}

/* Whether this process may install seccomp filters: the kernel looks at the (bad) pointer only if it knows the mode. */
int pp_seccomp_available(void)
{
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1 && errno == EFAULT;
}

/* Let all threads of this process share one heap.  Each gets one of its own otherwise, 64 MiB of address space whatever
 * it uses of that: too much under `ulimit -v`. */
void pp_share_heap(void)
{
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1);
#endif
}

/* Where our objects and placeholder directories live: a descriptor of the job that leads there is ours. */
int pp_set_session(struct pp_engine *e, const char *dir, int len)
{
    if (len >= (int)sizeof e->session)
        return -ENAMETOOLONG;
    memcpy(e->session, dir, (size_t)len);
    e->session[len] = 0;
    e->session_len = len;
    return 0;
}

/* Show Python the calls with native paths, too.  Before the job starts. */
void pp_set_recorded(struct pp_engine *e) { e->recorded = true; }
void pp_set_merge_dirs(struct pp_engine *e, int merge_root) { e->merge_root = merge_root; }
void pp_set_host_lookup(struct pp_engine *e, int on) { e->host_lookup = on; }

/* What the first process was at. */
enum step { EXEC, FILTER, DIRECTORY, LIMITS };

struct failure {
    int step; /* enum step */
    int error;
};

static void fail(int pipe, enum step step)
{
    struct failure f = {step, errno};
    ssize_t ignored = write(pipe, &f, sizeof f); /* the exit status tells the same, less precisely */
    (void)ignored;
    _exit(step == EXEC && f.error == ENOENT ? 127 : 126);
}

/* What Python and the tracer have changed for themselves becomes again what the caller had set.  0, or -1 where a limit
 * is refused. */
static int give_back(const struct pp_given *given)
{
    static const int changed[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
    struct sigaction ask;
    for (size_t i = 0; i < sizeof changed / sizeof changed[0]; i++)
        signal(changed[i], given && given->ignored >> (changed[i] - 1) & 1 ? SIG_IGN : SIG_DFL);
    if (sigaction(SIGINT, NULL, &ask) == 0 && ask.sa_handler != SIG_IGN)
        signal(SIGINT, SIG_DFL);
    if (!given)
        return 0;
    umask((mode_t)given->umask);
    for (int i = 0; i < given->limit_count; i++) {
        struct rlimit limit = {given->limits[i].soft, given->limits[i].hard};
        if (setrlimit((__rlimit_resource_t)given->limits[i].resource, &limit) != 0)
            return -1;
    }
    return 0;
}

/* The first process: wait until it is traced, filter itself, become the job.  Never returns. */
static void child(const struct pp_engine *e, const struct sock_fprog *filter, int go, int status, const char *file,
                  char *const *argv, char *const *envp, const struct pp_given *given, const char *directory)
{
    char byte;
    if (read(go, &byte, 1) != 1)
        _exit(126);
    if (give_back(given) != 0)
        fail(status, LIMITS);
    if (filter->filter && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
                           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter, 0, 0) != 0))
        fail(status, FILTER);
    if (directory && chdir(directory) != 0) /* traced already: it may be one of ours */
        fail(status, DIRECTORY);
    pthread_sigmask(SIG_SETMASK, &e->old_mask, NULL);
    execvpe(file, argv, envp);
    fail(status, EXEC);
}

static void abandon(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
}

/* Start the job.  given: what it is to have back, or NULL; directory: where it begins, as it sees that, or NULL.  Its
 * pid, or -errno: -EPERM when tracing is forbidden here. */
int pp_spawn(struct pp_engine *e, const char *file, char *const *argv, char *const *envp, const struct pp_given *given,
             const char *directory)
{
    int go[2], status[2];
    struct sock_fprog filter = {0, NULL};
    int error = e->use_seccomp ? pp_build_filter(e, &filter) : 0;
    if (error)
        return error;
    if (pipe2(go, O_CLOEXEC) != 0)
        return -errno;
    if (pipe2(status, O_CLOEXEC) != 0)
        return -errno;
    pp_block_signals(e);
    e->born_confined = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    e->born_filtered = prctl(PR_GET_SECCOMP, 0, 0, 0, 0) > 0;
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        child(e, &filter, go[0], status[1], file, argv, envp, given, directory);
    }
    error = -errno;
    close(go[0]);
    close(status[1]);
    free(filter.filter);
    e->status_pipe = status[0];
    if (pid > 0) {
        e->options = OPTIONS | (e->use_seccomp ? PTRACE_O_TRACESECCOMP : 0);
        error = pp_ptrace(e, PTRACE_SEIZE, pid, NULL, (void *)e->options) == 0 ? 0 : -errno;
        if (!error && !e->use_seccomp && pp_ptrace(e, PTRACE_INTERRUPT, pid, NULL, NULL) != 0)
            error = -errno;
        struct tracee *first = error ? NULL : pp_add(e, pid, pp_mm_new());
        if (first) {
            first->fresh = false; /* unlike those that are born seized it makes no stop for that */
            first->persona = 0;
            pp_join_group(e, first, pid);
        } else if (!error) {
            error = -ENOMEM;
        }
        if (error)
            abandon(pid);
        else if (write(go[1], "", 1) != 1)
            error = -errno;
    }
    close(go[1]);
    if (error)
        return error;
    e->root = pid;
    return pid;
}

/* Wait status of the job's first process; meaningful after PP_DONE. */
int pp_root_status(const struct pp_engine *e) { return e->root_status; }

/* At which step (enum step) the start of the job's first program failed, and with which errno: 0 when it did not. */
int pp_start_failure(const struct pp_engine *e, int *error)
{
    struct failure f = {EXEC, 0};
    if (e->status_pipe >= 0 && read(e->status_pipe, &f, sizeof f) != (ssize_t)sizeof f)
        f.error = 0;
    *error = f.error;
    return f.step;
}

unsigned long long pp_counter(const struct pp_engine *e, int which)
{
    return which >= 0 && which < PP_C_COUNT ? e->counters[which] : 0;
}

unsigned long long pp_call_count(const struct pp_engine *e, int index)
{
    return index >= 0 && index < e->call_count ? e->per_call[index] : 0;
}

int pp_tracees(const struct pp_engine *e) { return e->tracees; }
