/* The unpacked tree, BASE/ID: whole, or not there.  It gets its name by rename when everything is in it, so any number
 * of processes and machines can begin at once, and any of them can be killed; the lock only saves them double work. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "head.h"

#define A_DAY (24 * 3600)
#define PATIENCE_MS 10000
#define PAUSE_MS 20

/* Whether nobody but this user and root can have put things there. */
bool pd_trusted(const char *path)
{
    struct stat name, st;
    if (lstat(path, &name) || stat(path, &st))
        return false;
    bool owners = (st.st_uid == geteuid() || st.st_uid == 0) && (name.st_uid == geteuid() || name.st_uid == 0);
    return owners && !(st.st_mode & 022);
}

/* Whether that holds for BASE, too, and the directory that it lies in belongs to this user or root: by this rule, which
 * looks at no modes, parrot_run takes its tempdir (parrot_py/config/directories.py).  Volumes of containers are often
 * root's, open to all and without the sticky bit. */
bool pd_base_is_trusted(const char *base)
{
    struct stat st;
    char *parent = pd_join("%s/..", base);
    bool trusted = parent && pd_trusted(base) && !stat(parent, &st) && (st.st_uid == geteuid() || st.st_uid == 0);
    free(parent);
    return trusted;
}

/* Whether TREE has all that it should have.  Programs that empty /tmp take single files away, and a power cut may leave
 * empty ones; what we use is kept from the former by a new time of access, once a day. */
bool pd_tree_is_whole(const struct payload *p, const char *tree)
{
    int directory = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool whole = directory >= 0;
    time_t now = time(NULL);
    for (uint32_t i = 0; whole && i < p->count; i++) {
        const struct entry *entry = &p->entries[i];
        struct stat st;
        if (!(entry->flags & CHECKED))
            continue;
        whole = !fstatat(directory, entry->path, &st, AT_SYMLINK_NOFOLLOW) &&
                (st.st_mode & S_IFMT) == (entry->mode & S_IFMT) &&
                (S_ISDIR(st.st_mode) || (uint64_t)st.st_size == entry->size);
        if (whole && st.st_uid == geteuid() && st.st_atime < now - A_DAY)
            utimensat(directory, entry->path, NULL, AT_SYMLINK_NOFOLLOW);
    }
    if (directory >= 0)
        close(directory);
    return whole;
}

/* Make PATH and what is missing above it. */
static int make_directories(char *path)
{
    mode_t mode = geteuid() ? 0700 : 0755;
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        int failed = mkdir(path, mode) && errno != EEXIST && access(path, F_OK);
        *slash = '/';
        if (failed)
            return -errno;
    }
    return mkdir(path, mode) && errno != EEXIST ? -errno : 0;
}

/* Hold the lock of BASE, or see TREE appear.  -1 with neither: there are no locks, or who holds it takes too long. */
static int lock_or_tree(const struct payload *p, const char *base, const char *tree)
{
    char *name = pd_join("%s/lock", base);
    int fd = name ? open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0 && name)
        fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    free(name);
    for (int waited = 0; fd >= 0; waited += PAUSE_MS) {
        if (!flock(fd, LOCK_EX | LOCK_NB) || (errno == EWOULDBLOCK && pd_tree_is_whole(p, tree)))
            return fd;
        if ((errno != EWOULDBLOCK && errno != EINTR) || waited >= PATIENCE_MS) {
            close(fd);
            return -1;
        }
        nanosleep(&(struct timespec){0, PAUSE_MS * 1000000L}, NULL);
    }
    return -1;
}

/* Unpack into AWAY/tree.  A limit on file sizes is an error, not a signal, and what the caller allows is used. */
static int unpack(const struct payload *p, const char *away)
{
    struct rlimit limit, raised;
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    char *path = pd_join("%s/tree", away);
    if (!path || mkdir(path, 0700))
        return -errno;
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error = directory < 0 ? -errno : 0;
    bool limited = !getrlimit(RLIMIT_FSIZE, &limit);
    raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
    sigaction(SIGXFSZ, &ignore, &before);
    if (limited)
        setrlimit(RLIMIT_FSIZE, &raised);
    if (!error)
        error = pd_unpack(p, directory);
    if (!error && fchmod(directory, 0755))
        error = -errno;
    if (limited)
        setrlimit(RLIMIT_FSIZE, &limit);
    sigaction(SIGXFSZ, &before, NULL);
    if (directory >= 0)
        close(directory);
    free(path);
    return error;
}

/* Give the unpacked tree its name.  Who was faster keeps it, unless what it has is broken: that goes away with AWAY. */
static int settle(const struct payload *p, const char *away, const char *tree)
{
    char *made = pd_join("%s/tree", away), *old = pd_join("%s/old", away);
    int error = -ENOMEM;
    for (int attempt = 0; made && old && attempt < 2; attempt++) {
        error = rename(made, tree) ? -errno : 0;
        if (error != -EEXIST && error != -ENOTEMPTY && error != -ENOTDIR)
            break;
        if (pd_tree_is_whole(p, tree)) {
            error = 0;
            break;
        }
        if (rename(tree, old)) {
            error = -errno;
            break;
        }
    }
    free(made);
    free(old);
    return error;
}

static int make_tree(const struct payload *p, const char *base, const char *tree)
{
    char away[PATH_MAX];
    int own = -1, lock = lock_or_tree(p, base, tree), error = 0;
    if (!pd_tree_is_whole(p, tree)) {
        error = pd_make_unfinished(base, away, sizeof away, &own);
        if (!error) {
            error = unpack(p, away);
            if (!error)
                error = settle(p, away, tree);
            pd_remove_tree(away);
        }
    }
    if (own >= 0)
        close(own);
    if (lock >= 0)
        close(lock);
    return error;
}

/* CHOSEN: the user named the directory, which may be shared with others; our name in it is our own then. */
char *pd_get_tree(const struct payload *p, const char *base, bool chosen)
{
    mode_t umask_before = umask(022);
    char *tree = NULL, *path = strdup(base);
    int error = path ? make_directories(path) : -ENOMEM;
    if (!error && !chosen && !pd_base_is_trusted(base))
        error = -EPERM;
    if (!error) {
        struct stat st;
        tree = pd_join("%s/%s", base, p->id);
        if (tree && !lstat(tree, &st) && !pd_trusted(tree)) {
            free(tree);
            tree = pd_join("%s/%s.%u", base, p->id, (unsigned)geteuid());
            if (tree && !lstat(tree, &st) && !pd_trusted(tree))
                error = -EPERM;
        }
        error = error ? error : !tree ? -ENOMEM : pd_tree_is_whole(p, tree) ? 0 : make_tree(p, base, tree);
        pd_sweep_unfinished(base);
    }
    free(path);
    umask(umask_before);
    if (!error)
        return tree;
    free(tree);
    errno = -error;
    return NULL;
}
