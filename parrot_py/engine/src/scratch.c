/* Scratch memory: a small mapping of ours in each address space that needs one.
 *
 * It is made by one injected mmap at the first call whose path has to be replaced, wherever the kernel likes it best
 * (near the loader, low only for calls of i386, never the job's stack), readable and executable but not writable for
 * the job; the tracer writes through ptrace.  A slot belongs to a thread until its next stop, which proves that the
 * kernel has copied the path.  Layout: one page of stub, SMALL slots for object paths, BIG slots for any path. */
#include <sys/mman.h>

#include "pp.h"

#define PAGE 4096
#define SMALL 56
#define SMALL_SIZE 512
#define BIG 4
#define SLOTS (SMALL + BIG)
#define USUAL_SIZE (PAGE + SMALL * SMALL_SIZE + BIG * PAGE)

static bool usual(const struct region *r) { return r->size == USUAL_SIZE; }
static int slots_of(const struct region *r) { return usual(r) ? SLOTS : 1; }

static uint64_t slot_address(const struct region *r, int i)
{
    if (!usual(r))
        return r->address + PAGE;
    return r->address + PAGE + (uint64_t)(i < SMALL ? i * SMALL_SIZE : SMALL * SMALL_SIZE + (i - SMALL) * PAGE);
}

static size_t slot_size(const struct region *r, int i)
{
    if (!usual(r))
        return r->size - PAGE;
    return i < SMALL ? SMALL_SIZE : PAGE;
}

void pp_release_slots(struct mm *mm, pid_t tid)
{
    for (int r = 0; r < mm->count; r++) {
        struct region *region = &mm->regions[r];
        for (int i = 0; region->owners && i < slots_of(region); i++)
            if (region->owners[i] == tid)
                region->owners[i] = 0;
    }
}

/* Whether the call in hand can use a region: the pointers of i386 have 32 bits, also in the registers of 64-bit code. */
static bool reachable(const struct tracee *t, const struct region *r)
{
    return t->abi != PP_I386 || r->address + r->size <= (uint64_t)1 << 32;
}

/* Address of a free slot of at least size bytes, now owned by the thread; 0 when there is none. */
uint64_t pp_slot(struct tracee *t, size_t size)
{
    for (int r = 0; t->mm && r < t->mm->count; r++) {
        struct region *region = &t->mm->regions[r];
        if (!reachable(t, region))
            continue;
        if (!region->owners && !(region->owners = calloc((size_t)slots_of(region), sizeof(pid_t))))
            return 0;
        for (int i = 0; i < slots_of(region); i++)
            if (!region->owners[i] && slot_size(region, i) >= size) {
                region->owners[i] = t->tid;
                return slot_address(region, i);
            }
    }
    return 0;
}

/* Address of the stub code, 0 when this address space has none. */
uint64_t pp_stub(const struct mm *mm)
{
    for (int r = 0; mm && r < mm->count; r++)
        if (mm->regions[r].stub)
            return mm->regions[r].address;
    return 0;
}

/* Whether the job may execute what lies at an address of ours. */
bool pp_may_run(const struct mm *mm, uint64_t address)
{
    for (int r = 0; r < mm->count; r++)
        if (mm->regions[r].stub && address - mm->regions[r].address < mm->regions[r].size)
            return true;
    return false;
}

/* Turn the call in hand into an mmap; when that is done the job makes its call again.
 * Precondition: the thread is held.  1: under way (the stop is consumed), or -errno. */
int pp_inject(struct pp_engine *e, struct tracee *t, size_t size)
{
    if (!t->mm || t->no_room == pp_ip(&t->regs) || t->mm->count >= PP_MAX_REGIONS)
        return -ENOMEM;
    pp_regs regs = t->regs;
    uint64_t length = size <= PAGE ? USUAL_SIZE : ((size + PAGE - 1) & ~(uint64_t)(PAGE - 1)) + PAGE;
    if (size > PAGE && length == USUAL_SIZE)
        length += PAGE;
    pp_set_nr(&regs, (uint64_t)pp_nr_mmap[t->abi]);
    *pp_arg(&regs, t->abi, 0) = 0;
    *pp_arg(&regs, t->abi, 1) = length;
    *pp_arg(&regs, t->abi, 2) = t->mm->no_exec ? PROT_READ : PROT_READ | PROT_EXEC;
    *pp_arg(&regs, t->abi, 3) = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (t->abi == PP_I386 ? MAP_32BIT : 0);
    *pp_arg(&regs, t->abi, 4) = (unsigned long long)-1;
    *pp_arg(&regs, t->abi, 5) = 0;
    pp_set_regs(e, t, &regs);
    t->wanted = length;
    t->pending = INJECT;
    e->counters[PP_C_INJECTED]++;
    pp_go_to_exit(e, t);
    return 1;
}

static void forget_region(struct mm *mm, uint64_t address)
{
    for (int r = 0; mm && r < mm->count; r++) {
        struct region *region = &mm->regions[r];
        if (address - region->address >= region->size)
            continue;
        free(region->owners);
        *region = mm->regions[--mm->count];
        return;
    }
}

/* Fill a slot.  0, or -errno; 1: it is not there any more, since the job has unmapped what it did not map itself; then
 * there will be another one, and the call comes back as a new stop.  Tried once for a call. */
int pp_fill(struct pp_engine *e, struct tracee *t, uint64_t slot, const void *data, size_t len)
{
    int failed = pp_poke_bytes(e, t->tid, slot, data, len);
    if (failed == -EIO && t->refilled != pp_ip(&t->regs)) {
        forget_region(t->mm, slot);
        t->refilled = pp_ip(&t->regs);
        return pp_inject(e, t, len);
    }
    t->refilled = 0;
    return failed;
}

static bool room_for_one(struct mm *mm)
{
    if (mm->count < mm->room)
        return true;
    int room = mm->room ? 2 * mm->room : 1;
    struct region *more = mm->count < PP_MAX_REGIONS ? realloc(mm->regions, (size_t)room * sizeof *more) : NULL;
    if (!more)
        return false;
    mm->regions = more;
    mm->room = room;
    return true;
}

/* The injected mmap returned.  Note the mapping and let the job repeat its own call. */
void pp_injected(struct pp_engine *e, struct tracee *t, pp_regs *regs)
{
    struct mm *mm = t->mm;
    uint64_t address = pp_result(regs);
    /* Other threads may have had theirs made meanwhile, more than were there when this one began. */
    bool ok = address < (uint64_t)-4095 && room_for_one(mm);
    if (ok) {
        struct region *region = &mm->regions[mm->count++];
        *region = (struct region){.address = address, .size = t->wanted};
        region->stub = !mm->no_exec && pp_poke_bytes(e, t->tid, address, pp_stub_code, sizeof pp_stub_code) == 0;
    } else if (!mm->no_exec && (address == (uint64_t)-EACCES || address == (uint64_t)-EPERM)) {
        mm->no_exec = true; /* SELinux execmem and its like: do without the stub */
    } else {
        t->no_room = pp_ip(&t->regs); /* when this very call comes again, pp_inject says ENOMEM; the next one may try */
    }
    pp_regs again = t->regs;
    pp_rewind(&again, pp_nr(&t->regs));
    pp_set_regs(e, t, &again);
    t->pending = NOTHING;
    t->entered = false;
    pp_debug_repeats(t);
    pp_go(e, t, 0);
}
