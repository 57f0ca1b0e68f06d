/* The tracer's own signals (signals.c): those that wake it, and those that it passes on.  Included by pp.h. */
#ifndef PP_OWN_SIGNALS_H
#define PP_OWN_SIGNALS_H

/* Not a real-time signal: of those, as many as `ulimit -i` says may wait, and one that is lost would be a hang. */
#define PP_WAKE_SIGNAL SIGCHLD

/* Results of an interrupted call inside the kernel: it is made again, with ...SYS unless a handler without SA_RESTART
 * runs, with ...NOINTR whatever it was, with ...NOHAND unless any handler runs. */
#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514

void pp_mirror_stop(const struct pp_engine *e, pid_t tid, int sig);
void pp_hang_up(struct pp_engine *e);
void pp_forward(struct pp_engine *e, const siginfo_t *info);
void pp_take_signals(struct pp_engine *e);
int64_t pp_now_roughly(void);
void pp_check_parked(struct pp_engine *e);
bool pp_hide_harmless(pid_t tid, pp_regs *regs, int sig);
int64_t pp_now(void);
void pp_block_signals(struct pp_engine *e);
void pp_release_signals(struct pp_engine *e);

#endif
