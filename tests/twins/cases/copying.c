/* Data between descriptors: of native files, of files of the tree, and from the tree to native files. */
#include "case.h"
#include <sys/sendfile.h>
#include <sys/wait.h>

static int tree(const char *name)
{
    int fd = open(in(name), O_RDONLY);
    MUST(fd >= 0);
    return fd;
}

static int empty_file(const char *name)
{
    return own_file(name, "");
}

CASE(pread_past_the_end_then_pwrite)
{
    char c[10];
    int fd = own_file("a", "0123456789");
    say("%zd %zd", pread(fd, c, 10, 4096), pread(fd, c, 10, 10));
    told(pwrite(fd, "new", 3, 5), "pwrite");
    told(write(fd, "tail", 4), "write");
    say_file("a");
}

CASE(preadv_pwritev_native)
{
    char a[4], b[6];
    int fd = own_file("a", "");
    struct iovec out[] = {{"one,", 4}, {"two,", 4}, {"three", 5}}, into[] = {{a, 4}, {b, 6}};
    say("%zd", pwritev(fd, out, 3, 2));
    ssize_t n = preadv(fd, into, 2, 2);
    say("%zd %.4s %.6s", n, a, b);
    say("offset %ld", (long)lseek(fd, 0, SEEK_CUR));
    told(preadv(fd, into, 2, -1), "negative"), told(preadv2(fd, into, 2, -1, 0), "preadv2");
    told(pwritev2(fd, out, 1, -1, RWF_APPEND), "append");
    say("size %ld", (long)lseek(fd, 0, SEEK_END));
}

CASE(preadv_tree)
{
    char a[5], b[100];
    struct iovec into[] = {{a, 5}, {b, 100}};
    int fd = tree("hello.txt");
    ssize_t n = preadv(fd, into, 2, 1);
    say("%zd %.5s", n, a);
    say("%zd", preadv(fd, into, 2, 13));
    told(pwritev(fd, into, 2, 0), "pwritev");
}

static void sendfile_from(int from, off_t size)
{
    off_t at = 3;
    int to = empty_file("copy");
    ssize_t n = sendfile(to, from, &at, (size_t)size);
    say("%zd, then at %ld", n, (long)at);
    n = sendfile(to, from, NULL, (size_t)size);
    say("%zd, offset %ld", n, (long)lseek(from, 0, SEEK_CUR));
    lseek(to, 0, SEEK_SET);
    say_content("copy", to);
}

CASE(sendfile_native_to_native) { close(own_file("a", "some text to send")); sendfile_from(open("a", O_RDONLY), 10); }
CASE(sendfile_tree_to_native) { sendfile_from(tree("hello.txt"), 100); }
CASE(sendfile_big_tree_to_native) { sendfile_from(tree("big.bin"), 3000001); }

CASE(sendfile_tree_to_socket)
{
    int s[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    if (child()) {
        close(s[0]);
        say_content("received", s[1]);
        _exit(0);
    }
    close(s[1]);
    int fd = tree("sizes/1000000");
    off_t at = 0;
    while (sendfile(s[0], fd, &at, 1000000) > 0)
        ;
    say("sent %ld", (long)at);
    close(s[0]);
    join("receiver");
}

CASE(sendfile_tree_to_pipe_and_refusals)
{
    int p[2];
    MUST(pipe(p) == 0);
    say("%zd", sendfile(p[1], tree("hello.txt"), NULL, 100));
    told(sendfile(tree("hello.txt"), tree("dir/file"), NULL, 10), "to a tree file");
    told(sendfile(p[1], tree("dir"), NULL, 10), "from a directory");
    told(sendfile(p[1], open(in("hello.txt"), O_PATH), NULL, 10), "from a path");
}

static void splice_from(int from, const char *to)
{
    int p[2], out = empty_file(to);
    off_t at = 2;
    ssize_t n;
    lseek(from, 0, SEEK_SET);
    MUST(pipe(p) == 0);
    n = splice(from, &at, p[1], NULL, 9, 0);
    say("in %zd, at %ld", n, (long)at);
    say("out %zd", splice(p[0], NULL, out, NULL, 100, 0));
    say("in %zd", splice(from, NULL, p[1], NULL, 5, SPLICE_F_MOVE));
    say("out %zd", splice(p[0], NULL, out, NULL, 100, 0));
    say_file(to);
}

CASE(splice_native) { splice_from(own_file("a", "0123456789abcdef"), "b"); }
CASE(splice_tree_to_native) { splice_from(tree("hello.txt"), "b"); }

CASE(splice_into_the_tree)
{
    int p[2];
    MUST(pipe(p) == 0 && write(p[1], "abc", 3) == 3);
    told(splice(p[0], NULL, tree("hello.txt"), NULL, 3, 0), "splice");
    told(splice(p[0], NULL, open(in("hello.txt"), O_PATH), NULL, 3, 0), "to a path");
}

CASE(tee_and_vmsplice)
{
    int p[2], q[2];
    char text[16];
    struct iovec v = {"memory", 6};
    MUST(pipe(p) == 0 && pipe(q) == 0);
    say("%zd", vmsplice(p[1], &v, 1, 0));
    say("%zd", tee(p[0], q[1], 100, 0));
    say("%zd %zd", read(p[0], text, 16), read(q[0], text, 16));
}

static void copy_range(int from, int to)
{
    off_t in_at = 1, out_at = 0;
    told(copy_file_range(from, &in_at, to, &out_at, 8, 0), "range");
    say("%ld %ld", (long)in_at, (long)out_at);
    told(copy_file_range(from, NULL, to, NULL, 1000, 0), "rest");
}

CASE(copy_file_range_native)
{
    int from = own_file("a", "0123456789");
    lseek(from, 0, SEEK_SET);
    copy_range(from, empty_file("b"));
    say_file("b");
}

CASE(copy_file_range_into_the_tree) { told(copy_file_range(own_file("a", "abc"), NULL, tree("hello.txt"), NULL, 3, 0), "copy"); }

/* Where two file systems cannot share a copy the kernel says EXDEV, and every program copies by hand. */
CASE(copy_file_range_tree_to_native)
{
    int from = tree("hello.txt"), to = empty_file("b");
    ssize_t n = copy_file_range(from, NULL, to, NULL, 100, 0);
    if (n < 0 && errno == EXDEV)
        n = sendfile(to, from, NULL, 100);
    say("%zd", n);
    say_file("b");
}

CASE(fallocate_modes)
{
    struct stat s;
    int fd = own_file("a", "0123456789");
    told(fallocate(fd, 0, 0, 5000), "grow");
    MUST(fstat(fd, &s) == 0);
    say("size %ld", (long)s.st_size);
    told(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 90000), "keep size");
    told(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3), "punch");
    char text[11];
    MUST(pread(fd, text, 10, 0) == 10);
    say("%d %d %d %d", text[1], text[2], text[4], text[5]);
    told(fallocate(fd, 0, -1, 5), "negative"), told(fallocate(fd, 0, 0, 0), "empty");
    told(posix_fallocate(fd, 0, 100), "posix");
}

CASE(fallocate_tree)
{
    told(fallocate(tree("hello.txt"), 0, 0, 5000), "grow");
    told(fallocate(tree("dir"), 0, 0, 5000), "directory");
    told(ftruncate(tree("hello.txt"), 0), "ftruncate");
}

CASE(seek_data_and_hole)
{
    int fd = own_file("a", "x");
    MUST(ftruncate(fd, 1 << 20) == 0);
    say("data %ld", (long)lseek(fd, 0, SEEK_DATA));
    int t = tree("hello.txt");
    say("%ld %ld", (long)lseek(t, 0, SEEK_DATA), (long)lseek(t, 0, SEEK_HOLE));
    told(lseek(t, 13, SEEK_DATA), "at the end"), told(lseek(t, -1, SEEK_SET), "before the start");
}

CASE(readahead_fadvise_sync)
{
    int fd = tree("big.bin");
    told(readahead(fd, 0, 100000), "readahead"), told(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL), "fadvise");
    told(fsync(fd), "fsync"), told(fdatasync(fd), "fdatasync"), told(sync_file_range(fd, 0, 0, 2), "sync_file_range");
    told(fsync(tree("dir")), "fsync of a directory"), told(syncfs(fd), "syncfs");
}

CASE(append_and_truncate)
{
    int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644);
    MUST(write(fd, "one\n", 4) == 4);
    int other = open("log", O_RDWR);
    MUST(pwrite(other, "ONE", 3, 0) == 3 && write(fd, "two\n", 4) == 4);
    say_file("log");
    told(truncate("log", 2), "truncate");
    MUST(write(fd, "!", 1) == 1);
    say_file("log");
}

CASE(scatter_read_into_shared_offset)
{
    char a[4], b[4];
    int fd = tree("hello.txt");
    if (child()) {
        MUST(read(fd, a, 4) == 4);
        _exit(0);
    }
    join("child");
    struct iovec v[] = {{a, 4}, {b, 4}};
    ssize_t n = readv(fd, v, 2);
    say("%zd %.4s%.4s", n, a, b);
    int again = dup(fd);
    say("%ld", (long)lseek(again, 0, SEEK_CUR));
}
