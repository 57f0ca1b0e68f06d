/* open, openat, creat and openat2 with every access mode on every kind of object. */
#include "canon.h"
#include <linux/openat2.h>

static const char *const targets[] = {
    "hello.txt", "empty", "private", "unreadable", "readonly", "big.bin", "dir", "dir/", "dir/.", "dir/..", ".", "", "emptydir",
    "missing", "missing/x", "missing/", "hello.txt/", "hello.txt/x", "hello.txt/.", "hello.txt/..", "links/file", "links/dir",
    "links/dir/", "links/dangling", "links/dangling/", "links/loop", "links/loop/x", "links/loop-a", "links/up/hello.txt",
    "links/self/self/file", "links/file/", "links/abs", "links/abs-dir/deeper", "links/out-file", "links/out-dir", "links/out-dir/stdio.h",
    "links/null", "noexec-dir/file", "noexec-dir", "noread-dir/file", "noread-dir", "nested/inside", "nested", "hard/a", "sock",
};

static const struct { int flags; const char *name; } modes[] = {
    { O_RDONLY, "rdonly" },
    { O_WRONLY, "wronly" },
    { O_RDWR, "rdwr" },
    { O_RDONLY | O_DIRECTORY, "directory" },
    { O_RDONLY | O_NOFOLLOW, "nofollow" },
    { O_RDONLY | O_NOFOLLOW | O_DIRECTORY, "nofollow+directory" },
    { O_RDONLY | O_TRUNC, "trunc" },
    { O_WRONLY | O_APPEND, "append" },
    { O_RDONLY | O_CREAT, "creat" },
    { O_WRONLY | O_CREAT | O_TRUNC, "wronly+creat+trunc" },
    { O_RDWR | O_CREAT | O_EXCL, "creat+excl" },
    { O_RDONLY | O_CREAT | O_NOFOLLOW, "creat+nofollow" },
    { O_RDWR | O_TMPFILE, "tmpfile" },
    { O_RDONLY | __O_TMPFILE, "tmpfile without write" },
    { O_WRONLY | O_DIRECTORY, "wronly+directory" },
    { O_PATH, "path" },
    { O_PATH | O_NOFOLLOW, "path+nofollow" },
    { O_PATH | O_DIRECTORY, "path+directory" },
    { O_PATH | O_NOFOLLOW | O_DIRECTORY, "path+nofollow+directory" },
    { O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_LARGEFILE, "rdonly+harmless" },
    { O_RDONLY | O_NOATIME, "noatime" },
    { 3, "mode three" },
};

static void close_told(long fd)
{
    struct stat s;
    if (fd < 0)
        return;
    MUST(fstat((int)fd, &s) == 0);
    say("   is a %s, flags %#o", kind(s.st_mode), fcntl((int)fd, F_GETFL) & ~O_LARGEFILE);
    close((int)fd);
}

static void all_modes(const char *rel)
{
    for (size_t m = 0; m < COUNT(modes); m++)
        close_told(told(syscall(SYS_openat, AT_FDCWD, in(rel), modes[m].flags, 0644), "openat '%s' %s", rel, modes[m].name));
}

static void other_forms(const char *rel)
{
    struct open_how how = { .flags = O_RDONLY };
#ifdef SYS_open
    close_told(told(syscall(SYS_open, in(rel), O_RDONLY), "open '%s'", rel));
    close_told(told(syscall(SYS_creat, in(rel), 0600), "creat '%s'", rel));
#endif
    close_told(told(syscall(SYS_openat2, AT_FDCWD, in(rel), &how, sizeof how), "openat2 '%s'", rel));
    how.flags = O_WRONLY;
    close_told(told(syscall(SYS_openat2, AT_FDCWD, in(rel), &how, sizeof how), "openat2 '%s' wronly", rel));
}

static void contents(void)
{
    static const char *const files[] = { "hello.txt", "empty", "big.bin", "sizes/1", "sizes/4095", "sizes/4096", "sizes/4097",
                                         "sizes/65536", "sizes/1000000", "links/chain-39", "links/chain-40", "links/chain-41", "nested/inside" };
    for (size_t i = 0; i < COUNT(files); i++) {
        int fd = quiet_open(in(files[i]), O_RDONLY);
        if (fd < 0) {
            told(fd, "content %s", files[i]);
            continue;
        }
        say_content(files[i], fd);
        close(fd);
    }
}

/* The number of a new descriptor is the lowest free one, as for every open. */
static void numbers(void)
{
    int a = quiet_open(in("hello.txt"), O_RDONLY), b = quiet_open(in("dir"), O_RDONLY), c = quiet_open("/dev/null", O_RDONLY);
    say("numbers %d %d %d", a, b, c);
    close(b);
    say("again %d", quiet_open(in("empty"), O_RDONLY));
    close(a);
    say("again %d", quiet_open("/dev/null", O_RDONLY));
    close(a), close(b), close(c);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    for (size_t t = 0; t < COUNT(targets); t++) {
        all_modes(targets[t]);
        other_forms(targets[t]);
    }
    contents();
    numbers();
    return 0;
}
