/* Time one kind of system call: calls OP PATH ms N (for N milliseconds) or calls OP PATH count N (exactly N times).
 * Prints nanoseconds per round.  PATH is a file; OP readlink takes PATH.link, a symbolic link. */
#include "common.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum op { GETPPID, READ, LSEEK, STAT, OPENCLOSE, FSTAT, ACCESS, READLINK, OPENREAD };
static const char *const names[] = {"getppid", "read",   "lseek",    "stat",    "open+close",
                                    "fstat",   "access", "readlink", "open+read+close"};

/* One round of OP.  FD is PATH opened once; every failure ends the program, since a failing call is a cheap call. */
static void once(enum op op, const char *path, const char *link, int fd) {
    struct stat st;
    char buffer[4096];
    int opened;
    switch (op) {
    case GETPPID:
        must(syscall(SYS_getppid) >= 0, "getppid");
        break;
    case READ:
        must(pread(fd, buffer, 512, 0) > 0, "pread");
        break;
    case LSEEK:
        must(lseek(fd, 1, SEEK_SET) == 1, "lseek");
        break;
    case STAT:
        must(stat(path, &st) == 0, path);
        break;
    case OPENCLOSE:
        opened = open(path, O_RDONLY | O_CLOEXEC);
        must(opened >= 0, path);
        close(opened);
        break;
    case FSTAT:
        must(fstat(fd, &st) == 0, "fstat");
        break;
    case ACCESS:
        must(access(path, R_OK) == 0, path);
        break;
    case READLINK:
        must(readlink(link, buffer, sizeof buffer) > 0, link);
        break;
    case OPENREAD:
        opened = open(path, O_RDONLY | O_CLOEXEC);
        must(opened >= 0, path);
        must(read(opened, buffer, sizeof buffer) > 0, "read");
        close(opened);
        break;
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: calls OP PATH ms|count N\n");
        return 2;
    }
    unsigned op = 0;
    while (op < sizeof names / sizeof *names && strcmp(names[op], argv[1]))
        op++;
    must(op < sizeof names / sizeof *names, "unknown OP");
    char link[4096];
    snprintf(link, sizeof link, "%s.link", argv[2]);
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    must(fd >= 0, argv[2]);
    int timed = !strcmp(argv[3], "ms");
    double limit = atof(argv[4]);
    long rounds = timed ? 0 : (long)limit, batch = 64;
    for (int i = 0; timed && i < 64; i++)
        once(op, argv[2], link, fd); /* warm: caches, lazy binding, the tracer's own tables */
    double start = now_ns(), end = start;
    if (!timed)
        for (long i = 0; i < rounds; i++)
            once(op, argv[2], link, fd);
    for (; timed && end - start < limit * 1e6; rounds += batch, end = now_ns())
        for (long i = 0; i < batch; i++)
            once(op, argv[2], link, fd);
    if (!timed)
        end = now_ns();
    printf("%.1f\n", (end - start) / (rounds ? rounds : 1));
    return 0;
}
