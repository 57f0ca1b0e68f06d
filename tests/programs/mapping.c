/* Mappings: of files in the tree, which are read-only, and shared writable ones of the job's own files, which reach the disk. */
#include "canon.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static sigjmp_buf back;
static void caught(int sig) { siglongjmp(back, sig); }

static unsigned long sum(const unsigned char *p, size_t n)
{
    unsigned long s = 5381;
    while (n--)
        s = s * 33 + *p++;
    return s;
}

static void of_the_tree(void)
{
    static const struct { int prot, flags; const char *name; } ways[] = {
        { PROT_READ, MAP_PRIVATE, "private" }, { PROT_READ, MAP_SHARED, "shared" }, { PROT_READ | PROT_EXEC, MAP_PRIVATE, "executable" },
        { PROT_READ | PROT_WRITE, MAP_PRIVATE, "private, writable" }, { PROT_READ | PROT_WRITE, MAP_SHARED, "shared, writable" },
    };
    int fd = quiet_open(in("big.bin"), O_RDONLY);
    struct stat s;
    MUST(fd >= 0 && fstat(fd, &s) == 0);
    size_t size = (size_t)s.st_size;
    for (size_t i = 0; i < COUNT(ways); i++) {
        unsigned char *p = mmap(NULL, size, ways[i].prot, ways[i].flags, fd, 0);
        if (p == MAP_FAILED) {
            say("%s: %s", ways[i].name, errname(errno));
            continue;
        }
        say("%s: %lx", ways[i].name, sum(p, size));
        if (ways[i].prot & PROT_WRITE) {
            memset(p, 'w', size);
            say("   my copy is written: %lx", sum(p, 4096));
        } else
            told(mprotect(p, size, PROT_READ | PROT_WRITE), "   mprotect to writable");
        told(msync(p, size, MS_SYNC), "   msync");
        told(munmap(p, size), "   munmap");
    }
    unsigned char *tail = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, (off_t)(size & ~4095UL)), last = 1;
    MUST(tail != MAP_FAILED);
    for (size_t i = size & 4095; i < 4096; i++)
        last = last && tail[i] == 0;
    say("zeros behind the end: %d", last);
    signal(SIGBUS, caught);
    int sig = sigsetjmp(back, 1);
    if (!sig)
        sig = -((volatile unsigned char *)tail)[4096];
    say("a page beyond the end: signal %d", sig);
    close(fd);
    say("the map lives on without its descriptor: %d", tail[0] != 0 || tail[1] != 0 || tail[2] != 0);
    munmap(tail, 8192);
}

static void own_files(void)
{
    int fd = open("own.map", O_RDWR | O_CREAT | O_TRUNC, 0644);
    MUST(fd >= 0 && ftruncate(fd, 3 * 4096) == 0);
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), check[32];
    MUST(p != MAP_FAILED);
    strcpy(p, "first page");
    strcpy(p + 4096, "second page");
    MUST(pread(fd, check, sizeof check, 4096) == sizeof check);
    say("seen by pread at once: %s", check);
    pid_t pid = fork();
    if (pid == 0) {
        strcpy(p + 8192, "child's page");
        _exit(0);
    }
    say_wait("child", pid);
    say("the child's write: %s", p + 8192);
    MUST(pwrite(fd, "behind", 7, 100) == 7);
    say("a write seen in the map: %s", p + 100);
    munmap(p, 4096);
    close(fd);
    strcpy(p + 4096 + 50, "after close and partial munmap");
    munmap(p + 4096, 8192);
    fd = open("own.map", O_RDONLY);
    MUST(pread(fd, check, sizeof check, 4096 + 50) == sizeof check);
    say("on the disk: %.31s", check);
    say_content("own.map", fd);
    close(fd);
}

static void transfers(void)
{
    int from = quiet_open(in("big.bin"), O_RDONLY), to = open("copied", O_RDWR | O_CREAT | O_TRUNC, 0644), pipes[2];
    char buffer[64], other[64];
    struct iovec v[2] = { { buffer, 10 }, { other, 20 } };
    off_t at = 1000;
    say("sendfile: %ld", (long)sendfile(to, from, &at, 100000));
    say("offset: %ld", (long)at);
    say("copy_file_range: %d", copy_file_range(from, NULL, to, NULL, 5000, 0) > 0 || errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP);
    MUST(pipe(pipes) == 0);
    loff_t off = 64;
    say("splice: %ld", (long)splice(from, &off, pipes[1], NULL, 4096, 0));
    say("pread: %ld", (long)pread(from, buffer, 64, 2999000));
    say("preadv: %ld", (long)preadv(from, v, 2, 12345));
    say("sum: %lx", sum((void *)buffer, 10) ^ sum((void *)other, 20));
    MUST(lseek(from, 0, SEEK_SET) == 0);
    say("readv: %ld", (long)readv(from, v, 2));
    say("position: %ld", (long)lseek(from, 0, SEEK_CUR));
    say("end: %ld", (long)lseek(from, 0, SEEK_END));
    say("beyond: %ld", (long)lseek(from, 100, SEEK_CUR));
    say("read there: %ld", (long)read(from, buffer, 1));
    told(lseek(from, -1, SEEK_SET), "lseek before the start");
    say("data at %ld, hole at %ld", (long)lseek(from, 0, SEEK_DATA), (long)lseek(from, 0, SEEK_HOLE));
    told(posix_fadvise(from, 0, 0, POSIX_FADV_WILLNEED), "fadvise");
    told(readahead(from, 0, 4096), "readahead");
    close(from), close(to), close(pipes[0]), close(pipes[1]);
}

int main(int argc, char **argv)
{
    begin(argc, argv);
    of_the_tree();
    own_files();
    transfers();
    return 0;
}
