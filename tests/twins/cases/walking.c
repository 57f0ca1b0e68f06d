/* Walking through directories with the C library, and native names beside names of the tree. */
#include "case.h"
#include <dirent.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>

static int count, sum;

static int each(const char *path, const struct stat *s, int type, struct FTW *w)
{
    count++;
    sum += type * 7 + w->level + (S_ISREG(s->st_mode) ? (int)s->st_size : 0) + (int)strlen(path + w->base);
    return 0;
}

static void say_walk(int rv)
{
    say("%d: %d names, %d", rv, count, sum);
}

CASE(nftw_physical) { say_walk(nftw(in("dir"), each, 20, FTW_PHYS)); }
CASE(nftw_follows) { say_walk(nftw(in("hard"), each, 20, 0)); }
CASE(nftw_few_descriptors) { say_walk(nftw(in("deep"), each, 3, FTW_PHYS)); }
CASE(nftw_chdir) { say_walk(nftw(in("nested"), each, 20, FTW_CHDIR | FTW_DEPTH | FTW_PHYS)); }

/* What grep -r does: openat relative to the directory with O_NOFOLLOW, and ELOOP for links. */
CASE(grep_r_opens_with_nofollow)
{
    static const char *const names[] = {"file", "dir", "dangling", "loop", "abs", "long"};
    int dir = open(in("links"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    for (size_t i = 0; i < COUNT(names); i++)
        told(openat(dir, names[i], O_RDONLY | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK), "%s", names[i]);
    told(openat(open(in("dir"), O_RDONLY), "file", O_RDONLY | O_NOCTTY | O_NOFOLLOW), "file");
    told(open(in("links/dir"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "directory link");
    told(open(in("links/dir/"), O_RDONLY | O_DIRECTORY | O_NOFOLLOW), "with a slash");
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void walk(const char *top, int options)
{
    char *const tops[] = {(char *)(uintptr_t)top, NULL};
    FTS *t = fts_open(tops, options, by_name);
    MUST(t);
    for (FTSENT *e; (e = fts_read(t));)
        say("%d %d %s", e->fts_level, e->fts_info, e->fts_level ? e->fts_name : "(top)");
    fts_close(t);
}

CASE(fts_physical) { walk(in("dir"), FTS_PHYSICAL); }
CASE(fts_logical) { walk(in("same"), FTS_LOGICAL); }
CASE(fts_no_stat) { walk(in("nested"), FTS_PHYSICAL | FTS_NOSTAT); }
CASE(fts_links) { walk(in("links"), FTS_PHYSICAL | FTS_NOCHDIR); }

CASE(rewind_tell_seek)
{
    DIR *d = opendir(in("dir"));
    long after_two = 0;
    char third[256] = "", again[256] = "";
    struct dirent *e;
    for (int i = 0; (e = readdir(d)); i++) {
        if (i == 1)
            after_two = telldir(d);
        if (i == 2)
            strcpy(third, e->d_name);
        count++;
    }
    seekdir(d, after_two);
    strcpy(again, readdir(d)->d_name);
    say("%d entries, same third %d", count, !strcmp(third, again));
    rewinddir(d);
    for (count = 0; readdir(d); count++)
        ;
    say("again %d", count);
    closedir(d);
}

CASE(many_entries_by_small_reads)
{
    char buffer[512];
    int fd = open(in("many"), O_RDONLY), calls = 0;
    long n;
    while ((n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0) {
        for (long at = 0; at < n; at += *(unsigned short *)(buffer + at + 16))
            count++;
        calls++;
    }
    say("%d entries, many calls %d, end %ld", count, calls > 100, n);
}

CASE(directory_open_while_elsewhere)
{
    DIR *d = opendir(in("dir"));
    MUST(chdir("/") == 0 && fchdir(dirfd(d)) == 0);
    told(access("file", R_OK), "file");
    MUST(chdir("..") == 0);
    told(access("hello.txt", R_OK), "up");
    told(access("../cvmfs", F_OK), "not further");
    told(access("../../cvmfs", F_OK), "further");
    closedir(d);
}

static void matches(const char *pattern)
{
    glob_t g;
    int rv = glob(in(pattern), GLOB_MARK, NULL, &g);
    say("%s: %d", pattern, rv);
    for (size_t i = 0; rv == 0 && i < g.gl_pathc; i++)
        say("   %s", g.gl_pathv[i]);
}

CASE(globs)
{
    static const char *const patterns[] = {"dir/*", "*/file", "many/f00[0-4]?", "links/*-??", "no*where", "{hard,same}/*", "dir/.*"};
    for (size_t i = 0; i < COUNT(patterns); i++)
        matches(patterns[i]);
}

CASE(native_tree_of_links)
{
    MUST(mkdir("view", 0755) == 0 && symlink(in("dir"), "view/d") == 0 && symlink(in("hello.txt"), "view/f") == 0);
    MUST(symlink("d/sub", "view/s") == 0);
    close(own_file("view/own", "own"));
    walk("view", FTS_PHYSICAL);
    walk("view", FTS_LOGICAL);
}

CASE(native_removal_of_a_tree_of_links)
{
    MUST(mkdir("view", 0755) == 0 && symlink(in("dir"), "view/d") == 0);
    int status = system("rm -r view; ls -A | wc -l");
    say("%d", status);
    told(access(in("dir/file"), R_OK), "the tree is whole");
}

CASE(temporary_names)
{
    char name[] = "temp-XXXXXX", directory[] = "dir-XXXXXX", refused[PATH_MAX];
    int fd = mkstemp(name);
    say("%d", fd >= 0);
    say("%d", mkdtemp(directory) != NULL);
    snprintf(refused, sizeof refused, "%s/temp-XXXXXX", in("dir"));
    told(mkstemp(refused), "in the tree");
    FILE *f = tmpfile();
    say("%d", f != NULL);
    told(open(".", O_TMPFILE | O_RDWR, 0600), "O_TMPFILE");
    told(open(in("dir"), O_TMPFILE | O_RDWR, 0600), "O_TMPFILE in the tree");
}

CASE(rename_across)
{
    close(own_file("a", "text"));
    told(rename("a", in("dir/a")), "into the tree"), told(rename(in("hello.txt"), "b"), "out of the tree");
    told(link(in("hello.txt"), "b"), "link out"), told(link("a", in("dir/a")), "link into");
    told(rename("missing", in("dir/a")), "missing"), told(link("missing", in("dir/a")), "missing");
    told(rename("a", in("missing/a")), "to nowhere"), told(rename("a/b", in("dir/a")), "below a file");
    MUST(mkdir("shut", 0) == 0);
    told(rename("shut/x", in("dir/a")), "forbidden"), told(rename(in("dir"), "shut/x"), "to a forbidden place");
    told(link(in("hello.txt"), "shut/x"), "link there"), told(link("shut/x", in("missing/x")), "link from there");
}

/* Who is in a directory that nobody may search gets nowhere from there, not even by dots. */
CASE(dots_without_permission)
{
    char here[PATH_MAX], name[PATH_MAX + 8] = "";
    MUST(mkdir("shut", 0755) == 0 && mkdir("shut/deep", 0755) == 0 && chdir("shut/deep") == 0 && getcwd(here, sizeof here));
    for (const char *at = here; (at = strchr(at, '/')); at++)
        strcat(name, "../");
    strcat(name, in("dir/file") + 1);
    told(access(name, R_OK), "from an open directory");
    MUST(chmod(".", 0600) == 0);
    told(access(name, R_OK), "from a shut one"), told(open(name, O_RDONLY), "open"), told(access(".", F_OK), ".");
    MUST(chmod(here, 0755) == 0 && chmod("..", 0600) == 0);
    told(access(name, R_OK), "through a shut one"), told(access("..", F_OK), ".."), told(access(".", F_OK), ".");
    MUST(chdir("/") == 0);
    *strrchr(here, '/') = 0;
    MUST(chmod(here, 0755) == 0);
}
