/* One entry of the warm table, shared by the table (warm.c) and the answers from it (warmcall.c). */
#ifndef PP_WARM_H
#define PP_WARM_H

#include <sys/stat.h>

#include "pp.h"

struct warm {
    struct warm *next;
    uint32_t hash;
    int valid; /* PP_FOLLOW, PP_NOFOLLOW: for which treatment of a final link the entry holds */
    bool no_xattrs; /* it has no extended attributes of its own */
    int error; /* the name's errno, 0 when it exists */
    struct stat st;
    char *object;  /* what open may be redirected to by anybody, or NULL */
    char *target;  /* of a symbolic link, or NULL */
    char *dirents; /* records of getdents64, or NULL */
    uint32_t *ends; /* where each record ends */
    uint32_t records;
    uint32_t key_len;
    char key[];
};

struct warm *pp_warm_find(const struct pp_engine *e, const char *key, size_t len, int need);

#endif
