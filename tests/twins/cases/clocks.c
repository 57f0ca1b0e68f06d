/* The processor's time: clocks, usage, timers and limits. */
#include "case.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    MUST(clock_gettime(clock, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

CASE(cpu_time_clocks)
{
    double process = seconds(CLOCK_PROCESS_CPUTIME_ID), thread = seconds(CLOCK_THREAD_CPUTIME_ID), wall = seconds(CLOCK_MONOTONIC);
    volatile unsigned long n = 0;
    while (seconds(CLOCK_PROCESS_CPUTIME_ID) - process < 0.1)
        n++;
    double used = seconds(CLOCK_PROCESS_CPUTIME_ID) - process, mine = seconds(CLOCK_THREAD_CPUTIME_ID) - thread;
    say("used %d, by this thread %d, not more than passed %d", used >= 0.1, mine > 0.09, used <= seconds(CLOCK_MONOTONIC) - wall + 0.01);
    clockid_t other;
    MUST(clock_getcpuclockid(getpid(), &other) == 0);
    say("by its number %d", seconds(other) >= used);
    struct rusage r;
    struct tms t;
    MUST(getrusage(RUSAGE_SELF, &r) == 0 && times(&t) != (clock_t)-1);
    say("rusage %d, times %d", r.ru_utime.tv_sec + r.ru_stime.tv_sec > 0 || r.ru_utime.tv_usec + r.ru_stime.tv_usec > 50000, t.tms_utime + t.tms_stime > 0);
}

CASE(cpu_time_of_children)
{
    struct rusage r;
    if (child()) {
        double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
        while (seconds(CLOCK_PROCESS_CPUTIME_ID) - start < 0.1)
            ;
        _exit(0);
    }
    join("child");
    MUST(getrusage(RUSAGE_CHILDREN, &r) == 0);
    say("%d", (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6 >= 0.09);
}

static void on_timer(int number)
{
    say("signal %d", number);
    _exit(3);
}

CASE(cpu_timer)
{
    signal(SIGVTALRM, on_timer);
    if (child()) {
        struct itimerval t = {.it_value = {0, 50000}};
        MUST(setitimer(ITIMER_VIRTUAL, &t, NULL) == 0);
        for (volatile unsigned long n = 0;; n++)
            ;
    }
    join("child");
}

CASE(cpu_limit)
{
    if (child()) {
        struct rlimit l = {1, 2};
        MUST(setrlimit(RLIMIT_CPU, &l) == 0);
        for (volatile unsigned long n = 0;; n++)
            ;
    }
    join("child");
}
