/* Where the event loop meets the debuggers in the job (nested.h says more) and what programs are told on request.  Included
 * by pp.h. */
#ifndef PP_HOOKS_H
#define PP_HOOKS_H

/* nested*.c.  Each is called where its name says, and most return whether they dealt with it. */
static inline bool pp_nested(const struct tracee *t) { return t->debuggee || t->watched || t->waiting; }
void pp_begin_later(struct pp_engine *e, struct tracee *t, bool seccomp);
bool pp_begin_held(struct pp_engine *e, struct wait_event event, struct pp_stop *s);
bool pp_nested_syscall_stop(struct pp_engine *e, struct tracee *t, struct pp_stop *s);
enum verdict pp_ptrace_call(struct pp_engine *e, struct tracee *caller, const struct pp_stop *s);
long pp_asked(struct pp_engine *e, struct tracee *t, long value);
int pp_debug_request(struct pp_engine *e, struct tracee *t, int *sig);
void pp_dress_signal(struct pp_engine *e, struct tracee *t, int sig);
bool pp_debug_signal(struct pp_engine *e, struct tracee *t, int sig);
void pp_nudge(struct pp_engine *e, struct tracee *t);
void pp_keep_interrupt(struct pp_engine *e, struct tracee *t);
bool pp_debug_event_stop(struct pp_engine *e, struct tracee *t, int sig);
bool pp_debug_entry(struct pp_engine *e, struct tracee *t);
bool pp_debug_exit(struct pp_engine *e, struct tracee *t);
bool pp_debug_event(struct pp_engine *e, struct tracee *t, int event);
bool pp_debug_seccomp(struct pp_engine *e, struct tracee *t);
bool pp_take_wait(struct pp_engine *e, struct tracee *t);
void pp_end_wait(struct pp_engine *e, struct tracee *t);
void pp_apply_options(struct pp_engine *e, struct tracee *t);
void pp_debug_repeats(struct tracee *t);
bool pp_debug_needs_exit(const struct tracee *t);
void pp_debug_child(struct pp_engine *e, struct tracee *t, struct tracee *child, int event);
void pp_debug_death(struct pp_engine *e, struct tracee *t, int status);
void pp_debug_drop(struct pp_engine *e, struct tracee *t);
void pp_debug_rename(struct pp_engine *e, struct tracee *t, pid_t old);
void pp_debug_end(struct pp_engine *e);

/* guise.c */
void pp_inherit_persona(const struct tracee *parent, struct tracee *child);
int pp_persona_of(struct pp_engine *e, struct tracee *t);
void pp_edit_auxv(const struct pp_engine *e, struct tracee *t);
void pp_do_after(struct tracee *t, bool succeeded);
void pp_forget_guise(struct pp_engine *e);

#endif
