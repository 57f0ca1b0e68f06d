/* An ordinary program, to be linked statically with another C library: walks, reads, resolves, starts, and tells. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned long files, folders, links, bytes;

static int visit(const char *path, const struct stat *s, int kind, struct FTW *at)
{
    (void)path, (void)at;
    files += kind == FTW_F, folders += kind == FTW_D || kind == FTW_DP, links += kind == FTW_SL;
    bytes += kind == FTW_F ? (unsigned long)s->st_size : 0;
    return 0;
}

static void *reader(void *top)
{
    char path[PATH_MAX], buffer[4096];
    unsigned long sum = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(path, sizeof path, "%s/many/f%04d", (char *)top, i);
        FILE *f = fopen(path, "r");
        size_t n = f ? fread(buffer, 1, sizeof buffer, f) : 0;
        for (size_t k = 0; k < n; k++)
            sum = sum * 31 + (unsigned char)buffer[k];
        if (f)
            fclose(f);
    }
    return (void *)sum;
}

int main(int argc, char **argv)
{
    extern char **environ;
    char path[PATH_MAX], resolved[PATH_MAX];
    struct dirent **names;
    struct statvfs volume;
    struct stat s;
    glob_t found;
    pthread_t threads[8];
    pid_t pid;
    int status, fd;
    if (argc < 2)
        return 2;
    const char *top = argv[1];
    if (argc > 2) {
        printf("started as %s with %d: %s\n", argv[0], argc, getcwd(path, sizeof path));
        return atoi(argv[2]);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("nftw %d\n", nftw(top, visit, 20, FTW_PHYS | FTW_MOUNT));
    printf("%lu files, %lu folders, %lu links, %lu bytes\n", files, folders, links, bytes);
    snprintf(path, sizeof path, "%s/dir", top);
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++)
        printf("%s %d\n", names[i]->d_name, names[i]->d_type);
    snprintf(path, sizeof path, "%s/many/f01[0-4]?", top);
    printf("glob %d", glob(path, 0, NULL, &found));
    printf(" %zu\n", found.gl_pathc);
    snprintf(path, sizeof path, "%s/links/dir/../hello.txt", top);
    printf("realpath %s\n", realpath(path, resolved));
    snprintf(path, sizeof path, "%s/links/loop", top);
    printf("realpath %s %d\n", realpath(path, resolved) ? "yes" : "no", errno == ELOOP);
    snprintf(path, sizeof path, "%s/hello.txt", top);
    printf("stat %d %ld, access %d %d, statvfs %d ro %lu\n", stat(path, &s), (long)s.st_size, access(path, R_OK), access(path, W_OK), statvfs(path, &volume), volume.f_flag & ST_RDONLY);
    fd = open(path, O_RDONLY);
    char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    printf("map %.5s; open to write: %s\n", map, open(path, O_RDWR) < 0 ? strerror(errno) : "?");
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, reader, (void *)top);
    for (size_t i = 0; i < 8; i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        printf("thread: %lx\n", (unsigned long)sum);
    }
    snprintf(path, sizeof path, "%s/dir/sub", top);
    printf("chdir %d %s, ..: %d", chdir(path), getcwd(resolved, sizeof resolved), chdir(".."));
    printf(" %s\n", getcwd(resolved, sizeof resolved));
    snprintf(path, sizeof path, "%s/bin/walker", top);
    char *args[] = {"again", (char *)top, "7", NULL};
    printf("spawn %d", posix_spawn(&pid, path, NULL, NULL, args, environ));
    waitpid(pid, &status, 0);
    printf(", exit %d\n", WEXITSTATUS(status));
    FILE *p = popen("cat file", "r");
    printf("popen: %s", p && fgets(path, sizeof path, p) ? path : "nothing\n");
    printf("%d\n", pclose(p));
    return 0;
}
