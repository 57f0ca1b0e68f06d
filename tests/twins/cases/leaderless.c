/* A process whose first thread has ended while another one goes on: /proc/PID tells nothing about directory, descriptors
 * and memory any more, /proc/thread-self does, and the tree is there as before. */
#include "case.h"
#include <pthread.h>

static void say_link(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target);
    say("%s: %.*s", path, n < 0 ? (int)strlen(errname(errno)) : (int)n, n < 0 ? errname(errno) : target);
}

static void say_lines(const char *path)
{
    char line[PATH_MAX];
    int count = 0;
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        count++;
    say("%s: %s", path, !file ? errname(errno) : count ? "lines" : "empty");
    if (file)
        fclose(file);
}

static void look_around(void)
{
    char here[PATH_MAX], path[64];
    struct stat s;
    told(chdir(in("dir/sub")), "chdir");
    MUST(getcwd(here, sizeof here));
    say("in %s", here);
    int fd = open("leaf", O_RDONLY);
    told(fstat(fd, &s), "fstat");
    told(stat("../file", &s), "stat by a relative name");
    say_link("/proc/self/cwd");
    say_link("/proc/thread-self/cwd");
    say_link("/proc/self/exe");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    told(open(path, O_RDONLY), "again by /proc/self/fd");
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    told(open(path, O_RDONLY), "again by /proc/thread-self/fd");
    say_lines("/proc/self/maps");
    say_lines("/proc/thread-self/maps");
}

static void *stays(void *first)
{
    MUST(pthread_join(*(pthread_t *)first, NULL) == 0);
    look_around();
    if (child()) {
        told(access("leaf", R_OK), "a child of it");
        _exit(8);
    }
    join("its child");
    char *argv[] = {"report", "5", NULL};
    execv(in("bin/report-static"), argv);
    say("execv: %s", errname(errno));
    exit(1);
}

CASE(the_first_thread_ends)
{
    if (child()) {
        static pthread_t first;
        pthread_t other;
        first = pthread_self();
        MUST(pthread_create(&other, NULL, stays, &first) == 0);
        pthread_exit(NULL);
    }
    join("whose first thread ended");
}
