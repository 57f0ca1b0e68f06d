/* Directories in the making: BASE/unfinished.XXXXXX with a file `lock`, which its maker holds locked.  The kernel drops
 * the lock however the maker ends, so what can be locked by somebody else is rubbish. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "head.h"

#define PREFIX "unfinished."
#define ATTEMPTS 100
#define LONG_AGO (24 * 3600)

/* Make one and hold its lock (*lock; -1 where there are no locks); 0 or -errno. */
int pd_make_unfinished(const char *base, char *path, size_t size, int *lock)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        struct stat st;
        if ((size_t)snprintf(path, size, "%s/" PREFIX "XXXXXX", base) >= size)
            return -ENAMETOOLONG;
        if (!mkdtemp(path))
            return -errno;
        char *name = pd_join("%s/lock", path);
        *lock = name ? open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
        free(name);
        if (*lock < 0) {
            int error = errno;
            if (!rmdir(path) || errno != ENOENT)
                return -error;
            continue; /* a sweeper was faster than our lock */
        }
        if (!flock(*lock, LOCK_EX | LOCK_NB)) {
            if (!fstat(*lock, &st) && st.st_nlink)
                return 0;
        } else if (errno != EWOULDBLOCK) {
            close(*lock);
            *lock = -1;
            return 0;
        }
        close(*lock);
    }
    return -EBUSY;
}

static void remove_below(int directory, const char *name)
{
    if (!unlinkat(directory, name, 0) || (errno != EISDIR && errno != EPERM))
        return;
    int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing) {
        for (struct dirent *entry; (entry = readdir(listing));)
            if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
                remove_below(fd, entry->d_name);
        closedir(listing);
    } else if (fd >= 0) {
        close(fd);
    }
    unlinkat(directory, name, AT_REMOVEDIR);
}

void pd_remove_tree(const char *path)
{
    remove_below(AT_FDCWD, path);
}

static bool is_old(const char *path)
{
    struct stat st;
    return !stat(path, &st) && st.st_mtime < time(NULL) - LONG_AGO;
}

/* Remove the directory PATH if nobody is at work in it. */
static void sweep(const char *path)
{
    char *name = pd_join("%s/lock", path);
    int lock = name ? open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    free(name);
    /* Empty: its maker was killed between two steps, or is between them and will make another one. */
    if (lock < 0 && !rmdir(path))
        return;
    /* Where the file system has no locks only age can tell. */
    bool dead = lock < 0 ? is_old(path) : !flock(lock, LOCK_EX | LOCK_NB) || (errno != EWOULDBLOCK && is_old(path));
    if (dead)
        pd_remove_tree(path);
    if (lock >= 0)
        close(lock);
}

void pd_sweep_unfinished(const char *base)
{
    DIR *listing = opendir(base);
    if (!listing)
        return;
    for (struct dirent *entry; (entry = readdir(listing));) {
        struct stat st;
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
            continue;
        char *path = pd_join("%s/%s", base, entry->d_name);
        if (path && !lstat(path, &st) && S_ISDIR(st.st_mode) && st.st_uid == geteuid())
            sweep(path);
        free(path);
    }
    closedir(listing);
}
