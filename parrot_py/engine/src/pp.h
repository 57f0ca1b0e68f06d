/* Inner declarations of the core.  In a nutshell: wait.c waits, loop.c classifies, gate.c decides whether a stop can concern
 * us, answer.c carries out what Python decided, scratch.c keeps a little memory of ours in each job process, tracee.c
 * keeps the records, memory.c reads and writes the job, filter.c and spawn.c start it. */
#ifndef PP_H
#define PP_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <unistd.h>

#include "seam.h"

#include "arch_x86_64.h"

#define PP_PATH_MAX 4096
#define PP_CLONE_UNTRACED 0x00800000
#define PP_MAX_REGIONS 1024

/* What our filter's stops carry, besides the index of the call: it tells them from those of filters of the job's own. */
#define PP_OUR_DATA 0x5800
#define PP_IS_OUR_DATA(data) (((data) & 0xfc00) == PP_OUR_DATA)
#define PP_STRICT_DATA 0x5c00 /* from a filter that stands for SECCOMP_MODE_STRICT */

/* A piece of scratch memory in an address space of the job: one page of stub code, small slots, big slots. */
struct region {
    uint64_t address;
    uint64_t size;
    bool stub;          /* the first page is executable and holds the stub */
    pid_t *owners;      /* thread that uses a slot, 0 when free */
};

/* An address space.  Shared by the threads and vfork children that share memory. */
struct mm {
    int users;
    int count;
    bool no_exec; /* an executable mapping was refused: no stub, answer with an exit stop instead */
    int room;     /* how many regions the array has room for */
    struct region *regions;
};

enum state {
    RUNNING,
    HELD, /* in Python's hands */
    PARKED,
    LISTENING,
    SHOWN, /* in a stop that its debugger in the job sees: nested.h */
    ORPHAN /* new, and its parent's event must tell whether it is debugged */
};

enum pending {
    NOTHING,
    RESTORE, /* exit stop of a call whose arguments we changed: put them back */
    INJECT,  /* exit stop of the mmap we injected */
    ANSWER,  /* exit stop of a call we skipped (without seccomp, or result known in advance) */
    ASK      /* exit stop of the call by which we ask the kernel whether the caller may debug somebody */
};

struct tracee {
    pid_t tid;
    unsigned int serial;
    enum state state;
    enum pending pending;
    pid_t group;         /* its process, 0 while that is not known */
    int members;         /* of a process's first thread: how many others have a record ... */
    int listeners;       /* ... and how many threads have stopped as a group stop asks */
    bool entered;        /* without seccomp: between entry and exit stop */
    bool fresh;          /* first stop not seen yet */
    bool replaced;       /* it has started another program: its memory is not what it was born with */
    int result_for; /* when the result replaces the kernel's: 1 success, -errno that failure, 0 never */
    int64_t result;
    uint64_t no_room;    /* instruction of the call for which no memory could be mapped, 0 when there is none */
    uint64_t refilled;   /* instruction of the call for which memory was mapped again, 0 when there is none */
    uint64_t wanted;     /* INJECT: bytes asked for */
    int abi;             /* of the call in hand, with its registers at the entry */
    pp_regs regs;
    uint64_t stub_ip;    /* instruction pointer and argument that stub or hop restores, for restarts inside it */
    uint64_t stub_value;
    uint64_t hop;        /* of the last call, 0 when there is none */
    int hop_arg;
    bool undone;         /* regs differ from the kernel's: the call began again inside the stub */
    pid_t forker;        /* the thread that made it, 0 when its event has not come */
    struct debuggee *debuggee; /* who debugs it in the job and how: nested.h; NULL when nobody does */
    struct tracee *next_watched;
    bool watched;        /* its process debugs others: each of its calls stops */
    bool nudged;         /* PTRACE_INTERRUPT is on its way, for our own sake */
    int waiting;         /* enum waiting: in a wait that a debuggee's stop may answer */
    uint64_t pause_at;   /* the wait that is to be made as a pause, by its instruction; 0: none */
    unsigned long extra_options; /* of ptrace, besides those that all have */
    bool no_new_privs;   /* the job itself has set it */
    bool own_filter;     /* the job may have installed filters of its own */
    char *exec_name;     /* AT_EXECFN that the program is to see, NULL when untouched */
    struct after *after; /* what to write where if the call in hand succeeds: guise.c */
    int persona;         /* see struct pp_stop; -1 while its parent's event has not come */
    struct mm *mm;
    struct tracee *next; /* hash chain */
    struct tracee *parked_before, *parked_after;
};

#define PP_BUCKETS 4096
#define PP_STILLBORN 1024

struct pp_name {
    char *text;
    int len;
};

struct pp_mount {
    char *prefix;
    int len;
    char *place; /* NULL where Python has to know more */
    int place_len;
};

struct pp_names {
    struct pp_name *list;
    int count, room;
};

struct wait_event {
    pid_t tid;
    int status;
};

struct pp_engine {
    pid_t owner; /* the one thread that makes ptrace calls */
    pid_t root;
    int root_status;
    bool root_done;
    bool hung_up; /* the terminal was hung up */
    bool use_seccomp;
    bool recorded; /* every call that takes a path is for Python to see, and nothing is answered without it */
    bool merge_root;  /* "/" shows a mount point that the host has not */
    bool host_lookup; /* a mount prefix exists on the host: native look-ups do not prove that a path is native */
    bool gave; /* the job has been given something of ours: a descriptor, a working directory, a program */
    bool proc_known;
    unsigned proc_major, proc_minor; /* device of /proc */
    volatile int woken;
    int status_pipe;
    unsigned int serial;
    pid_t stillborn[PP_STILLBORN]; /* by tid: threads that were reported dead before we had heard of them */
    bool childless; /* the kernel knows of no tracee */
    int hints; /* events taken by themselves since all tracees were looked through */
    unsigned long options; /* of ptrace, for every thread */
    bool born_confined, born_filtered; /* we have no_new_privs, or filters, from who started us */
    struct debuggee *debuggees;
    struct obituary *obituaries;
    struct tracee *watched;
    int orphans;
    uint64_t debug_order;
    int spin_credit;
    unsigned int sleeps;
    int tracees, parked;
    struct tracee *first_parked;
    int news; /* of enum pp_news */
    int64_t parked_checked; /* when the parked threads were last looked at, in ns of the monotonic clock */
    int64_t signals_checked;
    struct pp_call *calls;
    int call_count;
    short by_nr[PP_ABIS][PP_NR_LIMIT];
    struct pp_names prefixes, backs;
    struct replaced *replaced; /* entries of auxiliary vectors: guise.c */
    bool own_loader; /* the user chose the loader of all programs that have one */
    struct pp_mount *mounts;
    int mount_count;
    char session[PP_PATH_MAX];
    int session_len;
    struct tracee *buckets[PP_BUCKETS];
    struct wait_event *queue;
    int queue_head, queue_count, queue_size;
    uint64_t counters[PP_C_COUNT];
    struct warm_table *warm;
    uint64_t *per_call;
    sigset_t wait_set, old_mask;
    bool catches; /* SIGCHLD: old_action is what to put back */
    struct sigaction old_action;
};

/* tracee.c */
struct tracee *pp_find(struct pp_engine *e, pid_t tid);
struct tracee *pp_add(struct pp_engine *e, pid_t tid, struct mm *mm);
void pp_drop_all(struct pp_engine *e);
void pp_drop(struct pp_engine *e, struct tracee *t);
void pp_rename(struct pp_engine *e, struct tracee *t, pid_t tid);
void pp_set_state(struct pp_engine *e, struct tracee *t, enum state state);
void pp_join_group(struct pp_engine *e, struct tracee *t, pid_t group);
pid_t pp_group_of(struct pp_engine *e, struct tracee *t);
void pp_drop_members(struct pp_engine *e, struct tracee *first);
struct mm *pp_mm_new(void);
struct mm *pp_mm_share(struct mm *mm);
struct mm *pp_mm_copy(const struct mm *mm);
void pp_mm_release(struct mm *mm, pid_t tid);
struct tracee *pp_held(struct pp_engine *e, const struct pp_stop *s);

/* wait.c */
int pp_push(struct pp_engine *e, pid_t tid, int status);
int pp_wait(struct pp_engine *e);

/* ptrace.c */
void pp_check_owner(const struct pp_engine *e);
long pp_ptrace(const struct pp_engine *e, long request, pid_t tid, void *address, void *data);
int pp_get_regs(const struct pp_engine *e, struct tracee *t, pp_regs *regs);
int pp_set_regs(const struct pp_engine *e, struct tracee *t, const pp_regs *regs);
void pp_go(struct pp_engine *e, struct tracee *t, int sig);
void pp_go_to_exit(struct pp_engine *e, struct tracee *t);
int pp_poke_bytes(const struct pp_engine *e, pid_t tid, uint64_t address, const void *data, size_t len);

/* abi.c */
struct stat;
int pp_abi_of(const struct pp_engine *e, const struct tracee *t, const pp_regs *regs);
bool pp_put_stat64(pid_t tid, const struct stat *st, uint64_t address);

/* loop.c */
bool pp_entry_stop(struct pp_engine *e, struct tracee *t, struct pp_stop *s);
void pp_home_from_stub(struct pp_engine *e, struct tracee *t);

/* scratch.c */
void pp_release_slots(struct mm *mm, pid_t tid);
uint64_t pp_slot(struct tracee *t, size_t size);
uint64_t pp_stub(const struct mm *mm);
bool pp_may_run(const struct mm *mm, uint64_t address);
int pp_inject(struct pp_engine *e, struct tracee *t, size_t size);
int pp_fill(struct pp_engine *e, struct tracee *t, uint64_t slot, const void *data, size_t len);
void pp_injected(struct pp_engine *e, struct tracee *t, pp_regs *regs);

/* memory.c */
long pp_proc_number(const char *path, const char *field, int base);
long pp_status_number(pid_t tid, const char *field);
pid_t pp_thread_group(pid_t tid);

/* gate.c, exechead.c, lookup.c, prefixes.c, redirect.c */
enum verdict { NATIVE, OURS, ANSWERED };
bool pp_shown(const struct pp_engine *e, const struct pp_stop *stop);
enum verdict pp_gate(struct pp_engine *e, struct tracee *t, const struct pp_call *call, struct pp_stop *stop);
bool pp_under(const char *path, const char *top, int len);
bool pp_under_prefix(const struct pp_engine *e, const char *path);
bool pp_in_backs(const struct pp_engine *e, const char *place);
void pp_forget_mounts(struct pp_engine *e);
bool pp_redirect_plainly(struct pp_engine *e, struct tracee *t, const struct pp_call *call, const char *path);
bool pp_stays_plainly(struct pp_engine *e, const struct pp_call *call, const char *base, const char *path);
bool pp_in_session(const struct pp_engine *e, const char *path, int len);
bool pp_native_exec(struct pp_engine *e, const char *path, bool follow, int depth);
bool pp_follows(pid_t tid, const struct pp_call *call, const struct pp_stop *s, int i);
bool pp_native_lookup(struct pp_engine *e, const char *abs, const char *real, bool follow);
int pp_link_of(pid_t tid, int fd, char *out, int size);

/* procnames.c */
bool pp_gate_proc(struct pp_engine *e, struct tracee *t, const char *path, bool follow, bool *decided);
void pp_proc_as_tracer(struct pp_engine *e, struct tracee *t, const char *path, char *out, size_t size);
void pp_note_proc(struct pp_engine *e);

/* warm.c */
bool pp_warm_answer(struct pp_engine *e, struct tracee *t, const struct pp_call *call, const struct pp_stop *s,
                    const char *key, size_t len);

/* answer.c */
bool pp_leave_hop(const struct tracee *t, pp_regs *regs);
void pp_answer_now(struct pp_engine *e, struct tracee *t, long long value);
void pp_run_changed(struct pp_engine *e, struct tracee *t, const pp_regs *regs);
void pp_change_arg(struct pp_engine *e, struct tracee *t, int arg, uint64_t value);
int pp_redirect_now(struct pp_engine *e, struct tracee *t, int arg, const char *path, int len, int one_stop);
void pp_exit_stop(struct pp_engine *e, struct tracee *t);
void pp_exec_done(struct pp_engine *e, struct tracee *t);

/* confine.c */
enum verdict pp_gate_prctl(struct pp_engine *e, struct tracee *t, const struct pp_stop *s);
enum verdict pp_gate_seccomp(struct pp_engine *e, struct tracee *t, const struct pp_stop *s);

/* headers.c */
void pp_restore_image(const struct pp_engine *e, struct tracee *t, const char *name);

/* family.c */
void pp_note_death(struct pp_engine *e, pid_t tid, int status);
void pp_note_child(struct pp_engine *e, struct tracee *t, int event);
struct tracee *pp_note_exec(struct pp_engine *e, struct tracee *t);
void pp_note_unknown(struct pp_engine *e, pid_t tid);
bool pp_any_traced(const struct pp_engine *e);

/* filter.c */
struct sock_fprog;
int pp_build_filter(const struct pp_engine *e, struct sock_fprog *program);

#include "hooks.h"
#include "own_signals.h"

#endif
