/* Carrying out what Python decided about a stop, and the exit stops that some decisions need. */
#include "pp.h"

const int pp_nr_lseek[PP_ABIS] = PP_NR_LSEEK;

/* Skip the call and return value.  One stop, no memory touched.  Pre: t is stopped at an entry. */
void pp_answer_now(struct pp_engine *e, struct tracee *t, long long value)
{
    pp_regs regs = t->regs;
    t->no_room = 0;
    pp_set_nr(&regs, (uint64_t)-1);
    pp_set_result(&regs, (uint64_t)value);
    pp_set_regs(e, t, &regs);
    if (e->use_seccomp && !pp_debug_needs_exit(t)) {
        pp_go(e, t, 0);
        return;
    }
    t->pending = ANSWER;
    t->result = value;
    pp_go_to_exit(e, t);
}

/* The same for a stop that Python holds.  0, or -ESRCH when the thread is gone. */
int pp_answer(struct pp_engine *e, const struct pp_stop *s, long long value)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    pp_answer_now(e, t, value);
    return 0;
}

/* Let the kernel run the call as the job made it. */
int pp_resume(struct pp_engine *e, const struct pp_stop *s)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    pp_set_regs(e, t, &t->regs);
    pp_go(e, t, 0);
    return 0;
}

/* Send the thread back to before its call: pending signals are delivered, then it makes the call again. */
int pp_restart(struct pp_engine *e, const struct pp_stop *s)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    if (pp_debug_needs_exit(t)) { /* its debugger sees how the kernel itself does this */
        pp_answer_now(e, t, -ERESTARTNOINTR);
        return 0;
    }
    pp_regs regs = t->regs;
    pp_rewind(&regs, pp_nr(&t->regs));
    pp_set_regs(e, t, &regs);
    pp_go(e, t, 0);
    return 0;
}

/* Whether the thread is still in the stop: it may have died or have been sent back while it was parked. */
int pp_waits(struct pp_engine *e, const struct pp_stop *s) { return pp_held(e, s) != NULL; }

/* Keep the thread in its stop until a later answer; its pending signals are watched meanwhile. */
int pp_park(struct pp_engine *e, const struct pp_stop *s)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    pp_set_state(e, t, PARKED);
    return 0;
}

/* Run the call as regs say; the job's own arguments are put back at its exit. */
void pp_run_changed(struct pp_engine *e, struct tracee *t, const pp_regs *regs)
{
    e->gave = true;
    pp_set_regs(e, t, regs);
    t->pending = RESTORE;
    pp_go_to_exit(e, t);
}

/* Run the call with one argument changed; the register is restored at its exit. */
void pp_change_arg(struct pp_engine *e, struct tracee *t, int arg, uint64_t value)
{
    pp_regs regs = t->regs;
    *pp_arg(&regs, t->abi, arg) = value;
    pp_run_changed(e, t, &regs);
}

/* Whether code of ours can put an argument back: then no stop at the call's exit is needed. */
static bool restorable(const struct pp_engine *e, const struct tracee *t, int arg, int one_stop, uint64_t slot)
{
    if (!one_stop || !e->use_seccomp || t->debuggee || arg >= PP_STUB_ARGS)
        return false;
    return t->abi == PP_I386 ? pp_code_bits(&t->regs) && pp_may_run(t->mm, slot) : pp_stub(t->mm) != 0;
}

/* If the thread is in its hop, take it home by hand. */
bool pp_leave_hop(const struct tracee *t, pp_regs *regs)
{
    if (!t->hop || pp_ip(regs) - t->hop >= PP_HOP_SIZE)
        return false;
    *pp_arg(regs, PP_I386, t->hop_arg) = t->stub_value;
    pp_set_ip(regs, t->stub_ip);
    return true;
}

/* Run the call with path argument arg replaced, unseen by the job.  one_stop: the call cannot sleep interruptibly, so
 * the stub may restore the register.  0, 1 (memory had to be made first; the call comes back as a new stop), -errno. */
int pp_redirect_now(struct pp_engine *e, struct tracee *t, int arg, const char *path, int len, int one_stop)
{
    char text[PP_HOP_SIZE + PP_PATH_MAX + 1];
    size_t head = t->abi == PP_I386 ? PP_HOP_SIZE : 0, size = head + (size_t)len + 1;
    if (len > PP_PATH_MAX)
        return -ENAMETOOLONG;
    uint64_t slot = pp_slot(t, size);
    if (!slot)
        return pp_inject(e, t, size);
    pp_regs regs = t->regs;
    memset(text, 0xcc, head);
    memcpy(text + head, path, (size_t)len);
    text[size - 1] = 0;
    t->stub_ip = pp_ip(&regs);
    t->stub_value = *pp_arg(&regs, t->abi, arg);
    bool restores = restorable(e, t, arg, one_stop, slot);
    if (restores && head)
        pp_make_hop((unsigned char *)text, &regs, slot, arg, t->stub_value);
    int failed = pp_fill(e, t, slot, text, size);
    if (failed)
        return failed;
    if (restores)
        e->gave = true;
    if (restores && head) {
        t->hop = slot;
        t->hop_arg = arg;
        pp_set_ip(&regs, slot + PP_SYSCALL_INSN_LEN);
        *pp_arg(&regs, t->abi, arg) = slot + head;
    } else if (restores) {
        pp_enter_stub(&regs, pp_stub(t->mm), arg, slot);
    } else {
        *pp_arg(&regs, t->abi, arg) = slot + head;
        pp_run_changed(e, t, &regs);
        return 0;
    }
    pp_set_regs(e, t, &regs);
    pp_go(e, t, 0);
    return 0;
}

/* The same for a stop that Python holds; -ESRCH when the thread is gone. */
int pp_redirect(struct pp_engine *e, const struct pp_stop *s, int arg, const char *path, int len, int one_stop)
{
    struct tracee *t = pp_held(e, s);
    return t ? pp_redirect_now(e, t, arg, path, len, one_stop) : -ESRCH;
}

/* A piece of scratch memory for the call in hand.  0 and *address, 1 (comes back as a new stop), or -errno. */
int pp_scratch(struct pp_engine *e, const struct pp_stop *s, unsigned long long size, unsigned long long *address)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    *address = pp_slot(t, size);
    return *address ? 0 : pp_inject(e, t, size);
}

/* Fill scratch memory.  0, 1 (the job had unmapped it; the call comes back as a new stop), or -errno. */
int pp_poke(struct pp_engine *e, const struct pp_stop *s, unsigned long long address, const char *data,
            unsigned long long len)
{
    struct tracee *t = pp_held(e, s);
    return t ? pp_fill(e, t, address, data, len) : -ESRCH;
}

/* Run the call with another number (nr >= 0) and arguments; all registers but the result are restored at its exit.
 * result_for: a call that succeeds (1) or fails so (-errno) returns result instead.  exec_name: what AT_EXECFN is to
 * say, at most as long as the path given to the kernel. */
int pp_rewrite(struct pp_engine *e, const struct pp_stop *s, long long nr, const unsigned long long *args,
               int result_for, long long result, const char *exec_name, int exec_name_len)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    pp_regs regs = t->regs;
    if (nr >= 0)
        pp_set_nr(&regs, (uint64_t)nr);
    for (int i = 0; i < 6; i++)
        *pp_arg(&regs, t->abi, i) = args[i];
    t->result_for = result_for;
    t->result = result;
    if (exec_name_len >= 0) {
        free(t->exec_name);
        t->exec_name = strndup(exec_name, (size_t)exec_name_len);
    }
    pp_run_changed(e, t, &regs);
    return 0;
}

static void restore(struct pp_engine *e, struct tracee *t, pp_regs *regs)
{
    int64_t value = (int64_t)pp_result(regs);
    for (int i = 0; i < 6; i++)
        *pp_arg(regs, t->abi, i) = *pp_arg(&t->regs, t->abi, i);
    pp_set_nr(regs, pp_nr(&t->regs)); /* the kernel restarts an interrupted call by this number */
    if (t->result_for && (t->result_for < 0 ? value == t->result_for : value >= 0))
        pp_set_result(regs, (uint64_t)t->result);
    pp_do_after(t, value >= 0);
    t->result_for = 0;
    free(t->exec_name);
    t->exec_name = NULL;
    pp_set_regs(e, t, regs);
}

/* The thread stopped at the exit of a call (or, before Linux 4.8, at the entry that follows the seccomp stop). */
void pp_exit_stop(struct pp_engine *e, struct tracee *t)
{
    pp_regs regs;
    e->counters[PP_C_EXTRA]++;
    if (pp_get_regs(e, t, &regs) != 0)
        return;
    /* None of the calls we wait for can fail with ENOSYS, so this is the entry stop of an old kernel. */
    if (e->use_seccomp && !pp_nested(t) && (int64_t)pp_result(&regs) == -ENOSYS && (int32_t)pp_nr(&regs) >= 0) {
        pp_go_to_exit(e, t);
        return;
    }
    t->entered = false;
    enum pending pending = t->pending;
    t->pending = NOTHING;
    if (pending == INJECT) {
        pp_injected(e, t, &regs);
        return;
    }
    if (pending == RESTORE || pending == ASK)
        restore(e, t, &regs);
    if (pending == ASK)
        t->result = pp_asked(e, t, (long)pp_result(&regs));
    if (pending == ANSWER || pending == ASK) {
        pp_set_nr(&regs, pp_nr(&t->regs));
        pp_set_result(&regs, (uint64_t)t->result);
        pp_set_regs(e, t, &regs);
    }
    if (pending == ANSWER && t->result == -ERESTARTNOINTR)
        pp_nudge(e, t); /* another thread may have taken the signal, and without one the kernel would not begin again */
    if (t->waiting)
        pp_end_wait(e, t);
    if (!pp_debug_exit(e, t))
        pp_go(e, t, 0);
}

/* A new program was started: its address space is new. */
void pp_exec_done(struct pp_engine *e, struct tracee *t)
{
    e->counters[PP_C_EXECS]++;
    pp_mm_release(t->mm, t->tid);
    t->mm = pp_mm_new();
    t->replaced = true;
    t->pending = NOTHING;
    t->result_for = 0;
    t->hop = 0;
    pp_do_after(t, false);
    pp_edit_auxv(e, t);
    if (t->exec_name) {
        pp_restore_image(e, t, t->exec_name);
        free(t->exec_name);
        t->exec_name = NULL;
    }
}
