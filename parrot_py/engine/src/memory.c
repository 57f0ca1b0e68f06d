/* Reading and writing the memory of the job, and the offset of its open files. */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "pp.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define PIDFD_THREAD O_EXCL
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* Some containers refuse process_vm_readv alone; a stopped tracee can always be peeked. */
static long long peek(int tid, uint64_t address, char *buffer, uint64_t len)
{
    uint64_t done = 0;
    while (done < len) {
        uint64_t at = address + done, word_at = at & ~(uint64_t)7;
        errno = 0;
        unsigned long word = (unsigned long)ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)word_at, NULL);
        if (errno)
            break;
        uint64_t skip = at - word_at, n = 8 - skip < len - done ? 8 - skip : len - done;
        memcpy(buffer + done, (char *)&word + skip, n);
        done += n;
    }
    return done ? (long long)done : -EFAULT;
}

/* Bytes read (fewer than len at the end of a mapping), or -EFAULT. */
long long pp_read(int tid, unsigned long long address, char *buffer, unsigned long long len)
{
    struct iovec local = {buffer, len}, remote = {(void *)(uintptr_t)address, len};
    ssize_t n = process_vm_readv(tid, &local, 1, &remote, 1, 0);
    if (n >= 0)
        return n;
    return errno == EFAULT ? -EFAULT : peek(tid, address, buffer, len);
}

/* Write as the job itself could (read-only pages are refused).  Bytes written or -EFAULT. */
long long pp_write(int tid, unsigned long long address, const char *data, unsigned long long len)
{
    struct iovec local = {(void *)(uintptr_t)data, len}, remote = {(void *)(uintptr_t)address, len};
    ssize_t n = process_vm_writev(tid, &local, 1, &remote, 1, 0);
    if (n >= 0)
        return n;
    if (errno == EFAULT)
        return -EFAULT;
    for (unsigned long long at = 0; at < len; at++) {
        uint64_t word_at = (address + at) & ~(uint64_t)7;
        errno = 0;
        unsigned long word = (unsigned long)ptrace(PTRACE_PEEKDATA, tid, (void *)(uintptr_t)word_at, NULL);
        if (errno)
            return at ? (long long)at : -EFAULT;
        ((char *)&word)[address + at - word_at] = data[at];
        if (ptrace(PTRACE_POKEDATA, tid, (void *)(uintptr_t)word_at, (void *)word) != 0)
            return at ? (long long)at : -EFAULT;
    }
    return (long long)len;
}

/* Read a NUL-terminated string.  Its length, -EFAULT, or -ENAMETOOLONG when no NUL comes within size bytes.
 * Chunks never cross a page, so a string that ends at the end of a mapping can be read. */
long long pp_read_string(int tid, unsigned long long address, char *buffer, unsigned long long size)
{
    unsigned long long done = 0, chunk = 256;
    while (done < size) {
        unsigned long long at = address + done, room = 4096 - (at & 4095);
        unsigned long long want = chunk < room ? chunk : room;
        if (want > size - done)
            want = size - done;
        long long n = pp_read(tid, at, buffer + done, want);
        if (n <= 0)
            return -EFAULT;
        char *nul = memchr(buffer + done, 0, (size_t)n);
        if (nul)
            return nul - buffer;
        done += (unsigned long long)n;
        chunk = 4096;
    }
    return -ENAMETOOLONG;
}

/* The number that follows field (a name with its colon) in a file of /proc, -1 when it cannot be told. */
long pp_proc_number(const char *path, const char *field, int base)
{
    char line[256];
    long number = -1;
    size_t n = strlen(field);
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    while (number < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, field, n) == 0)
            number = strtol(line + n, NULL, base);
    fclose(f);
    return number;
}

/* The same of the status of a thread, in decimal. */
long pp_status_number(pid_t tid, const char *field)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", tid);
    return pp_proc_number(path, field, 10);
}

/* The process that a thread belongs to; tid itself when that cannot be told any more. */
pid_t pp_thread_group(pid_t tid)
{
    long group = pp_status_number(tid, "Tgid:");
    return group > 0 ? (pid_t)group : tid;
}

/* A pidfd through which the descriptors of a thread can be had.  Before Linux 6.9 only that of its process can be, which
 * serves unless the thread has a table of its own (unshare(CLONE_FILES)).  -1 where there is none. */
static int pidfd_of(int tid)
{
    int pidfd = (int)syscall(SYS_pidfd_open, tid, 0);
    if (pidfd >= 0)
        return pidfd;
    pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
    if (pidfd >= 0)
        return pidfd;
    pid_t group = pp_thread_group(tid);
    if (syscall(SYS_kcmp, tid, group, KCMP_FILES, 0, 0) != 0)
        return -1;
    return (int)syscall(SYS_pidfd_open, group, 0);
}

/* lseek on a descriptor of the job, without running anything in the job.  The new offset, or -errno;
 * -ENOSYS where the kernel has no pidfd_getfd (before 5.6) or forbids it. */
long long pp_seek(int tid, int fd, long long offset, int whence)
{
    int pidfd = pidfd_of(tid);
    if (pidfd < 0)
        return -ENOSYS;
    int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
    long long result = -ENOSYS;
    if (copy >= 0) {
        off_t at = lseek(copy, offset, whence);
        result = at < 0 ? -errno : (long long)at;
        close(copy);
    }
    close(pidfd);
    return result;
}
