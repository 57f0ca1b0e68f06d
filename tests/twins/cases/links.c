/* Links that are hard to follow. */
#include "case.h"
#include <sys/statfs.h>
#include <sys/xattr.h>

static void every_call(const char *path)
{
    struct stat s;
    struct statfs f;
    char text[64];
    told(stat(path, &s), "stat"), told(lstat(path, &s), "lstat"), told(access(path, R_OK), "access");
    told(open(path, O_RDONLY), "open"), told(open(path, O_RDONLY | O_NOFOLLOW), "open nofollow");
    told(open(path, O_PATH | O_NOFOLLOW), "open path"), told(open(path, O_WRONLY | O_CREAT, 0600), "open creat");
    told(chdir(path), "chdir"), told(truncate(path, 0), "truncate"), told(chmod(path, 0600), "chmod");
    told(readlink(path, text, sizeof text), "readlink"), told(unlink(path), "unlink"), told(rmdir(path), "rmdir");
    told(mkdir(path, 0755), "mkdir"), told(rename(path, "x"), "rename"), told(link(path, "x"), "link");
    told(symlink("x", path), "symlink"), told(statfs(path, &f), "statfs"), told(chown(path, -1, -1), "chown");
    told(getxattr(path, "user.x", text, 64), "getxattr"), told(lgetxattr(path, "user.x", text, 64), "lgetxattr");
    told(utimensat(AT_FDCWD, path, NULL, 0), "utimensat"), told(utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW), "no follow");
    execl(path, "x", NULL);
    told(-1, "exec");
}

CASE(to_itself) { every_call(in("links/loop")); }
CASE(to_each_other) { every_call(in("links/loop-a")); }
CASE(to_itself_as_directory) { every_call(in("links/loop/x")); }
CASE(to_itself_with_slash) { every_call(in("links/loop/")); }
CASE(to_nothing) { every_call(in("links/dangling")); }
CASE(native_to_itself) { MUST(symlink("me", "me") == 0); every_call("me"); }
CASE(native_to_the_loop) { MUST(symlink(in("links/loop"), "to") == 0); every_call("to"); }
CASE(native_to_a_missing_name) { MUST(symlink(in("missing"), "to") == 0); every_call("to"); }
CASE(native_to_a_file) { MUST(symlink(in("hello.txt"), "to") == 0); every_call("to"); }
CASE(native_to_a_directory) { MUST(symlink(in("dir"), "to") == 0); every_call("to"); }
CASE(native_below_a_directory) { MUST(symlink(in("dir"), "to") == 0); every_call("to/file"); }

static void long_target(const char *path)
{
    static char text[5000];
    struct stat s;
    static const int sizes[] = {5000, 4096, 1024, 1023, 100, 1};
    unsigned long sum = 5381;
    MUST(lstat(path, &s) == 0);
    say("size %ld", (long)s.st_size);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        ssize_t n = readlink(path, text, (size_t)sizes[i]);
        for (ssize_t at = 0; at < n; at++)
            sum = sum * 33 + (unsigned char)text[at];
        say("%d: %zd, sum %lx", sizes[i], n, sum);
    }
    told(stat(path, &s), "stat");
    told(open(path, O_RDONLY), "open");
}

CASE(target_of_1100_bytes) { long_target(in("links/long-1100")); }
CASE(target_of_4000_bytes) { long_target(in("links/long-4000")); }
CASE(target_of_4095_bytes) { long_target(in("links/long-4095")); }
CASE(target_of_4000_bytes_that_leads_somewhere) { long_target(in("links/long-dots")); }
CASE(target_name_too_long) { long_target(in("links/long-name")); }

CASE(native_target_of_4000_bytes)
{
    static char target[4001];
    for (size_t i = 0; i + 2 < sizeof target - 10; i += 2)
        memcpy(target + i, "./", 2);
    strcat(target, "a");
    close(own_file("a", "text"));
    MUST(symlink(target, "l") == 0);
    long_target("l");
}

CASE(forty_links)
{
    char name[32];
    struct stat s;
    for (int i = 37; i <= 41; i++) {
        snprintf(name, sizeof name, "links/chain-%02d", i);
        told(stat(in(name), &s), "stat %s", name);
        told(open(in(name), O_RDONLY), "open %s", name);
    }
}

CASE(forty_links_from_native)
{
    char name[32], to[32];
    struct stat s;
    MUST(symlink(in("links/chain-30"), "l0") == 0);
    for (int i = 1; i < 15; i++) {
        snprintf(name, sizeof name, "l%d", i), snprintf(to, sizeof to, "l%d", i - 1);
        MUST(symlink(to, name) == 0);
        told(stat(name, &s), "%s", name);
    }
}

CASE(real_paths)
{
    static const char *const names[] = {"links/file", "links/round", "links/self/self/up/dir", "links/abs-dir/..", "links/loop",
                                        "links/dangling", "links/out-dir", "links/top", "hello.txt/", "dir/../links/./dir"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char *real = realpath(in(names[i]), NULL);
        say("%s: %s", names[i], real ? real : errname(errno));
    }
}
