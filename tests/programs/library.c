/* What a program hears from the C library's own calls, whose structures and system calls differ by ABI, and in programs of
 * i386 by how wide their sizes and times are. */
#include "canon.h"
#include <dirent.h>
#include <ftw.h>
#include <glob.h>
#include <sys/statvfs.h>
#include <sys/time.h>

static char *found[8192];
static size_t n_found;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    MUST(n_found < COUNT(found) && vasprintf(&found[n_found++], format, args) >= 0);
    va_end(args);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void print_sorted(const char *what)
{
    qsort(found, n_found, sizeof *found, by_text);
    say("%s: %zu", what, n_found);
    for (size_t i = 0; i < n_found; free(found[i++]))
        say("   %s", found[i]);
    n_found = 0;
}

static int visit(const char *path, const struct stat *s, int type, struct FTW *at)
{
    const char *rel = path + strlen(root);
    note("%s type %d level %d %s %o %lld", rel, type, at->level, type == FTW_NS ? "" : kind(s->st_mode),
         type == FTW_NS ? 0 : s->st_mode & 07777, type == FTW_F ? (long long)s->st_size : 0LL);
    return 0;
}

/* Not the whole tree: it has what ends a walk (a date that small times do not have), and the order is the file system's. */
static void trees(void)
{
    static const char *const places[] = { "dir", "links", "hard", "bin", "deep", "modes", "missing" };
    for (size_t i = 0; i < COUNT(places); i++) {
        told(nftw(in(places[i]), visit, 8, FTW_PHYS), "nftw '%s'", places[i]);
        print_sorted("met");
        told(nftw(in(places[i]), visit, 8, FTW_PHYS | FTW_CHDIR | FTW_DEPTH), "nftw with chdir '%s'", places[i]);
        print_sorted("met");
    }
}

static void patterns(void)
{
    static const char *const texts[] = { "*", "dir/*", "*/file", "links/*/file", "d?r/[a-z]*", "nothing*" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        glob_t g;
        told(-glob(in(texts[i]), GLOB_MARK, NULL, &g), "glob %s", texts[i]);
        for (size_t n = 0; n < g.gl_pathc; n++)
            note("%s", g.gl_pathv[n] + strlen(root));
        print_sorted("matches");
        globfree(&g);
    }
}

static void positions(void)
{
    DIR *d = opendir(in("many"));
    long at[3];
    char name[NAME_MAX + 1];
    MUST(d);
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < 400; n++)
            MUST(readdir(d));
        at[i] = telldir(d);
    }
    seekdir(d, at[1]);
    struct dirent *e = readdir(d);
    MUST(e);
    strcpy(name, e->d_name);
    seekdir(d, at[1]);
    e = readdir(d);
    say("the same place: %d", e && !strcmp(e->d_name, name));
    rewinddir(d);
    size_t all = 0;
    while (readdir(d))
        all++;
    say("all: %zu", all);
    closedir(d);
}

static void names(void)
{
    static const char *const paths[] = { "hello.txt", "links/file", "links/dangling", "links/loop", "dir/../same", "missing", "", "links/top/etc" };
    char buffer[PATH_MAX];
    struct stat s;
    struct statvfs v;
    for (size_t i = 0; i < COUNT(paths); i++) {
        say("%s: %s", paths[i], realpath(in(paths[i]), buffer) ? buffer : errname(errno));
        if (told(stat(in(paths[i]), &s), "stat") == 0)
            say_stat(paths[i], &s);
        if (told(lstat(in(paths[i]), &s), "lstat") == 0)
            say_stat(paths[i], &s);
        int rv = statvfs(in(paths[i]), &v);
        told(rv < 0 && errno == EOVERFLOW ? 0 : rv, "statvfs"); /* the disk of either side may be big */
        told(access(in(paths[i]), W_OK), "access");
        told(eaccess(in(paths[i]), X_OK), "eaccess");
        told(truncate(in(paths[i]), 0), "truncate");
        told(utimes(in(paths[i]), NULL), "utimes");
        told(utimensat(AT_FDCWD, in(paths[i]), NULL, AT_SYMLINK_NOFOLLOW), "utimensat");
        told(lchown(in(paths[i]), (uid_t)-1, (gid_t)-1), "lchown");
        told(mknod(in(paths[i]), S_IFREG | 0600, 0), "mknod");
        FILE *f = fopen(in(paths[i]), "r");
        told(f ? 0 : -1, "fopen");
        if (f) {
            MUST(fstat(fileno(f), &s) == 0);
            say_stat("fstat", &s);
            if (S_ISREG(s.st_mode) && told(fseeko(f, 0, SEEK_END), "fseeko") == 0)
                say("   at %lld", (long long)ftello(f));
            fclose(f);
        }
    }
    told(chdir(in("dir/sub")), "chdir");
    say("%s", getcwd(buffer, sizeof buffer));
    FILE *p = popen("pwd; cat ../file; exit 3", "r");
    MUST(p);
    while (fgets(buffer, sizeof buffer, p))
        printf("   %s", buffer);
    say("\n   status %#x", (unsigned)pclose(p));
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    names();
    trees();
    patterns();
    positions();
    return 0;
}
