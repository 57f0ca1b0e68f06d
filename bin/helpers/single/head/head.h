/* The head of the single file (docs/distribution.md): a static program that needs nothing of the node but Linux and a
 * directory.  It unpacks what is appended to it, once, and becomes the interpreter in there.  It leaves the caller's
 * environment, signals and descriptors as they are: they are the job's. */
#ifndef PARROT_HEAD_H
#define PARROT_HEAD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ID_LENGTH 32         /* hexadecimal digits that name a payload */
#define BLOCK (1u << 20)     /* bytes of a file that are compressed together */
#define MAX_PLACES 16
#define CHECKED 1u           /* flag of an entry: looked at by each start */

/* One thing of the payload.  Files have their blocks in the order of the index. */
struct entry {
    uint64_t size;
    uint32_t mode;
    uint16_t flags;
    const char *path;
};

struct payload {
    int fd;                  /* this program's own file */
    off_t at, blocks;        /* where index and blocks begin */
    uint64_t size;
    char id[ID_LENGTH + 1];
    char *options;           /* parrot_run's options: the short ones as for getopt, then a long one a line */
    struct entry *entries;
    uint32_t count;
};

/* self.c: 1 when this program has a payload, 0 when it has none, -errno. */
int pd_open_payload(struct payload *p);
int pd_read_at(int fd, void *buffer, size_t size, off_t at);

/* place.c: directories that a tree may be in, the best first. */
struct places {
    char *path[MAX_PLACES];
    int count;
    bool chosen;             /* the first one was named by PARROT_DIST_DIR: nothing else will do */
};
void pd_list_places(struct places *places, const struct payload *p, int argc, char **argv);
char *pd_outer_tree(const struct payload *p);

/* tree.c: the whole tree below BASE, made if need be.  NULL with errno. */
char *pd_get_tree(const struct payload *p, const char *base, bool chosen);
bool pd_tree_is_whole(const struct payload *p, const char *tree);
bool pd_trusted(const char *path);
bool pd_base_is_trusted(const char *base);

/* sweep.c: directories that are not finished.  */
int pd_make_unfinished(const char *base, char *path, size_t size, int *lock);
void pd_sweep_unfinished(const char *base);
void pd_remove_tree(const char *path);

/* unpack.c: 0 or -errno; EBADMSG: this program's file is damaged. */
int pd_unpack(const struct payload *p, int directory);
uint32_t pd_checksum(const uint8_t *data, size_t size); /* CRC-32 */

/* inflate.c: whether IN is a deflate stream of exactly SIZE bytes, which are in OUT then. */
bool pd_inflate(const uint8_t *in, size_t length, uint8_t *out, size_t size);

/* start.c: become the interpreter of TREE; returns -errno. */
int pd_start(const char *tree, const char *name, char **arguments);
int pd_start_plain(char **argv);

void pd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *pd_join(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
