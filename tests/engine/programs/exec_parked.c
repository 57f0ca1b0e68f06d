/* The first thread and another one wait for what is slow; a third starts a program: exec_parked SLOW GO PROGRAM ARG.
 * It does so when GO exists. */
#include "canon.h"
#include <pthread.h>

static void *waits(void *slow)
{
    int fd = quiet_open(slow, O_RDONLY);
    say("opened after all: %d", fd);
    _exit(1);
}

static void *replaces(void *all)
{
    char **words = all, *const arguments[] = { "p", words[4], NULL }, *const env[] = { NULL };
    while (access(words[2], F_OK) != 0)
        usleep(1000);
    execve(words[3], arguments, env);
    _exit(2);
}

int main(int argc, char **argv)
{
    pthread_t t;
    MUST(argc == 5 && pthread_create(&t, NULL, waits, argv[1]) == 0);
    MUST(pthread_create(&t, NULL, replaces, argv) == 0);
    waits(argv[1]);
    return 0;
}
