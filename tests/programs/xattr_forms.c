/* Extended attributes and statfs: by path, by link, by descriptor; sizes, missing names, long names, bad pointers. */
#include "canon.h"
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void say_value(const char *what, long n, const char *value)
{
    if (told(n, "%s", what) < 0)
        return;
    printf("   %ld bytes ", n);
    for (long i = 0; i < n && i < 32; i++)
        printf("%02x", (unsigned char)value[i]);
    printf("\n");
}

/* The names of a list, sorted, without those of the system (security labels are the machine's affair). */
static void say_list(const char *what, long n, char *list)
{
    char *names[64];
    size_t count = 0;
    if (told(n, "%s", what) < 0)
        return;
    for (char *p = list; p < list + n && count < COUNT(names); p += strlen(p) + 1)
        if (!strncmp(p, "user.", 5))
            names[count++] = p;
    qsort(names, count, sizeof names[0], by_text);
    for (size_t i = 0; i < count; i++)
        say("   %s", names[i]);
}

static void values(void)
{
    static const char *const paths[] = { "attributes", "hello.txt", "dir", "attributed-dir", "links/attributes", "links/dangling", "missing", "hello.txt/x",
                                         "unreadable", "noexec-dir/file", "fifo", "links/loop", "links/null" };
    static const char *const names[] = { "user.colour", "user.empty", "user.big", "user.binary", "user.none", "trusted.none", "security.capability", "" };
    char value[70000], what[300];
    for (size_t p = 0; p < COUNT(paths); p++) {
        int fd = p == 10 ? -1 : quiet_open(in(paths[p]), O_RDONLY);
        for (size_t n = 0; n < COUNT(names); n++) {
            snprintf(what, sizeof what, "getxattr '%s' %s", paths[p], names[n]);
            say_value(what, syscall(SYS_getxattr, in(paths[p]), names[n], value, sizeof value), value);
            snprintf(what, sizeof what, "lgetxattr '%s' %s", paths[p], names[n]);
            say_value(what, syscall(SYS_lgetxattr, in(paths[p]), names[n], value, sizeof value), value);
            if (fd < 0)
                continue;
            snprintf(what, sizeof what, "fgetxattr '%s' %s", paths[p], names[n]);
            say_value(what, syscall(SYS_fgetxattr, fd, names[n], value, sizeof value), value);
        }
        snprintf(what, sizeof what, "listxattr '%s'", paths[p]);
        say_list(what, syscall(SYS_listxattr, in(paths[p]), value, sizeof value), value);
        snprintf(what, sizeof what, "llistxattr '%s'", paths[p]);
        say_list(what, syscall(SYS_llistxattr, in(paths[p]), value, sizeof value), value);
        snprintf(what, sizeof what, "flistxattr '%s'", paths[p]);
        if (fd >= 0)
            say_list(what, syscall(SYS_flistxattr, fd, value, sizeof value), value), close(fd);
    }
}

static void sizes_and_errors(void)
{
    char value[256], *list = value, name[400];
    const char *p = in("attributes");
    int fd = quiet_open(p, O_RDONLY), path = quiet_open(p, O_PATH);
    say("size asked: %ld", syscall(SYS_getxattr, p, "user.colour", NULL, 0));
    say("size asked of the empty one: %ld", syscall(SYS_getxattr, p, "user.empty", NULL, 0));
    told(syscall(SYS_getxattr, p, "user.colour", value, 3), "getxattr into 3");
    told(syscall(SYS_getxattr, p, "user.colour", value, 4), "getxattr into 4");
    told(syscall(SYS_getxattr, p, "user.colour", (char *)16, 64), "getxattr into nowhere");
    told(syscall(SYS_getxattr, p, (char *)16, value, 64), "getxattr name from nowhere");
    told(syscall(SYS_getxattr, (char *)16, "user.colour", value, 64), "getxattr path from nowhere");
    told(syscall(SYS_listxattr, p, list, 5), "listxattr into 5");
    told(syscall(SYS_listxattr, p, (char *)16, 4000), "listxattr into nowhere");
    memset(name, 'n', sizeof name);
    memcpy(name, "user.", 5);
    name[255] = 0;
    told(syscall(SYS_getxattr, p, name, value, sizeof value), "getxattr name of 255");
    name[255] = 'n', name[256] = 0;
    told(syscall(SYS_getxattr, p, name, value, sizeof value), "getxattr name of 256");
    told(syscall(SYS_setxattr, p, name, value, 1, 0), "setxattr name of 256");
    told(syscall(SYS_setxattr, p, "user.x", value, 70000, 0), "setxattr value of 70000");
    told(syscall(SYS_setxattr, p, "user.x", value, 1, 99), "setxattr bad flags");
    told(syscall(SYS_fgetxattr, path, "user.colour", value, sizeof value), "fgetxattr O_PATH");
    told(syscall(SYS_flistxattr, path, value, sizeof value), "flistxattr O_PATH");
    told(syscall(SYS_fgetxattr, 999, "user.colour", value, sizeof value), "fgetxattr bad descriptor");
    told(syscall(SYS_fsetxattr, fd, "user.colour", "blue", 4, XATTR_REPLACE), "fsetxattr replace");
    told(syscall(SYS_fremovexattr, fd, "user.colour"), "fremovexattr");
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    say_value("getxattr through /proc", syscall(SYS_getxattr, proc, "user.colour", value, sizeof value), value);
    close(fd), close(path);
}

#ifdef SYS_statfs64
#define STATFS(path, buffer) syscall(SYS_statfs64, path, sizeof(struct statfs), buffer)
#define FSTATFS(fd, buffer) syscall(SYS_fstatfs64, fd, sizeof(struct statfs), buffer)
#else
#define STATFS(path, buffer) syscall(SYS_statfs, path, buffer)
#define FSTATFS(fd, buffer) syscall(SYS_fstatfs, fd, buffer)
#endif

static void filesystems(void)
{
    static const char *const paths[] = { "", "hello.txt", "dir", "links/dir", "links/out-dir", "links/dangling", "missing", "hello.txt/x", "noexec-dir/file" };
    struct statfs s, top;
    MUST(statfs(root, &top) == 0);
    say("read-only: %d, names of %ld", !!(top.f_flags & ST_RDONLY), (long)top.f_namelen);
    for (size_t i = 0; i < COUNT(paths); i++) {
        if (told(STATFS(in(paths[i]), &s), "statfs '%s'", paths[i]) == 0)
            say("   the tree's own: %d", s.f_type == top.f_type && s.f_bsize == top.f_bsize && s.f_blocks == top.f_blocks);
        int fd = quiet_open(in(paths[i]), O_RDONLY);
        if (fd < 0)
            continue;
        if (told(FSTATFS(fd, &s), "fstatfs '%s'", paths[i]) == 0)
            say("   the tree's own: %d", s.f_type == top.f_type && s.f_bsize == top.f_bsize && s.f_blocks == top.f_blocks);
        close(fd);
    }
    told(STATFS(root, (void *)16), "statfs into nowhere");
    told(FSTATFS(999, &s), "fstatfs bad descriptor");
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    values();
    sizes_and_errors();
    filesystems();
    return 0;
}
