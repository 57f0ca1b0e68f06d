/* COUNT threads open a FIFO each and wait for its writer, all at the same time; then each reads its own number.
 * fifos DIRECTORY COUNT */
#include "canon.h"
#include <pthread.h>

static const char *top;
static int opening;

static void name_of(char *out, size_t size, long i) { snprintf(out, size, "%s/fifo%ld", top, i); }

static void *reader(void *number)
{
    char name[PATH_MAX];
    long i = (long)number, read_back = -1;
    name_of(name, sizeof name, i);
    __atomic_add_fetch(&opening, 1, __ATOMIC_SEQ_CST);
    int fd = quiet_open(name, O_RDONLY);
    if (fd < 0 || read(fd, &read_back, sizeof read_back) != sizeof read_back)
        return (void *)1;
    close(fd);
    return (void *)(long)(read_back != i);
}

int main(int argc, char **argv)
{
    static pthread_t threads[1000];
    pthread_attr_t small;
    char name[PATH_MAX];
    void *result;
    MUST(argc == 3);
    top = argv[1];
    long count = atol(argv[2]), wrong = 0;
    MUST(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 64 * 1024) == 0);
    for (long i = 0; i < count; i++)
        MUST(pthread_create(&threads[i], &small, reader, (void *)i) == 0);
    while (__atomic_load_n(&opening, __ATOMIC_SEQ_CST) < count)
        sched_yield();
    for (long i = count - 1; i >= 0; i--) {
        name_of(name, sizeof name, i);
        int fd = quiet_open(name, O_WRONLY);
        MUST(fd >= 0 && write(fd, &i, sizeof i) == sizeof i && close(fd) == 0);
        MUST(pthread_join(threads[i], &result) == 0);
        wrong += (long)result;
    }
    say("wrong: %ld", wrong);
    return 0;
}
