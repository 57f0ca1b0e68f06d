/* Time whole programs from inside the tracer: programs N COMMAND...  runs COMMAND N times, one after the other, with
 * output thrown away, and prints nanoseconds per run.  So the start-up of the tracing tool itself is not in the number. */
#include "common.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: programs N COMMAND...\n");
        return 2;
    }
    int count = atoi(argv[1]);
    double start = now_ns();
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) {
            dup2(open("/dev/null", O_WRONLY), 1);
            execvp(argv[2], argv + 2);
            fprintf(stderr, "programs: %s: %s\n", argv[2], strerror(errno));
            _exit(127);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr, "programs: %s ended with status %#x\n", argv[2], status);
            return 1;
        }
    }
    printf("%.1f\n", (now_ns() - start) / count);
    return 0;
}
