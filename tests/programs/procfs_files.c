/* What files of /proc say about maps, open files and mounts of a process that uses the tree; and what their descriptors are. */
#include "canon.h"
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif

static char text[1 << 20];
static pid_t other;

/* The whole of what a descriptor reads, from its beginning. */
static ssize_t slurp(int fd)
{
    ssize_t n, total = 0;
    while ((n = pread(fd, text + total, sizeof text - 1 - (size_t)total, total)) > 0)
        total += n;
    text[total] = 0;
    return n < 0 ? n : total;
}

static bool has_line_with(const char *a, const char *b)
{
    for (char *line = text, *end; *line; line = end + 1) {
        end = line + strcspn(line, "\n");
        char *found = strstr(line, a);
        if (found && found < end && (found = strstr(line, b)) && found < end)
            return true;
        if (!*end)
            break;
    }
    return false;
}

/* A descriptor on maps or smaps: does it name the file by its own numbers, and nothing of how it is done? */
static void say_maps(const char *how, int fd)
{
    struct stat s;
    char numbers[64];
    if (told(fd, "%s", how) < 0)
        return;
    MUST(stat(in("big.bin"), &s) == 0);
    snprintf(numbers, sizeof numbers, " %02x:%02x %lu ", major(s.st_dev), minor(s.st_dev), (unsigned long)s.st_ino);
    long n = slurp(fd);
    say("   read: %d, the file by name: %d, by number: %d, placeholders: %d", n > 0, strstr(text, in("big.bin")) != NULL, has_line_with(in("big.bin"), numbers), strstr(text, "/parrot/s/") != NULL);
    close(fd);
}

static void maps(void)
{
    char name[96], fdname[64];
    struct { uint64_t flags, mode, resolve; } how = { O_RDONLY, 0, 2 };
    int self = quiet_open("/proc/self", O_PATH), fd = quiet_open("/proc/self/maps", O_PATH);
    MUST(self >= 0 && fd >= 0);
    say_maps("maps", quiet_open("/proc/self/maps", O_RDONLY));
    say_maps("maps of the thread", quiet_open("/proc/thread-self/maps", O_RDONLY));
    say_maps("smaps", quiet_open("/proc/self/smaps", O_RDONLY));
    say_maps("maps by openat", (int)syscall(SYS_openat, self, "maps", O_RDONLY | O_NOFOLLOW));
    say_maps("maps by openat2", (int)syscall(SYS_openat2, self, "maps", &how, sizeof how));
    snprintf(fdname, sizeof fdname, "/proc/self/fd/%d", fd);
    say_maps("maps by way of O_PATH", quiet_open(fdname, O_RDONLY));
    snprintf(fdname, sizeof fdname, "/dev/fd/%d", fd);
    say_maps("the same in /dev/fd", quiet_open(fdname, O_RDONLY));
    snprintf(name, sizeof name, "/proc/%d/maps", other);
    say_maps("maps of another process", quiet_open(name, O_RDONLY));
    snprintf(name, sizeof name, "/proc/%d/task/%d/smaps", other, other);
    say_maps("smaps of its thread", quiet_open(name, O_RDONLY));
    say_maps("maps to write", quiet_open("/proc/self/maps", O_WRONLY));
    say_maps("maps to make", quiet_open("/proc/self/maps", O_CREAT | O_EXCL));
    say_maps("maps as a directory", quiet_open("/proc/self/maps", O_DIRECTORY));
    say_maps("maps with a slash", quiet_open("/proc/self/maps/", O_RDONLY));
    int rollup = quiet_open("/proc/self/smaps_rollup", O_RDONLY);
    say("smaps_rollup: %d", rollup >= 0 && slurp(rollup) > 0 && strstr(text, "[rollup]"));
    close(rollup), close(self), close(fd);
}

/* The descriptor of such a file is as good as the kernel's own. */
static void descriptor(const char *path)
{
    struct stat s, t;
    struct statfs f, g;
    struct statx x;
    char link[PATH_MAX], self[64], buffer[512];
    int fd = quiet_open(path, O_RDONLY);
    MUST(fd >= 0 && stat(path, &t) == 0 && statfs("/proc/self", &g) == 0);
    say("%s: fstat as stat: %d", path, fstat(fd, &s) == 0 && same_stat(&s, &t));
    say("   fstatat: %d", fstatat(fd, "", &s, AT_EMPTY_PATH) == 0 && same_stat(&s, &t));
    say("   statx: %d", statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &x) == 0 && x.stx_ino == t.st_ino && x.stx_size == 0);
    say("   fstatfs as of /proc: %d", fstatfs(fd, &f) == 0 && f.f_type == g.f_type);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(self, link, sizeof link - 1);
    link[n < 0 ? 0 : n] = 0;
    say("   its name ends as it should: %d", n > 6 && !strncmp(link, "/proc/", 6) && !strcmp(strrchr(link, '/'), strrchr(path, '/')));
    say("   stat of that: %d", stat(self, &s) == 0 && same_stat(&s, &t));
    int again = quiet_open(self, O_RDONLY);
    say("   opened again: %d", again >= 0 && slurp(again) > 0);
    close(again);
    told(syscall(SYS_openat, fd, "x", O_RDONLY), "   openat below it");
    told(fchdir(fd), "   fchdir");
    told(syscall(SYS_getdents64, fd, buffer, sizeof buffer), "   getdents64");
    told(fchmod(fd, 0644), "   fchmod");
    told(fchown(fd, getuid(), getgid()), "   fchown");
    told(fgetxattr(fd, "user.x", buffer, sizeof buffer), "   fgetxattr");
    told(ftruncate(fd, 0), "   ftruncate");
    told(write(fd, "x", 1), "   write");
    say("   read twice: %d", slurp(fd) > 0 && lseek(fd, 0, SEEK_SET) == 0 && read(fd, buffer, 10) > 0);
    struct pollfd p = { fd, POLLIN, 0 };
    int ready = poll(&p, 1, 0);
    say("   poll: %d %x", ready, p.revents & POLLIN);
    close(fd);
}

/* Mount id of a descriptor, as its fdinfo tells. */
static long mount_of(const char *format, pid_t pid, int fd)
{
    char name[96], *found;
    snprintf(name, sizeof name, format, pid, fd);
    int info = quiet_open(name, O_RDONLY);
    MUST(info >= 0 && slurp(info) > 0);
    close(info);
    found = strstr(text, "mnt_id:");
    return found ? strtol(found + 7, NULL, 10) : -1;
}

/* The line of a mountinfo file whose field (0: id, 4: mount point) is value: its other fields. */
static bool mount_line(const char *value, int field, char fields[6][PATH_MAX])
{
    for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (sscanf(line, "%4095s %4095s %4095s %4095s %4095s %4095s", fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]) == 6 && !strcmp(fields[field], value))
            return true;
    return false;
}

/* The mount of a name by statx: the id that mountinfo has, and whether the name is the top of it.  Twice, as the second
 * answer may come from another place than the first. */
static void say_mount(const char *path, int dir, long id)
{
    struct statx x;
    for (int i = 0; i < 2; i++) {
        memset(&x, 0, sizeof x);
        told(statx(dir, path, AT_EMPTY_PATH, STATX_BASIC_STATS, &x), "statx '%s'", path);
        uint64_t mount;
        memcpy(&mount, (char *)&x + 144, sizeof mount);
        say("   tells the mount: %d, as fdinfo: %d, the top: %d of %d", !!(x.stx_mask & 0x1000), mount == (uint64_t)id, !!(x.stx_attributes & 0x2000), !!(x.stx_attributes_mask & 0x2000));
    }
}

static void mounts(void)
{
    static const char *const tables[] = { "/proc/mounts", "/etc/mtab", "/proc/self/mounts", "/proc/thread-self/mounts", "/proc/self/mountstats", "/proc/self/task/../mounts" };
    static char fields[6][PATH_MAX];
    char id[32], name[96], device[64];
    struct stat s;
    for (size_t i = 0; i < COUNT(tables); i++) {
        int fd = quiet_open(tables[i], O_RDONLY);
        if (told(fd, "%s", tables[i]) < 0)
            continue;
        MUST(slurp(fd) > 0);
        say("   has the tree: %d, has the root: %d", strstr(text, root) != NULL, strstr(text, " / ") != NULL);
        close(fd);
    }
    long mine = mount_of("/proc/%d/fdinfo/%d", getpid(), 10);
    snprintf(id, sizeof id, "%ld", mine);
    say("mount ids of two files: %d, of another process: %d", mine == mount_of("/proc/%d/fdinfo/%d", getpid(), 11), mine == mount_of("/proc/%d/fdinfo/%d", other, 10));
    static const char *const names[] = { "", "hello.txt", "dir", "links/dir", "dir/.." };
    for (size_t i = 0; i < COUNT(names); i++)
        say_mount(in(names[i]), AT_FDCWD, mine);
    say_mount("", 10, mine);
    say_mount("", 11, mine);
    say_mount("/cvmfs", AT_FDCWD, mine);
    int top = quiet_open(root, O_RDONLY);
    say_mount("", top, mine);
    say_mount(".", top, mine);
    close(top);
    snprintf(name, sizeof name, "/proc/%d/mountinfo", getpid());
    int fd = quiet_open(name, O_RDONLY);
    MUST(fd >= 0 && slurp(fd) > 0 && stat(root, &s) == 0);
    close(fd);
    bool found = mount_line(id, 0, fields);
    snprintf(device, sizeof device, "%d:%d", major(s.st_dev), minor(s.st_dev));
    say("its mount: %s at %s, the device of stat: %d, read-only: %d", found ? "known" : "unknown", fields[4], !strcmp(device, fields[2]), !strncmp(fields[5], "ro", 2));
    for (int up = 0; found && strcmp(fields[4], "/") && up < 9; up++) {
        char parent[32];
        snprintf(parent, sizeof parent, "%.31s", fields[1]);
        found = mount_line(parent, 0, fields);
        say("   in %s", found ? fields[4] : "nothing");
    }
}

static void info(void)
{
    struct stat s;
    char *found;
    MUST(lseek(10, 7, SEEK_SET) == 7 && fstat(10, &s) == 0);
    int fd = quiet_open("/proc/self/fdinfo/10", O_RDONLY);
    MUST(fd >= 0 && slurp(fd) > 0);
    found = strstr(text, "ino:");
    say("fdinfo: %.6s, flags %d, its inode: %d", text, strstr(text, "flags:\t0100000\n") != NULL, found ? strtoul(found + 4, NULL, 10) == s.st_ino : 2);
    close(fd);
    fd = quiet_open("/proc/self/fdinfo/0", O_RDONLY);
    say("fdinfo of a native file: %d", slurp(fd) > 0 && strstr(text, "pos:") != NULL);
    close(fd);
}

static void *apart(void *unused UNUSED)
{
    char value[PATH_MAX];
    static const char *const names[] = { "/proc/self/cwd", "/proc/thread-self/cwd", "/proc/self/cwd/file", "/proc/thread-self/cwd/file" };
    struct stat s;
    MUST(unshare(CLONE_FS | CLONE_FILES) == 0 && chdir(in("dir")) == 0 && close(11) == 0);
    for (size_t i = 0; i < COUNT(names); i++) {
        ssize_t n = readlink(names[i], value, sizeof value - 1);
        say("a thread apart: %s -> %.*s; stat: %s", names[i], (int)(n < 0 ? 0 : n), value, stat(names[i], &s) == 0 ? "ok" : errname(errno));
    }
    told(stat("/proc/self/fd/11", &s), "its closed descriptor in self");
    told(stat("/proc/thread-self/fd/11", &s), "and in thread-self");
    return NULL;
}

static void of_another(void)
{
    static const char *const files[] = { "cmdline", "comm", "environ" };
    char name[96];
    for (size_t i = 0; i < COUNT(files); i++) {
        snprintf(name, sizeof name, "/proc/%d/%s", other, files[i]);
        int fd = quiet_open(name, O_RDONLY);
        ssize_t n = fd < 0 ? -1 : slurp(fd);
        for (ssize_t k = 0; k < n; k++)
            text[k] = text[k] ? text[k] : '|';
        say("%s: %s", files[i], n < 0 ? errname(errno) : text);
        close(fd);
    }
}

int main(int argc, char **argv)
{
    pthread_t t;
    int gate[2];
    char exe[64], value[PATH_MAX];
    begin(argc, argv);
    MUST(pipe(gate) == 0 && chdir(in("dir/sub")) == 0 && dup2(quiet_open("/dev/null", O_RDONLY), 0) == 0);
    MUST(dup2(quiet_open(in("hello.txt"), O_RDONLY), 10) == 10 && dup2(quiet_open(in("dir"), O_RDONLY), 11) == 11);
    int big = quiet_open(in("big.bin"), O_RDONLY);
    void *p = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, big, 4096);
    MUST(big >= 0 && p != MAP_FAILED);
    other = fork();
    if (other == 0) {
        char *args[] = { "loader", "/bin/cat", "-", NULL }, *env[] = { "ONE=1", "TWO=two", NULL };
        if (dup2(gate[0], 0) != 0 || close(gate[1]) != 0)
            _exit(1);
        execve(in("lib/ld-linux-x86-64.so.2"), args, env);
        _exit(1);
    }
    snprintf(exe, sizeof exe, "/proc/%d/exe", other);
    for (ssize_t n = 0; !(n > 0 && strstr(value, "ld-linux")); usleep(1000)) {
        n = readlink(exe, value, sizeof value - 1);
        value[n > 0 ? n : 0] = 0;
    }
    pid_t helper = fork();
    if (helper == 0) { /* one that has the same file mapped, and lives */
        char byte;
        close(gate[1]);
        MUST(read(gate[0], &byte, 1) == 0);
        _exit(0);
    }
    of_another();
    pid_t program = other;
    other = helper;
    maps();
    static const char *const files[] = { "/proc/self/maps", "/proc/self/mountinfo", "/proc/self/fdinfo/10", "/proc/self/status" };
    for (size_t i = 0; i < COUNT(files); i++)
        descriptor(files[i]);
    mounts();
    info();
    MUST(pthread_create(&t, NULL, apart, NULL) == 0 && pthread_join(t, NULL) == 0);
    close(gate[1]);
    say_wait("the helper", helper);
    say_wait("the program", program);
    return 0;
}
