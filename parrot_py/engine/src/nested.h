/* Debuggers inside the job.  The kernel allows a thread one tracer, and that is us; so ptrace(2) of the job is carried out
 * by us.  nested.c keeps who debugs whom, nested_stop.c holds threads in the stops that their debugger is to see,
 * nested_call.c and nested_data.c carry out the requests, nested_wait.c answers the debugger's wait4 and waitid. */
#ifndef PP_NESTED_H
#define PP_NESTED_H

#include "pp.h"

/* In what stop the debugger sees a thread.  The kernel's own stop is the same one, but for D_MADE. */
enum debug_stop {
    D_RUNS,
    D_SIGNAL, /* about to get a signal */
    D_GROUP,  /* stopped with its process, or by PTRACE_INTERRUPT */
    D_ENTRY,  /* at the entry of a call: we have not looked at it yet */
    D_EXIT,
    D_EVENT,
    D_SECCOMP, /* a filter of the job itself asked for it; not looked at yet either */
    D_MADE     /* not a stop of the kernel: siginfo is ours */
};

/* What a debugger of the job has to do with a thread. */
struct debuggee {
    struct tracee *thread;
    struct debuggee *next;
    pid_t debugger;       /* the thread that alone may make requests */
    pid_t debugger_group; /* its process, of which any thread may wait */
    uid_t uid;
    bool seized;          /* by PTRACE_SEIZE */
    bool own_child;       /* the kernel itself tells the debugger of its death, being its parent */
    unsigned long options;
    int mode;             /* how it was let go on: PTRACE_CONT, PTRACE_SYSCALL, PTRACE_SINGLESTEP … */
    enum debug_stop stop;
    bool waited;          /* a wait has told of the stop */
    int code;             /* of the stop: the signal, and the event in bits 8 to 15 */
    uint64_t order;       /* of the stop among all */
    bool first;           /* the next stop is its first as a new thread */
    bool interrupt;       /* PTRACE_INTERRUPT is not answered yet */
    bool repeated;        /* its next entry stop is of a call that we began again: not to be seen */
    bool refiltered;      /* the same with the stop of a filter of its own */
    bool stepping;        /* its next exit stop completes a single step */
    int attach_signals;   /* SIGSTOPs of ours on their way, which are to look like the kernel's */
    int exec_signals;     /* the same with the SIGTRAP after exec */
    int pass;             /* a signal of ours on its way that the debugger has asked for and does not see again */
    int carry;            /* a signal to send when the call goes on: the kernel does so after an entry stop */
    siginfo_t info;       /* D_MADE */
};

/* The end of a debuggee that its debugger has not waited for; only where the kernel does not tell it. */
struct obituary {
    struct obituary *next;
    pid_t tid, process_group;
    uid_t uid;
    pid_t debugger, debugger_group;
    int status;
    uint64_t order;
};

/* One call of wait4 or waitid. */
struct wait_call {
    bool waitid;
    int type; /* P_ALL, P_PID or P_PGID */
    pid_t id;
    uint64_t status, usage; /* addresses: of the status or siginfo_t, and of struct rusage */
    int flags;
};

enum waiting { W_NOT, W_REAL /* in the kernel's own wait */, W_PAUSED /* in a pause in its place: no child of its own */ };

/* What /proc tells of a thread; the group is 0 when it is gone. */
struct identity {
    pid_t group, parent;
    uid_t uid;
};

/* nested.c */
struct identity pp_identity(pid_t tid);
struct debuggee *pp_debug(struct pp_engine *e, struct tracee *t, pid_t debugger, pid_t group, bool seized,
                          unsigned long options);
void pp_part(struct pp_engine *e, struct debuggee *d, int sig);
void pp_watch(struct pp_engine *e, pid_t group, const struct tracee *present);
void pp_watch_child(struct pp_engine *e, struct tracee *child);
void pp_wake_waiters(struct pp_engine *e, pid_t group);
void pp_forget_obituary(struct pp_engine *e, struct obituary *o);

/* nested_child.c */
void pp_release_orphans(struct pp_engine *e);
bool pp_awaits_parent(struct pp_engine *e, struct tracee *t);

/* nested_stop.c */
void pp_show_stop(struct pp_engine *e, struct tracee *t, enum debug_stop stop, int code);
void pp_show_made(struct pp_engine *e, struct tracee *t, int sig, int code);
void pp_let_go(struct pp_engine *e, struct tracee *t, enum debug_stop from, int code, int sig);
void pp_first_stop(struct pp_engine *e, struct tracee *t);

/* nested_call.c */
bool pp_still_stopped(const struct pp_engine *e, const struct tracee *t);

/* nested_signal.c */
void pp_tell_debugger(pid_t group, pid_t tid, uid_t uid, int code, int status);
void pp_send(pid_t tid, int sig);
void pp_dress(struct pp_engine *e, struct tracee *t, int *count, int code, pid_t pid);

/* nested_data.c */
long pp_data_request(struct pp_engine *e, struct tracee *debugger, struct tracee *t, long request, uint64_t address,
                     uint64_t data);

#endif
