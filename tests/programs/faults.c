/* Bad pointers, overlong names, bad descriptors: for names that lie in the tree as for any others. */
#include "canon.h"
#include <sys/mman.h>

static char *page_end;  /* first byte behind a readable page: the next page can't be read */

static void guard(void)
{
    long page = sysconf(_SC_PAGESIZE);
    char *p = mmap(NULL, 4 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(p != MAP_FAILED);
    MUST(mprotect(p + 3 * page, (size_t)page, PROT_NONE) == 0);
    page_end = p + 3 * page;
}

/* *text* with its last byte (*with_nul*: the NUL) in the last readable byte. */
static char *at_end(const char *text, int with_nul)
{
    size_t n = strlen(text) + (with_nul ? 1 : 0);
    memcpy(page_end - n, text, n);
    return page_end - n;
}

static void pointers(const char *what, const char *path)
{
    struct stat s;
    struct statx x;
    char buffer[64];
    told(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY), "%s: openat", what);
    told(syscall(SYS_newfstatat, AT_FDCWD, path, &s, 0), "%s: newfstatat", what);
    told(syscall(SYS_statx, AT_FDCWD, path, 0, STATX_BASIC_STATS, &x), "%s: statx", what);
    told(syscall(SYS_faccessat, AT_FDCWD, path, R_OK), "%s: faccessat", what);
    told(syscall(SYS_readlinkat, AT_FDCWD, path, buffer, sizeof buffer), "%s: readlinkat", what);
    told(syscall(SYS_chdir, path), "%s: chdir", what);
    told(syscall(SYS_unlinkat, AT_FDCWD, path, 0), "%s: unlinkat", what);
    told(syscall(SYS_mkdirat, AT_FDCWD, path, 0755), "%s: mkdirat", what);
    told(syscall(SYS_renameat, AT_FDCWD, path, AT_FDCWD, in("x")), "%s: renameat from", what);
    told(syscall(SYS_renameat, AT_FDCWD, in("hello.txt"), AT_FDCWD, path), "%s: renameat to", what);
    told(syscall(SYS_getxattr, path, "user.x", buffer, sizeof buffer), "%s: getxattr", what);
    told(syscall(SYS_truncate, path, 0), "%s: truncate", what);
    MUST(chdir(root) == 0);
}

static void result_buffers(void)
{
    const char *p = in("hello.txt");
    char *half = page_end - 20;
    int fd = quiet_open(p, O_RDONLY), dir = quiet_open(in("dir"), O_RDONLY);
    told(syscall(SYS_newfstatat, AT_FDCWD, p, (void *)16, 0), "stat into nowhere");
    told(syscall(SYS_newfstatat, AT_FDCWD, p, half, 0), "stat into half a page");
    told(syscall(SYS_fstat, fd, half), "fstat into half a page");
    told(syscall(SYS_statx, AT_FDCWD, p, 0, STATX_BASIC_STATS, half), "statx into half a page");
    told(syscall(SYS_statfs, p, half), "statfs into half a page");
    told(syscall(SYS_readlinkat, AT_FDCWD, in("links/long"), half, 200), "readlink into half a page");
    told(syscall(SYS_readlinkat, AT_FDCWD, in("links/file"), half, 200), "short readlink into half a page");
    told(syscall(SYS_getdents64, dir, page_end - 64, 4096), "getdents64 into 64 good bytes of 4096");
    MUST(chdir(in("dir/sub")) == 0);
    told(syscall(SYS_getcwd, page_end - 4, 4096), "getcwd into four good bytes");
    told(syscall(SYS_getcwd, page_end - 64, 4096), "getcwd into 64 good bytes");
    MUST(chdir(root) == 0);
    told(syscall(SYS_read, fd, 16L, 10L), "read into nowhere");
    close(fd), close(dir);
}

static char *repeat(const char *unit, size_t bytes)
{
    char *p = malloc(bytes + 300), *q = p;
    MUST(p);
    q += sprintf(q, "%s/", root);
    while ((size_t)(q - p) + strlen(unit) <= bytes)
        q += sprintf(q, "%s", unit);
    while ((size_t)(q - p) < bytes)
        *q++ = '/';
    *q = 0;
    return p;
}

static void lengths(void)
{
    char name[300], path[PATH_MAX];
    struct stat s;
    for (size_t n = 254; n <= 257; n++) {
        memset(name, 'n', n);
        name[n] = 0;
        told(syscall(SYS_newfstatat, AT_FDCWD, in(name), &s, 0), "stat of a name of %zu", n);
        told(syscall(SYS_openat, AT_FDCWD, in(name), O_CREAT | O_WRONLY, 0644), "creat of a name of %zu", n);
        told(syscall(SYS_mkdirat, AT_FDCWD, in(name), 0755), "mkdir of a name of %zu", n);
        snprintf(path, sizeof path, "%s/%s/x", root, name);
        told(syscall(SYS_newfstatat, AT_FDCWD, path, &s, 0), "stat below a name of %zu", n);
        snprintf(path, sizeof path, "%s/hello.txt/%s", root, name);
        told(syscall(SYS_newfstatat, AT_FDCWD, path, &s, 0), "stat of a name of %zu below a file", n);
        snprintf(path, sizeof path, "%s/missing/%s", root, name);
        told(syscall(SYS_newfstatat, AT_FDCWD, path, &s, 0), "stat of a name of %zu below nothing", n);
    }
    for (size_t n = PATH_MAX - 2; n <= PATH_MAX + 1; n++) {
        char *dots = repeat("./", n), *slashes = repeat("/", n), *ups = repeat("dir/../", n);
        told(syscall(SYS_newfstatat, AT_FDCWD, dots, &s, 0), "path of %zu bytes of dots", n);
        told(syscall(SYS_newfstatat, AT_FDCWD, slashes, &s, 0), "path of %zu bytes of slashes", n);
        told(syscall(SYS_newfstatat, AT_FDCWD, ups, &s, 0), "path of %zu bytes up and down", n);
        told(syscall(SYS_chdir, dots), "chdir to %zu bytes", n);
        told(syscall(SYS_symlinkat, dots, AT_FDCWD, in("new")), "symlink to %zu bytes", n);
        free(dots), free(slashes), free(ups);
    }
}

static void descriptors(void)
{
    static const int bad[] = { -1, -2, 999, INT_MAX };
    struct stat s;
    char buffer[64];
    for (size_t i = 0; i < COUNT(bad); i++) {
        told(syscall(SYS_openat, bad[i], "x", O_RDONLY), "openat %d", bad[i]);
        told(syscall(SYS_openat, bad[i], "", O_RDONLY), "openat %d ''", bad[i]);
        told(syscall(SYS_newfstatat, bad[i], "", &s, AT_EMPTY_PATH), "newfstatat %d empty", bad[i]);
        told(syscall(SYS_openat, bad[i], in("hello.txt"), O_CREAT | O_EXCL | O_RDWR, 0644), "openat %d absolute", bad[i]);
        told(syscall(SYS_fchdir, bad[i]), "fchdir %d", bad[i]);
        told(syscall(SYS_readlinkat, bad[i], "x", buffer, sizeof buffer), "readlinkat %d", bad[i]);
        told(syscall(SYS_unlinkat, bad[i], "x", 0), "unlinkat %d", bad[i]);
    }
    /* The upper half of an int argument's register is noise to the kernel. */
    int dir = quiet_open(in("dir"), O_RDONLY);
    long noisy = (long)(0x700000000ULL | (unsigned)dir), cwd = (long)(0x500000000ULL | (unsigned)AT_FDCWD);
    told(syscall(SYS_openat, noisy, "file", O_RDONLY), "openat with noise above the descriptor");
    told(syscall(SYS_fstat, noisy, &s), "fstat with noise above the descriptor");
    told(syscall(SYS_openat, cwd, in("hello.txt"), 0x900000000L | O_RDONLY), "openat with noise above AT_FDCWD and flags");
    MUST(chdir(in("dir")) == 0);
    told(syscall(SYS_openat, cwd, "file", O_RDONLY), "openat relative with noise above AT_FDCWD");
    close(dir);
}

int main(int argc, char **argv)
{
    char text[PATH_MAX];
    begin(argc, argv);
    guard();
    MUST(chdir(root) == 0);
    pointers("NULL", NULL);
    pointers("nowhere", (char *)16);
    pointers("kernel", (char *)0xffff800000000000UL);
    snprintf(text, sizeof text, "%s/hello.txt", root);
    pointers("at the end of a page", at_end(text, 1));
    pointers("running off the page", at_end(text, 0));
    pointers("relative, at the end of a page", at_end("hello.txt", 1));
    pointers("relative, running off the page", at_end("hello.txt", 0));
    pointers("empty", "");
    result_buffers();
    lengths();
    descriptors();
    return 0;
}
