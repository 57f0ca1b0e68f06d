/* Carrying out what Python decided about a stop, and the exit stops that some decisions need. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/auxv.h>

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
    if (e->use_seccomp) {
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
    pp_regs regs = t->regs;
    pp_rewind(&regs, pp_nr(&t->regs));
    pp_set_regs(e, t, &regs);
    pp_go(e, t, 0);
    return 0;
}

/* Keep the thread in its stop until a later answer; its pending signals are watched meanwhile. */
int pp_park(struct pp_engine *e, const struct pp_stop *s)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    pp_set_state(e, t, PARKED);
    return 0;
}

static void run_changed(struct pp_engine *e, struct tracee *t, const pp_regs *regs)
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
    run_changed(e, t, &regs);
}

/* Run the call with path argument arg replaced, unseen by the job.  one_stop: the call cannot sleep interruptibly, so
 * the stub may restore the register.  0, 1 (memory had to be made first; the call comes back as a new stop), -errno. */
int pp_redirect_now(struct pp_engine *e, struct tracee *t, int arg, const char *path, int len, int one_stop)
{
    uint64_t slot = pp_slot(t, (size_t)len + 1);
    if (!slot)
        return pp_inject(e, t, (size_t)len + 1);
    char text[PP_PATH_MAX + 1];
    if (len > PP_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(text, path, (size_t)len);
    text[len] = 0;
    int failed = pp_poke_bytes(e, t->tid, slot, text, (size_t)len + 1);
    if (failed)
        return failed;
    pp_regs regs = t->regs;
    uint64_t stub = one_stop && e->use_seccomp && arg < PP_STUB_ARGS ? pp_stub(t->mm) : 0;
    if (stub) {
        e->gave = true;
        t->stub_ip = pp_ip(&regs);
        t->stub_value = *pp_arg(&regs, t->abi, arg);
        pp_enter_stub(&regs, stub, arg, slot);
        pp_set_regs(e, t, &regs);
        pp_go(e, t, 0);
        return 0;
    }
    *pp_arg(&regs, t->abi, arg) = slot;
    run_changed(e, t, &regs);
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

/* Fill scratch memory.  0 or -errno. */
int pp_poke(struct pp_engine *e, const struct pp_stop *s, unsigned long long address, const char *data,
            unsigned long long len)
{
    struct tracee *t = pp_held(e, s);
    return t ? pp_poke_bytes(e, t->tid, address, data, len) : -ESRCH;
}

/* Run the call with another number (nr >= 0) and arguments; all registers but the result are restored at its exit.
 * has_result: a successful call returns result instead.  exec_name: what AT_EXECFN is to say, at most as long as the
 * path given to the kernel. */
int pp_rewrite(struct pp_engine *e, const struct pp_stop *s, long long nr, const unsigned long long *args,
               int has_result, long long result, const char *exec_name, int exec_name_len)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    pp_regs regs = t->regs;
    if (nr >= 0)
        pp_set_nr(&regs, (uint64_t)nr);
    for (int i = 0; i < 6; i++)
        *pp_arg(&regs, t->abi, i) = args[i];
    t->has_result = has_result;
    t->result = result;
    if (exec_name_len >= 0) {
        free(t->exec_name);
        t->exec_name = strndup(exec_name, (size_t)exec_name_len);
    }
    run_changed(e, t, &regs);
    return 0;
}

static void restore(struct pp_engine *e, struct tracee *t, pp_regs *regs)
{
    int64_t value = (int64_t)pp_result(regs);
    for (int i = 0; i < 6; i++)
        *pp_arg(regs, t->abi, i) = *pp_arg(&t->regs, t->abi, i);
    pp_set_nr(regs, pp_nr(&t->regs)); /* the kernel restarts an interrupted call by this number */
    if (t->has_result && value >= 0)
        pp_set_result(regs, (uint64_t)t->result);
    t->has_result = false;
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
    if (e->use_seccomp && (int64_t)pp_result(&regs) == -ENOSYS && (int64_t)pp_nr(&regs) >= 0) {
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
    if (pending == RESTORE)
        restore(e, t, &regs);
    if (pending == ANSWER) {
        pp_set_result(&regs, (uint64_t)t->result);
        pp_set_regs(e, t, &regs);
    }
    pp_go(e, t, 0);
}

static uint64_t auxv_entry(pid_t tid, uint64_t key)
{
    char path[64];
    uint64_t auxv[128];
    snprintf(path, sizeof path, "/proc/%d/auxv", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, auxv, sizeof auxv);
    close(fd);
    for (ssize_t i = 0; i + 1 < n / (ssize_t)sizeof auxv[0]; i += 2)
        if (auxv[i] == key)
            return auxv[i + 1];
    return 0;
}

/* A new program was started: its address space is new, and AT_EXECFN gets the name that the job used. */
void pp_exec_done(struct pp_engine *e, struct tracee *t)
{
    e->counters[PP_C_EXECS]++;
    pp_mm_release(t->mm, t->tid);
    t->mm = pp_mm_new();
    t->pending = NOTHING;
    t->has_result = false;
    if (t->exec_name) {
        uint64_t address = auxv_entry(t->tid, AT_EXECFN);
        if (address)
            pp_write(t->tid, address, t->exec_name, strlen(t->exec_name) + 1);
        free(t->exec_name);
        t->exec_name = NULL;
    }
}
