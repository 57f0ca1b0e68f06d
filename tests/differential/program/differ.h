/* The interpreter of the differential fuzzer: runs sequences of system calls that a text file describes and writes one
 * line for each call, in a form in which two systems that behave alike write the same.
 *
 *     differ BATCH OUT SCRATCH 0             makes the working directories of all sequences
 *     differ BATCH OUT SCRATCH WORKERS       runs them, in WORKERS threads with descriptors and directories of their own
 *
 * BATCH is lines of words: see line.c for the words, flow.c for the verbs.  OUT gets "seq N" and the lines of that
 * sequence, for each sequence.  Nothing is interpreted but what the lines say: whatever the generator thinks of, bad
 * pointers and closed descriptors included, goes to the kernel as it stands.
 */
#ifndef DIFFER_H
#define DIFFER_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FILL 0xAA       /* what output buffers hold before the call */
#define SLOTS 16
#define MAX_ARGS 6
#define MAX_COOKIES 512
#define MAX_IDS 8192
#define ZONES 4
#define ZONE_SIZE (96 << 10)
#define ARENA_SIZE (1 << 20)
#define PATIENCE 60     /* seconds for one sequence, which takes some milliseconds where nobody else is at work */

/* What all processes of a sequence write to; lies in shared memory. */
struct shared {
    size_t used;
    unsigned ids;
    struct { uint64_t dev, ino; } id[MAX_IDS];
    char out[];
};

/* One thread that runs sequences, and what its calls may point to. */
struct worker {
    struct shared *shared;
    size_t capacity;
    long slot[SLOTS];
    int64_t cookie[MAX_COOKIES];
    int cookies;
    uint64_t listed[2];  /* device and inode of the directory that they belong to */
    char *arena, *zone[ZONES];
    size_t arena_used;
    int zones_used;
};

/* An argument of a call: the register, and the memory behind it that the call may have written. */
struct arg {
    uint64_t value;
    unsigned char *data;
    size_t size, slack;  /* slack: how many bytes behind data belong to it and must stay as they are */
};

struct line {
    char *words[16];
    int count;
};

struct call {
    const char *name;
    long nr;
    char show;
    int shown;
    int slot;
    struct arg args[MAX_ARGS];
    int count;
};

/* main.c */
extern _Thread_local struct worker *me;
const char *device_name(uint64_t dev);
bool is_top(uint64_t dev, uint64_t ino);

/* line.c */
void *pp_take(size_t size);
bool pp_parse_call(struct line *line, struct call *call);
bool pp_parse_arg(const char *word, struct arg *arg);
int pp_split(char *text, struct line *line);
char **pp_parse_vector(const char *word);

/* raw.c */
long pp_raw(long nr, const struct arg *args, unsigned *changed);
const char *pp_errname(long e);

/* show.c */
void pp_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void pp_say_text(const char *data, size_t size);
void pp_say_hash(const unsigned char *data, size_t size);
bool pp_is_part_of_top(const struct call *call);
bool pp_is_lock_of_host(const struct call *call);
void pp_show(const struct call *call, long rv);

/* flow.c */
void pp_run_lines(char **lines, int count, int number);

/* fixture.c */
void pp_prepare(const char *place);

#endif
