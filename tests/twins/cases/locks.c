/* Locks between processes of the job. */
#include "case.h"
#include <sys/file.h>

static int lock(int fd, int command, short type, off_t start, off_t length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    return fcntl(fd, command, &l);
}

static void ask(int fd, int command, short type)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET};
    told(fcntl(fd, command, &l), "asked");
    say("   type %d, from %ld, length %ld, somebody %d", l.l_type, (long)l.l_start, (long)l.l_len, l.l_pid != 0);
}

/* Two processes with an open file of their own each. */
static void ofd(const char *name, int flags, short type, short other)
{
    int fd = open(name, flags);
    told(lock(fd, F_OFD_SETLK, type, 0, 10), "first");
    if (child()) {
        int mine = open(name, flags);
        told(lock(mine, F_OFD_SETLK, other, 0, 5), "child, same range");
        told(lock(mine, F_OFD_SETLK, other, 20, 5), "child, another range");
        ask(mine, F_OFD_GETLK, F_WRLCK);
        told(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 10), "child unlocks the inherited one");
        told(lock(mine, F_OFD_SETLK, other, 0, 5), "child again");
        _exit(0);
    }
    join("child");
    told(lock(fd, F_OFD_SETLK, type, 0, 10), "first again");
}

CASE(ofd_native) { close(own_file("a", "0123456789")); ofd("a", O_RDWR, F_WRLCK, F_WRLCK); }
CASE(ofd_native_readers) { close(own_file("a", "0123456789")); ofd("a", O_RDWR, F_RDLCK, F_RDLCK); }
CASE(ofd_tree) { ofd(in("hello.txt"), O_RDONLY, F_RDLCK, F_RDLCK); }
CASE(ofd_tree_write_refused) { ofd(in("hello.txt"), O_RDONLY, F_WRLCK, F_RDLCK); }

CASE(ofd_waits)
{
    int fd = own_file("a", "0123456789"), ends[2];
    char c;
    MUST(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 0) == 0 && pipe(ends) == 0);
    if (child()) {
        int mine = open("a", O_RDWR);
        MUST(write(ends[1], "x", 1) == 1);
        told(lock(mine, F_OFD_SETLKW, F_WRLCK, 0, 0), "child waited");
        _exit(0);
    }
    MUST(read(ends[0], &c, 1) == 1);
    int unlocked = lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0);
    join("child"); /* what the child says comes first */
    told(unlocked, "unlock");
}

static void posix_locks(const char *name, int flags, short type)
{
    int fd = open(name, flags);
    told(lock(fd, F_SETLK, type, 0, 0), "lock");
    if (child()) {
        int mine = open(name, flags);
        told(lock(mine, F_SETLK, type, 0, 0), "child");
        ask(mine, F_GETLK, F_WRLCK);
        _exit(0);
    }
    join("child");
    close(open(name, O_RDONLY)); /* which drops all locks of this process */
    if (child()) {
        ask(open(name, flags), F_GETLK, F_WRLCK);
        _exit(0);
    }
    join("child");
}

CASE(posix_native) { close(own_file("a", "0123456789")); posix_locks("a", O_RDWR, F_WRLCK); }
CASE(posix_tree) { posix_locks(in("dir/file"), O_RDONLY, F_RDLCK); }

CASE(posix_deadlock)
{
    close(own_file("a", "0123456789"));
    int fd = open("a", O_RDWR), ends[2];
    char c;
    MUST(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0 && pipe(ends) == 0);
    if (child()) {
        int mine = open("a", O_RDWR);
        MUST(lock(mine, F_SETLK, F_WRLCK, 1, 1) == 0 && write(ends[1], "x", 1) == 1);
        int rv = lock(mine, F_SETLKW, F_WRLCK, 0, 1);
        _exit(rv == 0 ? 0 : errno == EDEADLK ? 0 : 1);
    }
    MUST(read(ends[0], &c, 1) == 1);
    int rv = lock(fd, F_SETLKW, F_WRLCK, 1, 1);
    say("one of us was told: %d", rv == 0 || errno == EDEADLK);
    lock(fd, F_SETLK, F_UNLCK, 0, 0);
    join("child");
}

static void flocks(const char *name)
{
    int fd = open(name, O_RDONLY), same = dup(fd);
    told(flock(fd, LOCK_EX | LOCK_NB), "exclusive");
    told(flock(same, LOCK_SH | LOCK_NB), "its duplicate");
    told(flock(fd, LOCK_EX | LOCK_NB), "exclusive");
    if (child()) {
        int mine = open(name, O_RDONLY);
        told(flock(mine, LOCK_SH | LOCK_NB), "child");
        told(flock(fd, LOCK_UN), "inherited");
        told(flock(mine, LOCK_SH | LOCK_NB), "child");
        _exit(0);
    }
    join("child");
    told(flock(fd, LOCK_EX | LOCK_NB), "again");
}

CASE(flock_native) { close(own_file("a", "")); flocks("a"); }
CASE(flock_tree) { flocks(in("dir/one")); }
CASE(flock_tree_directory) { flocks(in("dir")); }
CASE(flock_path_only) { told(flock(open(in("hello.txt"), O_PATH), LOCK_SH), "flock"); }

CASE(lease_native)
{
    close(own_file("a", ""));
    int fd = open("a", O_RDONLY);
    told(fcntl(fd, F_SETLEASE, F_RDLCK), "lease");
    say("%d", fcntl(fd, F_GETLEASE) == F_RDLCK);
    told(fcntl(fd, F_SETLEASE, F_UNLCK), "no lease");
}
