/* A program to be looked at by debuggers: threads, a child, calls below the tree, and with a second argument no end. */
#include <pthread.h>

#include "canon.h"

static int hits;
volatile int rounds;

__attribute__((noinline)) void spot(int i) { __sync_fetch_and_add(&hits, i); }

static void *visit(void *number)
{
    spot((int)(intptr_t)number);
    return NULL;
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (; argc > 2; usleep(10000))
        rounds++;
    for (intptr_t i = 1; i < 4; i++) {
        pthread_t t;
        MUST(pthread_create(&t, NULL, visit, (void *)i) == 0);
        MUST(pthread_join(t, NULL) == 0);
    }
    told(quiet_open(in("hello.txt"), O_RDONLY), "open");
    told(quiet_open(in("nothing"), O_RDONLY), "open nothing");
    pid_t pid = fork();
    if (pid == 0) {
        spot(100);
        _exit(4);
    }
    say_wait("child", pid);
    say("hits %d", hits);
    return 3;
}
