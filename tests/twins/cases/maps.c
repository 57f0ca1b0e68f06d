/* Maps of native files, whose writes must reach the file, and of files of the tree, which nobody can write. */
#include "case.h"

static char *map(int fd, size_t size, int protection, int flags)
{
    char *p = mmap(NULL, size, protection, flags, fd, 0);
    if (p == MAP_FAILED)
        told(-1, "mmap");
    return p;
}

#define BOTH (PROT_READ | PROT_WRITE)

CASE(shared_write_munmap)
{
    int fd = own_file("a", "0123456789");
    char *p = map(fd, 10, BOTH, MAP_SHARED);
    memcpy(p + 3, "XYZ", 3);
    told(munmap(p, 10), "munmap");
    say_file("a");
}

CASE(shared_write_msync)
{
    int fd = own_file("a", "0123456789");
    char *p = map(fd, 10, BOTH, MAP_SHARED);
    close(fd);
    p[0] = 'S';
    told(msync(p, 10, MS_SYNC), "msync");
    say_file("a");
    p[9] = 'T';
    told(msync(p, 10, MS_ASYNC), "msync");
    say_file("a");
}

CASE(shared_write_unsynced)
{
    char *p = map(own_file("a", "0123456789"), 10, BOTH, MAP_SHARED);
    p[5] = '!';
    say_file("a");
}

CASE(shared_write_after_exit)
{
    int fd = own_file("a", "0123456789");
    if (child()) {
        map(fd, 10, BOTH, MAP_SHARED)[1] = 'c';
        _exit(0);
    }
    join("child");
    say_file("a");
}

CASE(shared_write_fork)
{
    char *p = map(own_file("a", "0123456789"), 10, BOTH, MAP_SHARED);
    if (child()) {
        p[2] = 'k';
        _exit(0);
    }
    join("child");
    say("%.10s", p);
    say_file("a");
}

CASE(shared_two_processes)
{
    close(own_file("a", "0123456789"));
    int ends[2];
    char c;
    MUST(pipe(ends) == 0);
    if (child()) {
        char *p = map(open("a", O_RDWR), 10, BOTH, MAP_SHARED);
        p[4] = 'o';
        MUST(write(ends[1], "x", 1) == 1);
        while (*(volatile char *)(p + 5) != 'w')
            usleep(1000);
        _exit(0);
    }
    char *p = map(open("a", O_RDWR), 10, BOTH, MAP_SHARED);
    MUST(read(ends[0], &c, 1) == 1);
    say("%.10s", p);
    p[5] = 'w';
    join("child");
    say_file("a");
}

CASE(shared_mremap)
{
    int fd = own_file("a", "0123456789");
    MUST(ftruncate(fd, 8192) == 0);
    char *p = map(fd, 4096, BOTH, MAP_SHARED);
    p = mremap(p, 4096, 8192, MREMAP_MAYMOVE);
    MUST(p != MAP_FAILED);
    memcpy(p + 5000, "far", 3);
    char text[4];
    ssize_t n = pread(fd, text, 3, 5000);
    say("%zd %.3s", n, text);
}

CASE(shared_ftruncate)
{
    int fd = own_file("a", "0123456789");
    char *p = map(fd, 10, BOTH, MAP_SHARED);
    MUST(ftruncate(fd, 4) == 0 && ftruncate(fd, 10) == 0);
    say("%d %d", p[3], p[4]);
    p[9] = 'E';
    say("%zd", lseek(fd, 0, SEEK_END));
    MUST(munmap(p, 10) == 0);
    char last;
    MUST(pread(fd, &last, 1, 9) == 1);
    say("%c", last);
}

CASE(shared_after_unlink)
{
    int fd = own_file("a", "0123456789");
    char *p = map(fd, 10, BOTH, MAP_SHARED);
    MUST(unlink("a") == 0);
    p[0] = 'u';
    char text[11] = "";
    MUST(pread(fd, text, 10, 0) == 10);
    say("%s", text);
}

CASE(private_write_stays_private)
{
    char *p = map(own_file("a", "0123456789"), 10, BOTH, MAP_PRIVATE);
    p[0] = 'p';
    say("%.10s", p);
    say_file("a");
}

CASE(write_seen_through_map)
{
    int fd = own_file("a", "0123456789");
    char *p = map(fd, 10, PROT_READ, MAP_SHARED);
    MUST(pwrite(fd, "##", 2, 4) == 2);
    say("%.10s", p);
}

static void on_bus(int number)
{
    say("signal %d", number);
    _exit(7);
}

CASE(beyond_the_end_is_sigbus)
{
    signal(SIGBUS, on_bus);
    if (child()) {
        char *p = map(own_file("a", "0123456789"), 8192, PROT_READ, MAP_SHARED);
        say("%d", p[4000]);
        say("%d", *(volatile char *)(p + 5000));
        _exit(0);
    }
    join("child");
}

CASE(tree_beyond_the_end_is_sigbus)
{
    signal(SIGBUS, on_bus);
    if (child()) {
        char *p = map(open(in("hello.txt"), O_RDONLY), 8192, PROT_READ, MAP_SHARED);
        say("%d", p[4000]);
        say("%d", *(volatile char *)(p + 5000));
        _exit(0);
    }
    join("child");
}

CASE(tree_shared_and_private)
{
    int fd = open(in("hello.txt"), O_RDONLY);
    char *a = map(fd, 13, PROT_READ, MAP_SHARED), *b = map(fd, 13, BOTH, MAP_PRIVATE);
    b[0] = 'J';
    say("%.12s %.12s", a, b);
    told(mmap(NULL, 13, BOTH, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, "shared and writable");
    told(mprotect(a, 13, BOTH), "made writable");
    told(msync(a, 13, MS_SYNC), "msync");
}

CASE(tree_map_survives_close_and_fork)
{
    int fd = open(in("big.bin"), O_RDONLY);
    unsigned char *p = (unsigned char *)map(fd, 3000001, PROT_READ, MAP_PRIVATE);
    unsigned long sum = 0;
    close(fd);
    for (int i = 0; i < 3000001; i++)
        sum = sum * 33 + p[i];
    say("%lx", sum);
    if (child()) {
        say("%u %u", p[0], p[3000000]);
        _exit(0);
    }
    join("child");
}

CASE(tree_map_executable)
{
    int fd = open(in("bin/report-static"), O_RDONLY), data = open(in("hello.txt"), O_RDONLY);
    told(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0, "program");
    told(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, data, 0) == MAP_FAILED ? -1 : 0, "data");
    told(mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(in("dir"), O_RDONLY), 0) == MAP_FAILED ? -1 : 0, "directory");
    told(mmap(NULL, 4096, PROT_READ, MAP_SHARED, open(in("hello.txt"), O_PATH), 0) == MAP_FAILED ? -1 : 0, "path only");
}

CASE(tree_madvise_and_mincore)
{
    unsigned char there[4];
    char *p = map(open(in("sizes/4097"), O_RDONLY), 8192, PROT_READ, MAP_SHARED);
    told(madvise(p, 8192, MADV_WILLNEED), "willneed"), told(madvise(p, 8192, MADV_DONTNEED), "dontneed");
    told(madvise(p, 8192, MADV_REMOVE), "remove");
    told(mincore(p, 8192, there), "mincore"), told(mlock(p, 4096), "mlock");
}

CASE(memfd_seals)
{
    int fd = (int)syscall(SYS_memfd_create, "twin", 2 /* MFD_ALLOW_SEALING */);
    MUST(fd >= 0 && ftruncate(fd, 100) == 0);
    told(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), "seal"), told(write(fd, "x", 1), "write");
}

/* What lies between the mappings that a program began with, where natively there is nothing, but for what heap and stack
 * may grow into. */
static unsigned long gaps[256][2];

static void find_gaps(void)
{
    static char text[1 << 16];
    unsigned long at = 1 << 20, first, next;
    size_t n = 0;
    ssize_t got;
    int fd = open("/proc/self/maps", O_RDONLY), count = 0;
    while ((got = read(fd, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    close(fd);
    for (char *line = text, *end; (end = strchr(line, '\n')) && count < 255; line = end + 1) {
        MUST(sscanf(line, "%lx-%lx", &first, &next) == 2);
        int stack = strncmp(end - 7, "[stack]", 7) == 0, heap = strncmp(end - 6, "[heap]", 6) == 0;
        gaps[count][0] = at;
        gaps[count++][1] = stack ? first - (64 << 20) : first;
        at = heap ? next + (16 << 20) : next;
        if (stack)
            break;
    }
}

static void unmap_the_rest(void)
{
    for (int i = 0; i < 256; i++)
        if (gaps[i][1] > gaps[i][0])
            MUST(munmap((void *)gaps[i][0], gaps[i][1] - gaps[i][0]) == 0);
}

CASE(what_nobody_mapped_is_unmapped)
{
    char link[64];
    say("output has its memory");
    find_gaps();
    for (int round = 0; round < 3; round++) {
        say_content("by name", open(in("hello.txt"), O_RDONLY));
        unmap_the_rest();
        told(chdir(in("dir")), "chdir");
        unmap_the_rest();
        say_content("beside us", open("file", O_RDONLY));
        unmap_the_rest();
        told(readlink(in("links/to-file"), link, sizeof link), "readlink");
        if (child()) {
            execl(in("script.sh"), "script.sh", NULL);
            _exit(9);
        }
        join("script");
    }
}
