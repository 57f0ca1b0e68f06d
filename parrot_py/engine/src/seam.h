/* The seam between the core and its Python wrapper (core.py).  This file is read twice: by the C compiler and, as the
 * declarations of the cffi module, by _build.py; so it holds plain declarations only. */

/* How a call was made.  A thread may use both: int 0x80 in a 64-bit program is a call of i386. */
enum pp_abi { PP_X86_64, PP_I386, PP_ABIS };

enum pp_kind {
    PP_PATH,    /* takes one or two paths */
    PP_FD,      /* takes a descriptor that may be ours */
    PP_DIRENTS, /* PP_FD, and a listing of a directory that holds a mount point */
    PP_CWD,     /* tells the working directory */
    PP_EXEC,    /* starts a program */
    PP_SOCKADDR, /* takes the address of a socket, which may be a path */
    PP_SOCKETCALL, /* one of many calls on sockets, with its arguments in memory */
    PP_SENDTO,  /* sends to the address of a socket, if it gives one */
    PP_SENDMSG, /* the same, with the address in a struct msghdr */
    PP_PRCTL,   /* prctl: some would take our view of the process away, or tell of us */
    PP_SECCOMP, /* filters of the job's own */
    PP_UNTRACED, /* clone: CLONE_UNTRACED would leave a child filtered with nobody to answer */
    PP_CLONE3,   /* the same, with the flags in memory */
    PP_PTRACE,   /* ptrace: the job's debuggers are served by us, since we are the one tracer that a thread can have */
    PP_REFUSE,  /* answered ENOSYS without a stop */
    PP_NOTHING, /* answered 0 without a stop */
    PP_ASKED    /* for Python, whatever its arguments */
};

/* How the warm table can answer a call; 0 where it cannot. */
enum pp_warm {
    PP_W_NONE,
    PP_W_STAT,
    PP_W_LSTAT,
    PP_W_FSTAT,
    PP_W_FSTATAT,
    PP_W_STATX,
    PP_W_ACCESS,
    PP_W_FACCESSAT,
    PP_W_FACCESSAT2,
    PP_W_READLINK,
    PP_W_READLINKAT,
    PP_W_OPEN,
    PP_W_OPENAT,
    PP_W_DIRENTS,
    PP_W_GETXATTR,
    PP_W_LGETXATTR,
    PP_W_STAT64, /* these have the struct stat64 of i386 */
    PP_W_LSTAT64,
    PP_W_FSTAT64,
    PP_W_FSTATAT64
};

/* For which treatment of a link at the end of its path a warm entry holds. */
enum { PP_FOLLOW = 1, PP_NOFOLLOW = 2 };

/* Told with them: the name is the top of a mount, which statx says. */
enum { PP_MOUNT_ROOT = 4 };

/* Whether a call follows a link at the end of a path, by the bits of an argument. */
enum pp_rule {
    PP_R_ALWAYS,
    PP_R_NEVER,
    PP_R_UNLESS, /* unless one of the bits is set */
    PP_R_IF,     /* if one of the bits is set */
    PP_R_OPEN,   /* as open does with these flags; the bits mean nothing */
    PP_R_HOW     /* the same with those of a struct open_how in memory */
};

struct pp_follow {
    int rule; /* enum pp_rule */
    int arg;
    unsigned int bits;
};

/* One line of the system-call table.  Argument positions are 0 to 5, or -1 where the call has none. */
struct pp_call {
    int nr[2]; /* by enum pp_abi; -1: that one has no such call */
    int kind;
    int path[2];
    int dirfd[2]; /* -1: relative to the working directory */
    int fd;
    int rooted; /* an absolute path may be meant relative to dirfd (openat2) */
    int warm;   /* enum pp_warm */
    struct pp_follow follow[2];
    int always; /* for Python even where nothing of ours is concerned */
};

/* A stopped thread that Python must answer exactly once: pp_answer, pp_resume, pp_restart, pp_redirect or pp_rewrite. */
struct pp_stop {
    int tid;
    unsigned int serial; /* tells this stop from a later one of a thread with the same id */
    int index;           /* of the call in the table */
    int abi;             /* enum pp_abi */
    int native;          /* nothing of ours is concerned: Python sees the call always, or is shown its names */
    int persona;         /* who the thread is taken for (PP_ASKED only): 0, or what pp_set_persona gave an ancestor */
    unsigned long long args[6];
    int path_len[2]; /* -1: no such path, or the pointer was NULL */
    int base_len[2]; /* -1: the path is absolute; else base says what dirfd or the working directory is */
    char path[2][4097];
    char base[2][4097];
};

/* What pp_next returned. */
enum pp_event {
    PP_DONE,    /* no tracee is left */
    PP_STOPPED, /* *stop is filled */
    PP_WOKEN    /* pp_wake was called, or pp_take_news has something */
};

/* What happened beside the stops. */
enum pp_news {
    PP_REPORT = 1, /* somebody outside of the job wants to be told what is going on (SIGUSR1) */
    PP_KNOCK = 2,  /* something came in at a descriptor of ours (SIGIO) */
    PP_LEFT = 4    /* a parked thread is not parked any more */
};

enum pp_counter {
    PP_C_STOPS,      /* seccomp or entry stops of calls in the table */
    PP_C_NATIVE,     /* of these, resumed untouched by the core */
    PP_C_WARM,       /* of these, answered from the warm table */
    PP_C_PYTHON,     /* of these, handed to Python */
    PP_C_EXTRA,      /* exit stops and stops of injected calls */
    PP_C_INJECTED,   /* injected calls */
    PP_C_PROCESSES,  /* fork, vfork and clone events */
    PP_C_EXECS,
    PP_C_SIGNALS,
    PP_C_OTHER,      /* entry and exit stops of calls that are not in the table (without seccomp only) */
    PP_C_FOREIGN,    /* programs of x32 that were started: they see nothing of ours */
    PP_C_COUNT
};

/* A limit as the caller had set it. */
struct pp_limit {
    int resource;
    unsigned long long soft, hard;
};

/* What the caller set for the job and the tracer has changed for itself. */
struct pp_given {
    int umask;
    unsigned long long ignored; /* signals that are ignored, as /proc writes them */
    int limit_count;
    struct pp_limit limits[16];
};

struct pp_engine;

extern const int pp_nr_lseek[2]; /* number of lseek, which handlers put in the place of other calls */

struct pp_engine *pp_new(const struct pp_call *calls, int count, int use_seccomp);
void pp_free(struct pp_engine *e);
int pp_seccomp_available(void);
int pp_answers_inside(void);
int pp_thread(struct pp_engine *e, int tid, int *debugger, int *no_new_privs, int *filters);
void pp_share_heap(void);
int pp_add_prefix(struct pp_engine *e, const char *prefix, int len);
int pp_add_back(struct pp_engine *e, const char *place, int len);
int pp_add_mount(struct pp_engine *e, const char *prefix, int len, const char *place, int place_len);
void pp_forget_prefixes(struct pp_engine *e);
int pp_matches(const char *pattern, const char *name);
int pp_set_session(struct pp_engine *e, const char *dir, int len);
void pp_set_recorded(struct pp_engine *e);
void pp_set_merge_dirs(struct pp_engine *e, int merge_root);
void pp_set_host_lookup(struct pp_engine *e, int on);

/* What programs are told of themselves when the user asks for it: guise.c. */
int pp_replace_auxv(struct pp_engine *e, unsigned long long key, unsigned long long new_key, unsigned long long value);
void pp_set_own_loader(struct pp_engine *e, int on);
int pp_set_persona(struct pp_engine *e, const struct pp_stop *s, int persona);
int pp_after(struct pp_engine *e, const struct pp_stop *s, unsigned long long address, const char *data, int len);

int pp_is_native(struct pp_engine *e, const char *path);
int pp_is_native_program(struct pp_engine *e, const char *path);

int pp_spawn(struct pp_engine *e, const char *file, char *const *argv, char *const *envp, const struct pp_given *given,
             const char *directory);
int pp_next(struct pp_engine *e, struct pp_stop *stop);
void pp_wake(struct pp_engine *e);

int pp_answer(struct pp_engine *e, const struct pp_stop *s, long long value);
int pp_resume(struct pp_engine *e, const struct pp_stop *s);
int pp_restart(struct pp_engine *e, const struct pp_stop *s);
int pp_waits(struct pp_engine *e, const struct pp_stop *s);
int pp_park(struct pp_engine *e, const struct pp_stop *s);
int pp_is_parked(struct pp_engine *e, const struct pp_stop *s);
int pp_take_news(struct pp_engine *e);
int pp_redirect(struct pp_engine *e, const struct pp_stop *s, int arg, const char *path, int len, int one_stop);
int pp_scratch(struct pp_engine *e, const struct pp_stop *s, unsigned long long size, unsigned long long *address);
int pp_poke(struct pp_engine *e, const struct pp_stop *s, unsigned long long address, const char *data,
            unsigned long long len);
int pp_rewrite(struct pp_engine *e, const struct pp_stop *s, long long nr, const unsigned long long *args,
               int result_for, long long result, const char *exec_name, int exec_name_len);

void pp_warm_clear(struct pp_engine *e);
void pp_warm_name(struct pp_engine *e, const char *key, int len, int valid, int error, const char *st, int no_xattrs,
                  const char *object, int object_len, const char *target, int target_len);
void pp_warm_dirents(struct pp_engine *e, const char *key, int len, const char *records, int size,
                     const unsigned int *ends, int count);

long long pp_read(int tid, unsigned long long address, char *buffer, unsigned long long len);
long long pp_write(int tid, unsigned long long address, const char *data, unsigned long long len);
long long pp_read_string(int tid, unsigned long long address, char *buffer, unsigned long long size);
long long pp_seek(int tid, int fd, long long offset, int whence);

int pp_root_status(const struct pp_engine *e);
int pp_start_failure(const struct pp_engine *e, int *error);
unsigned long long pp_counter(const struct pp_engine *e, int which);
unsigned long long pp_call_count(const struct pp_engine *e, int index);
int pp_tracees(const struct pp_engine *e);
