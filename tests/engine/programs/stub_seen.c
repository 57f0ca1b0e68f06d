/* Open files of the tree in a loop while a timer fires; its handler looks where it was interrupted: only code that the
 * program knows may ever be seen there, and only its own registers.  stub_seen FILE ROUNDS */
#include "canon.h"
#include <link.h>
#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#ifdef __i386__
#define REG_IP REG_EIP
#else
#define REG_IP REG_RIP
#endif

static struct { uintptr_t from, to; } known[64];
static int ranges;
static volatile sig_atomic_t alarms, strange;

static int note(struct dl_phdr_info *info, size_t size UNUSED, void *data UNUSED)
{
    for (int i = 0; i < info->dlpi_phnum && ranges < 64; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
            known[ranges].from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            known[ranges].to = known[ranges].from + info->dlpi_phdr[i].p_memsz;
            ranges++;
        }
    return 0;
}

static void on_alarm(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
    uintptr_t at = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_IP];
    alarms++;
    for (int i = 0; i < ranges; i++)
        if (known[i].from <= at && at < known[i].to)
            return;
    strange++;
}

int main(int argc, char **argv)
{
    struct sigaction action = { .sa_sigaction = on_alarm, .sa_flags = SA_SIGINFO | SA_RESTART };
    struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
    char name[PATH_MAX];
    long failed = 0;
    MUST(argc == 3);
    dl_iterate_phdr(note, NULL);
    MUST(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    long enough = atol(argv[2]);
    for (long round = 0; alarms < enough; round++) {
        snprintf(name, sizeof name, "%s%ld", argv[1], round % 50);
        int fd = round % 2 ? (int)syscall(SYS_open, name, O_RDONLY) : quiet_open(name, O_RDONLY);
        failed += fd < 0 || name[strlen(argv[1])] - '0' > 9 || close(fd) != 0;
    }
    say("failed: %ld, interrupted in code of others: %d", failed, (int)strange);
    return 0;
}
