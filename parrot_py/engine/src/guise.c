/* What programs are told of themselves and of the machine when the user asks for something else than the truth: numbers
 * that processes inherit, entries of auxiliary vectors, and fields of what the kernel has just written. */
#include "pp.h"

/* -- personas: numbers that Python gives threads, and that their children inherit, as credentials are inherited */

void pp_inherit_persona(const struct tracee *parent, struct tracee *child)
{
    if (child->persona < 0)
        child->persona = parent->persona;
}

/* Who the thread is taken for.  One that asks before its parent's event has come has its process's number, or that of the
 * process that made it, which cannot have changed it since: it is still in its fork. */
int pp_persona_of(struct pp_engine *e, struct tracee *t)
{
    if (t->persona >= 0)
        return t->persona;
    pid_t group = pp_group_of(e, t);
    long other = group != t->tid ? group : pp_status_number(t->tid, "PPid:");
    struct tracee *parent = other > 0 ? pp_find(e, (pid_t)other) : NULL;
    t->persona = parent && parent != t ? pp_persona_of(e, parent) : 0;
    return t->persona;
}

/* Let the thread be taken for another from now on.  0, or -ESRCH when it is gone. */
int pp_set_persona(struct pp_engine *e, const struct pp_stop *s, int persona)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    t->persona = persona;
    return 0;
}

/* -- the auxiliary vector */

struct replaced {
    uint64_t key, new_key, value;
    struct replaced *next;
};

/* From now on each program that is started finds new_key and value where the kernel put key.  0 or -ENOMEM. */
int pp_replace_auxv(struct pp_engine *e, unsigned long long key, unsigned long long new_key, unsigned long long value)
{
    struct replaced *r = malloc(sizeof *r);
    if (!r)
        return -ENOMEM;
    *r = (struct replaced){key, new_key, value, e->replaced};
    e->replaced = r;
    return 0;
}

/* Where the words from address on have a zero: behind that.  0 when they can't be read.  width: bytes of a word. */
static uint64_t behind_zero(pid_t tid, uint64_t address, size_t width)
{
    char page[4096];
    uint64_t word;
    for (;;) {
        long long n = pp_read(tid, address, page, sizeof page - address % sizeof page);
        if (n < (long long)width)
            return 0;
        for (long long at = 0; at + (long long)width <= n; at += (long long)width) {
            word = 0;
            memcpy(&word, page + at, width);
            if (!word)
                return address + (uint64_t)at + width;
        }
        address += (uint64_t)n / width * width;
    }
}

static void edit_entry(const struct pp_engine *e, pid_t tid, uint64_t address, uint64_t key, size_t width)
{
    char entry[16];
    const struct replaced *r = e->replaced;
    while (r && r->key != key)
        r = r->next;
    if (!r)
        return;
    memcpy(entry, &r->new_key, width); /* x86 is little-endian */
    memcpy(entry + width, &r->value, width);
    pp_write(tid, address, entry, 2 * width);
}

/* Pre: the thread has just loaded a program, which has not run yet: its stack begins with argc. */
void pp_edit_auxv(const struct pp_engine *e, struct tracee *t)
{
    pp_regs regs;
    if (!e->replaced || pp_get_regs(e, t, &regs) != 0)
        return;
    size_t width = pp_code_bits(&regs) == 32 ? 4 : 8;
    uint64_t argc = 0, at = pp_sp(&regs);
    if (pp_read(t->tid, at, (char *)&argc, width) != (long long)width)
        return;
    at = behind_zero(t->tid, at + width * (argc + 2), width);
    while (at) {
        uint64_t key = 0;
        if (pp_read(t->tid, at, (char *)&key, width) != (long long)width || !key)
            return;
        edit_entry(e, t->tid, at, key, width);
        at += 2 * width;
    }
}

void pp_forget_guise(struct pp_engine *e)
{
    while (e->replaced) {
        struct replaced *next = e->replaced->next;
        free(e->replaced);
        e->replaced = next;
    }
}

/* The loader of each program that has one is the user's choice: Python starts them. */
void pp_set_own_loader(struct pp_engine *e, int on) { e->own_loader = on; }

/* -- what the kernel has written, corrected */

struct after {
    uint64_t address;
    int len;
    char data[];
};

/* If the call that Python is about to have run succeeds, data is to be written at address.  0, -ENOMEM or -ESRCH. */
int pp_after(struct pp_engine *e, const struct pp_stop *s, unsigned long long address, const char *data, int len)
{
    struct tracee *t = pp_held(e, s);
    if (!t)
        return -ESRCH;
    pp_do_after(t, false);
    t->after = malloc(sizeof *t->after + (size_t)len);
    if (!t->after)
        return -ENOMEM;
    t->after->address = address;
    t->after->len = len;
    memcpy(t->after->data, data, (size_t)len);
    return 0;
}

/* The call is over. */
void pp_do_after(struct tracee *t, bool succeeded)
{
    if (!t->after)
        return;
    if (succeeded)
        pp_write(t->tid, t->after->address, t->after->data, (unsigned long long)t->after->len);
    free(t->after);
    t->after = NULL;
}
