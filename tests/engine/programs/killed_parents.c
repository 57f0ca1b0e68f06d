/* Parents that are killed in the middle of fork, so that a tracer hears of their children from these alone:
 * killed_parents TREE ROUNDS FILE.  Each child that was born leaves one byte in FILE at its end, by way of the tree. */
#include "canon.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static void child_lives(const char *file)
{
    int mark = open(file, O_WRONLY | O_APPEND);
    if (quiet_open(in("text"), O_RDONLY) < 0 || write(mark, "x", 1) != 1)
        abort();
    _exit(0);
}

int main(int argc, char **argv)
{
    static atomic_int *born;
    struct stat s;
    begin(argc, argv);
    MUST(argc == 4 && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    MUST(close(open(argv[3], O_WRONLY | O_CREAT, 0644)) == 0);
    born = mmap(NULL, sizeof *born, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < atoi(argv[2]); i++) {
        pid_t parent = fork();
        MUST(parent >= 0);
        if (parent == 0)
            for (;;)
                if (fork() == 0) {
                    atomic_fetch_add(born, 1);
                    child_lives(argv[3]);
                }
        for (volatile int n = 0; n < (i * 7919) % 400000; n++)
            ;
        MUST(kill(parent, SIGKILL) == 0 && waitpid(parent, NULL, 0) == parent);
    }
    /* The orphans are this process's: their ends are all there is to wait for. */
    while (wait(NULL) > 0)
        ;
    MUST(stat(argv[3], &s) == 0);
    if (s.st_size == atomic_load(born))
        say("born: as many as lived to their end");
    else
        say("born %d, lived to their end %ld", atomic_load(born), (long)s.st_size);
    return 0;
}
