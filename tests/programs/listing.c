/* getdents64 and getdents: complete listings through any buffer size, types, inode numbers, positions, sharing. */
#include "canon.h"
#include <dirent.h>
#include <sys/uio.h>

struct dirent64_raw { uint64_t ino; int64_t off; unsigned short reclen; unsigned char type; char name[]; };
struct dirent_raw { unsigned long ino, off; unsigned short reclen; char name[]; };

static struct { char name[NAME_MAX + 1]; unsigned type; uint64_t ino; } found[4096];
static size_t n_found;

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

/* Read the rest of *fd* in pieces of *size* bytes; the names are added to found[].  Returns the pieces or -1. */
static long slurp(int fd, size_t size, int old)
{
    char buffer[65536];
    long pieces = 0;
    for (;;) {
        long n = syscall(old ? SYS_getdents : SYS_getdents64, fd, buffer, size);
        if (n <= 0)
            return n < 0 ? -1 : pieces;
        pieces++;
        for (long at = 0; at < n;) {
            struct dirent64_raw *e = (void *)(buffer + at);
            struct dirent_raw *o = (void *)(buffer + at);
            unsigned short reclen = old ? o->reclen : e->reclen;
            MUST(n_found < COUNT(found) && reclen % (old ? sizeof(long) : 8) == 0);
            strcpy(found[n_found].name, old ? o->name : e->name);
            found[n_found].type = old ? (unsigned char)buffer[at + reclen - 1] : e->type;
            found[n_found++].ino = old ? o->ino : e->ino;
            at += reclen;
        }
    }
}

/* The top of a repository lists no "..", as that of a mounted one: natively it is left out here. */
static void drop_dots_of_the_top(const char *rel)
{
    for (size_t i = 0; !*rel && i < n_found; i++)
        if (!strcmp(found[i].name, "..")) {
            found[i] = found[--n_found];
            return;
        }
}

static void print_listing(const char *rel)
{
    struct stat s;
    int dir = quiet_open(in(rel), O_PATH);
    unsigned same = 0;
    drop_dots_of_the_top(rel);
    qsort(found, n_found, sizeof found[0], by_name);
    for (size_t i = 0; i < n_found; i++) {
        if (n_found < 100)
            say("   %u %s", found[i].type, found[i].name);
        same += !fstatat(dir, found[i].name, &s, AT_SYMLINK_NOFOLLOW) && s.st_ino == found[i].ino && IFTODT(s.st_mode) == found[i].type;
    }
    close(dir);
    say("   %zu entries, all as lstat says: %d", n_found, same == n_found);
    for (size_t i = 1; i < n_found; i++)
        if (!strcmp(found[i].name, found[i - 1].name))
            say("   twice: %s", found[i].name);
}

static void complete(const char *rel, size_t size, int old)
{
    int fd = quiet_open(in(rel), O_RDONLY | O_DIRECTORY);
    n_found = 0;
    if (told(fd, "open %s", rel) < 0)
        return;
    long pieces = slurp(fd, size, old);
    told(pieces, "%s '%s' in pieces of %zu", old ? "getdents" : "getdents64", rel, size);
    print_listing(rel);
    told(slurp(fd, size, old), "   at the end");
    close(fd);
}

/* lseek to zero, to a place told by d_off, and into a duplicate: all one open file. */
static void positions(void)
{
    char small[96];
    int fd = quiet_open(in("dir"), O_RDONLY), twin = dup(fd);
    long first = syscall(SYS_getdents64, fd, small, sizeof small);
    MUST(first > 0);
    n_found = 0;
    slurp(twin, 4096, 0);
    size_t rest = n_found;
    told(lseek(fd, 0, SEEK_SET), "rewind");
    n_found = 0;
    slurp(twin, 4096, 0);
    say("a duplicate reads on: %d; after rewinding all: %zu", rest < n_found, n_found);
    /* Go back to every position that was told and read from there: telldir and seekdir. */
    int64_t offs[16];
    size_t n = 0, good = 0;
    lseek(fd, 0, SEEK_SET);
    while (n < 16 && syscall(SYS_getdents64, fd, small, 40) > 0)
        offs[n++] = ((struct dirent64_raw *)(void *)small)->off;
    for (size_t i = 0; i < n; i++) {
        MUST(lseek(fd, offs[i], SEEK_SET) == offs[i]);
        n_found = 0;
        slurp(fd, 4096, 0);
        good += n_found == n - i - 1;
    }
    say("every position found again: %d of them %d", n == good, (int)n);
    lseek(fd, 0, SEEK_SET);
    pid_t pid = fork();
    if (pid == 0) {
        n_found = 0;
        slurp(fd, 4096, 0);
        say("child reads %zu", n_found);
        _exit(0);
    }
    say_wait("child", pid);
    n_found = 0;
    slurp(fd, 4096, 0);
    say("parent finds the end: %zu left", n_found);
    close(fd), close(twin);
    fd = quiet_open(in("dir"), O_RDONLY);
    n_found = 0;
    slurp(fd, 4096, 0);
    say("a new descriptor starts anew: %zu", n_found);
    close(fd);
}

static void library(void)
{
    DIR *d = opendir(in("many"));
    struct dirent *e;
    char name[256] = "";
    long where = 0, n = 0;
    MUST(d);
    while ((e = readdir(d)))
        if (++n == 1500)
            where = telldir(d), name[0] = 0;
        else if (n == 1501)
            strcpy(name, e->d_name);
    seekdir(d, where);
    e = readdir(d);
    say("readdir: %ld entries; seekdir returns to the place: %d", n, e && !strcmp(e->d_name, name));
    rewinddir(d);
    for (n = 0; readdir(d); n++)
        ;
    say("after rewinddir: %ld", n);
    closedir(d);
}

static void errors(void)
{
    char buffer[4096];
    struct iovec v = { buffer, sizeof buffer };
    int file = quiet_open(in("hello.txt"), O_RDONLY), dir = quiet_open(in("dir"), O_RDONLY), path = quiet_open(in("dir"), O_PATH);
    told(syscall(SYS_getdents64, file, buffer, sizeof buffer), "getdents64 of a file");
    told(syscall(SYS_getdents64, 999, buffer, sizeof buffer), "getdents64 of nothing");
    told(syscall(SYS_getdents64, path, buffer, sizeof buffer), "getdents64 of O_PATH");
    told(syscall(SYS_getdents64, dir, buffer, 8), "getdents64 into 8 bytes");
    told(syscall(SYS_getdents64, dir, buffer, 0), "getdents64 into 0 bytes");
    told(syscall(SYS_getdents64, dir, (char *)16, 4096), "getdents64 into nowhere");
    told(syscall(SYS_getdents64, dir, buffer, sizeof buffer), "getdents64 after those errors");
    told(read(dir, buffer, 1), "read of a directory");
    told(pread(dir, buffer, 1, 0), "pread of a directory");
    told(readv(dir, &v, 1), "readv of a directory");
    told(write(dir, buffer, 1), "write to a directory");
    told(ftruncate(dir, 0), "ftruncate of a directory");
    told(fsync(dir), "fsync of a directory");
    told(lseek(dir, -1, SEEK_SET), "lseek -1 of a directory");
    close(file), close(dir), close(path);
}

int main(int argc, char **argv)
{
    static const char *const dirs[] = { "", "dir", "emptydir", "names", "links", "hard", "nested", "links/dir", "deep", "dir/sub/.." };
    begin(argc, argv);
    for (size_t i = 0; i < COUNT(dirs); i++)
        complete(dirs[i], 4096, 0);
    complete("many", 32768, 0);
    complete("many", 300, 0);
    complete("names", 280, 0);
    complete("dir", 32, 0);
    complete("noread-dir", 4096, 0);
    complete("noexec-dir", 4096, 0);
#ifdef SYS_getdents
    complete("dir", 64, 1);
    complete("many", 4096, 1);
#endif
    positions();
    library();
    errors();
    return 0;
}
