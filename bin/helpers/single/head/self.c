/* This program's own file: what is appended to it, and the index of that.  bin/helpers/single/payload.py writes it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head.h"

#define MAX_INDEX (256u << 20)

static const char magic[16] = "parrot_py single";

struct trailer {
    char magic[16];
    uint64_t at, size;
    char id[ID_LENGTH];
};

/* What the payload begins with; behind it options and index. */
struct beginning {
    uint32_t options, index, count, crc;
};

struct record {
    uint64_t size;
    uint32_t mode;
    uint16_t path, flags;
};

int pd_read_at(int fd, void *buffer, size_t size, off_t at)
{
    char *to = buffer;
    while (size) {
        ssize_t got = pread(fd, to, size, at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EBADMSG;
        to += got;
        at += got;
        size -= got;
    }
    return 0;
}

/* A name in the payload stays below the tree. */
static bool is_plain(const char *path, size_t length)
{
    if (!length || path[0] == '/' || memchr(path, 0, length))
        return false;
    for (const char *part = path, *end = path + length; part < end;) {
        const char *slash = memchr(part, '/', end - part);
        size_t n = (slash ? slash : end) - part;
        if (n == 0 || (n <= 2 && part[0] == '.' && part[n - 1] == '.'))
            return false;
        part += n + 1;
    }
    return true;
}

/* Take the index apart: records, each with its path behind it.  The paths are ended in place. */
static bool parse_index(struct payload *p, char *index, size_t length)
{
    struct record record;
    char *at = index, *end = index + length;
    for (uint32_t i = 0; i < p->count; i++) {
        if ((size_t)(end - at) < sizeof record)
            return false;
        memcpy(&record, at, sizeof record);
        at += sizeof record;
        if (record.path + 1u > (size_t)(end - at) || !is_plain(at, record.path) || at[record.path] != 0)
            return false;
        p->entries[i] = (struct entry){record.size, record.mode, record.flags, at};
        at += record.path + 1;
    }
    return at == end;
}

static int read_index(struct payload *p)
{
    struct beginning begin;
    int error = pd_read_at(p->fd, &begin, sizeof begin, p->at);
    if (error)
        return error;
    uint64_t length = (uint64_t)begin.options + begin.index;
    if (length > MAX_INDEX || begin.count > begin.index / sizeof(struct record) || length + sizeof begin > p->size)
        return -EBADMSG;
    p->count = begin.count;
    p->options = calloc(begin.options + 1, 1);
    p->entries = calloc(begin.count + 1, sizeof *p->entries);
    char *both = malloc(length + 1);
    if (!p->options || !p->entries || !both)
        return -ENOMEM;
    p->blocks = p->at + sizeof begin + length;
    error = pd_read_at(p->fd, both, length, p->at + sizeof begin);
    if (error)
        return error;
    if (pd_checksum((uint8_t *)both, length) != begin.crc)
        return -EBADMSG;
    memcpy(p->options, both, begin.options);
    return parse_index(p, both + begin.options, begin.index) ? 0 : -EBADMSG;
}

int pd_open_payload(struct payload *p)
{
    struct trailer trailer;
    struct stat st;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    /* Where the caller closed 0, 1 or 2 this must not become it: messages would go into it. */
    p->fd = fd < 0 || fd > 2 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0 && fd <= 2)
        close(fd);
    if (p->fd < 0 || fstat(p->fd, &st))
        return -errno;
    if (st.st_size < (off_t)sizeof trailer)
        return 0;
    int error = pd_read_at(p->fd, &trailer, sizeof trailer, st.st_size - sizeof trailer);
    if (error)
        return error;
    if (memcmp(trailer.magic, magic, sizeof magic))
        return 0;
    p->at = trailer.at;
    p->size = trailer.size;
    if (p->at < 0 || p->size > (uint64_t)st.st_size || p->at + p->size + sizeof trailer != (uint64_t)st.st_size)
        return -EBADMSG;
    for (int i = 0; i < ID_LENGTH; i++)
        if (!strchr("0123456789abcdef", trailer.id[i]) || !trailer.id[i])
            return -EBADMSG;
    memcpy(p->id, trailer.id, ID_LENGTH);
    error = read_index(p);
    return error ? error : 1;
}
