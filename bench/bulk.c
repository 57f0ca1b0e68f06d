/* Get at all bytes of a file: bulk read FILE | bulk mmap FILE  prints nanoseconds for the whole of it;
 * bulk churn FILE N  maps and unmaps it N times and prints the growth of this process's VmSize in KiB, and VmSize. */
#include "common.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static long vm_size_kib(void) {
    char line[256];
    long size = -1;
    FILE *status = fopen("/proc/self/status", "r");
    must(status != NULL, "/proc/self/status");
    while (fgets(line, sizeof line, status))
        if (sscanf(line, "VmSize: %ld", &size) == 1)
            break;
    fclose(status);
    return size;
}

int main(int argc, char **argv) {
    static char buffer[1 << 20];
    if (argc < 3) {
        fprintf(stderr, "usage: bulk read|mmap FILE, bulk churn FILE N\n");
        return 2;
    }
    int fd = open(argv[2], O_RDONLY);
    struct stat st;
    must(fd >= 0 && fstat(fd, &st) == 0, argv[2]);
    volatile unsigned long sum = 0;
    if (!strcmp(argv[1], "churn")) {
        long before = vm_size_kib(), rounds = argc > 3 ? atol(argv[3]) : 1;
        size_t length = st.st_size < 65536 ? (size_t)st.st_size : 65536;
        for (long i = 0; i < rounds; i++) {
            char *map = mmap(NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);
            must(map != MAP_FAILED, "mmap");
            sum += map[0];
            must(munmap(map, length) == 0, "munmap");
        }
        long after = vm_size_kib();
        printf("%ld %ld\n", after - before, after);
        return 0;
    }
    double start = now_ns();
    if (!strcmp(argv[1], "read")) {
        ssize_t got;
        while ((got = read(fd, buffer, sizeof buffer)) > 0)
            sum += buffer[0];
        must(got == 0, "read");
    } else {
        char *map = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        must(map != MAP_FAILED, "mmap");
        for (off_t at = 0; at < st.st_size; at += 4096)
            sum += map[at];
        munmap(map, st.st_size);
    }
    printf("%.1f\n", now_ns() - start);
    return 0;
}
