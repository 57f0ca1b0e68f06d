/* A thread that is not the first starts a program while the first one, and others, are in the middle of calls that
 * have to be answered: exec_race TREE PROGRAM ROUNDS.  PROGRAM ends with status 7. */
#include "canon.h"
#include <pthread.h>
#include <signal.h>

enum { OTHERS = 2 };

static const char *program;

static void *replaces(void *delay)
{
    char *const argv[] = { "p", NULL }, *const env[] = { "RACE=won", NULL };
    for (volatile long i = 0; i < (long)delay; i++)
        ;
    execve(program, argv, env);
    _exit(errno);
}

/* Names that nobody knows yet, so that each look is one for Python. */
static void *looks(void *number)
{
    char path[PATH_MAX];
    struct stat s;
    for (long i = 0;; i++) {
        snprintf(path, sizeof path, "%s/missing-%d-%ld-%ld", root, (int)getpid(), (long)number, i);
        if (stat(path, &s) == 0 || errno != ENOENT)
            _exit(9);
        int fd = quiet_open(in("text"), O_RDONLY);
        if (fd < 0 || close(fd) != 0)
            _exit(10);
    }
    return NULL;
}

static int one_round(int round)
{
    int status;
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        pthread_t t;
        for (long i = 0; i < (round % 2 ? OTHERS : 0); i++)
            MUST(pthread_create(&t, NULL, looks, (void *)(i + 1)) == 0);
        MUST(pthread_create(&t, NULL, replaces, (void *)(long)((round * 7919) % 300000)) == 0);
        looks(NULL);
    }
    MUST(waitpid(pid, &status, 0) == pid);
    if (WIFSIGNALED(status))
        say("killed by %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 7)
        say("exit %d (%s)", WEXITSTATUS(status), errname(WEXITSTATUS(status)));
    return WIFSIGNALED(status) || WEXITSTATUS(status) != 7;
}

int main(int argc, char **argv)
{
    int wrong = 0;
    begin(argc, argv);
    MUST(argc == 4);
    program = argv[2];
    for (int i = 0; i < atoi(argv[3]); i++)
        wrong += one_round(i);
    say("wrong: %d", wrong);
    return 0;
}
