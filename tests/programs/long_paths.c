/* Paths at and beyond PATH_MAX and names at and beyond NAME_MAX, in every call that takes a path; a working directory
 * that no path can name. */
#include "canon.h"
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static char path[6000], other[6000];

/* A path of exactly length bytes that leads to rel, below base: the slashes in the middle are of no account. */
static const char *padded(char *out, const char *base, const char *rel, size_t length)
{
    size_t head = strlen(base), tail = strlen(rel);
    memset(out, '/', length);
    memcpy(out, base, head);
    memcpy(out + length - tail, rel, tail);
    out[length] = 0;
    return out;
}

static void reading(const char *what, const char *p)
{
    struct stat st;
    struct statfs fs;
    char buffer[6000];
    static char statx_room[512];
#define TRY(call) told(call, "%s: %.*s", what, (int)strcspn(#call + 8, ","), #call + 8)
    TRY(syscall(SYS_newfstatat, AT_FDCWD, p, &st, 0) < 0 ? -1 : 0);
    TRY(syscall(SYS_statx, AT_FDCWD, p, 0, 0x7ff, statx_room));
    TRY(syscall(SYS_faccessat, AT_FDCWD, p, R_OK));
    TRY(syscall(SYS_faccessat2, AT_FDCWD, p, R_OK, 0));
    TRY(syscall(SYS_readlinkat, AT_FDCWD, p, buffer, sizeof buffer));
    TRY(syscall(SYS_statfs, p, &fs) < 0 ? -1 : 0);
    TRY(syscall(SYS_getxattr, p, "user.none", buffer, sizeof buffer));
    int fd = (int)TRY(syscall(SYS_openat, AT_FDCWD, p, O_RDONLY) < 0 ? -1 : 0);
    close(fd);
    TRY(syscall(SYS_chdir, p));
    TRY(syscall(SYS_truncate, p, 0));
    TRY(syscall(SYS_fchmodat, AT_FDCWD, p, 0600));
    TRY(syscall(SYS_fchownat, AT_FDCWD, p, -1, -1, 0));
    TRY(syscall(SYS_utimensat, AT_FDCWD, p, NULL, 0));
    char *arguments[] = { (char *)"x", NULL };
    pid_t child = fork();
    if (child == 0) {
        syscall(SYS_execve, p, arguments, arguments + 1);
        _exit(errno);
    }
    say_wait("execve", child);
}

static void making(const char *what, const char *p, const char *q)
{
    TRY(syscall(SYS_mkdirat, AT_FDCWD, p, 0700));
    TRY(syscall(SYS_mknodat, AT_FDCWD, p, S_IFIFO | 0600, 0));
    TRY(syscall(SYS_unlinkat, AT_FDCWD, p, 0));
    TRY(syscall(SYS_unlinkat, AT_FDCWD, p, AT_REMOVEDIR));
    TRY(syscall(SYS_symlinkat, "target", AT_FDCWD, p));
    TRY(syscall(SYS_linkat, AT_FDCWD, p, AT_FDCWD, q, 0));
    TRY(syscall(SYS_linkat, AT_FDCWD, q, AT_FDCWD, p, 0));
    TRY(syscall(SYS_renameat2, AT_FDCWD, p, AT_FDCWD, q, 0));
    TRY(syscall(SYS_renameat2, AT_FDCWD, q, AT_FDCWD, p, 0));
    TRY(syscall(SYS_openat, AT_FDCWD, p, O_RDWR | O_CREAT | O_EXCL, 0600) < 0 ? -1 : 0);
}

static void lengths(void)
{
    static const size_t tried[] = { 255, 256, 1024, 4094, 4095, 4096, 4097, 5000 };
    char base[PATH_MAX], what[64];
    snprintf(base, sizeof base, "%s", in("dir"));
    for (size_t i = 0; i < COUNT(tried); i++) {
        snprintf(what, sizeof what, "%zu bytes", tried[i]);
        reading(what, padded(path, base, "file", tried[i]));
        MUST(chdir(base) == 0);
        snprintf(what, sizeof what, "%zu bytes, relative", tried[i]);
        reading(what, padded(path, "./", "file", tried[i]));
        snprintf(what, sizeof what, "%zu bytes, missing", tried[i]);
        reading(what, padded(path, base, "missing", tried[i]));
        making(what, path, padded(other, "/tmp/", "nothing", tried[i]));
        snprintf(what, sizeof what, "%zu bytes, dots", tried[i]);
        reading(what, padded(path, base, "../dir/./file", tried[i]));
        told(symlink(padded(other, "/x/", "end", tried[i]), in("new")), "%s: target of a link", what);
    }
}

static void names(void)
{
    static const size_t tried[] = { 254, 255, 256, 1000 };
    char what[64];
    for (size_t i = 0; i < COUNT(tried); i++) {
        snprintf(path, sizeof path, "%s/", in("names"));
        size_t at = strlen(path);
        memset(path + at, 'n', tried[i]);
        path[at + tried[i]] = 0;
        snprintf(what, sizeof what, "a name of %zu", tried[i]);
        reading(what, path);
        making(what, path, in("dir/one"));
        strcat(path, "/below");
        snprintf(what, sizeof what, "below a name of %zu", tried[i]);
        reading(what, path);
    }
}

/* Deeper than a path can say, in a directory of the host; then into ours and back. */
static void deep(void)
{
    char name[201], buffer[6000];
    memset(name, 'd', 200);
    name[200] = 0;
    int back = quiet_open(".", O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 25; i++)
        MUST(mkdir(name, 0755) == 0 && chdir(name) == 0);
    told(syscall(SYS_getcwd, buffer, sizeof buffer) < 0 ? -1 : 0, "deep: getcwd");
    int fd = quiet_open("here", O_RDWR | O_CREAT);
    close(fd);
    fd = open("made", O_WRONLY | O_CREAT, 0600);
    told(fd < 0 ? -1 : 0, "deep: create");
    close(fd);
    struct stat st;
    told(stat("made", &st), "deep: stat");
    told(rename("made", "moved"), "deep: rename");
    told(stat("missing", &st), "deep: stat of nothing");
    int deepest = quiet_open(".", O_RDONLY | O_DIRECTORY);
    told(chdir(in("dir")), "deep: chdir to ours");
    told(stat("file", &st), "deep: then stat");
    told(fchdir(deepest), "deep: fchdir back");
    told(unlink("moved"), "deep: unlink");
    unlink("here");
    for (int i = 0; i < 25; i++)
        MUST(chdir("..") == 0 && rmdir(name) == 0);
    MUST(fchdir(back) == 0);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    char start[PATH_MAX];
    MUST(getcwd(start, sizeof start) != NULL);
    lengths();
    names();
    MUST(chdir(start) == 0);
    deep();
    return 0;
}
