/* Write the payload's files into an empty directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "head.h"

struct block {
    uint32_t size, packed, crc;
};

struct work {
    const struct payload *p;
    off_t at;
    uint8_t *packed, *plain;
};

uint32_t pd_checksum(const uint8_t *data, size_t size)
{
    static uint32_t table[8][256]; /* of byte and distance to the end: eight bytes a step take a third of the time */
    if (!table[0][1])
        for (uint32_t i = 0; i < 8 * 256; i++) {
            uint32_t value = i < 256 ? i : table[i / 256 - 1][i % 256];
            for (int bit = 0; bit < 8; bit++)
                value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
            table[i / 256][i % 256] = value;
        }
    uint32_t crc = ~0u;
    for (; size >= 8; data += 8, size -= 8) {
        uint64_t eight;
        memcpy(&eight, data, 8);
        eight ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= table[7 - i][eight >> 8 * i & 255];
    }
    for (; size; data++, size--)
        crc = table[0][(crc ^ *data) & 255] ^ crc >> 8;
    return ~crc;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size) {
        ssize_t done = write(fd, data, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        data += done;
        size -= done;
    }
    return 0;
}

/* The next block, which must have SIZE bytes, into w->plain. */
static int next_block(struct work *w, size_t size)
{
    struct block block;
    int error = pd_read_at(w->p->fd, &block, sizeof block, w->at);
    if (error)
        return error;
    if (block.size != size || block.packed > size)
        return -EBADMSG;
    bool stored = block.packed == block.size;
    error = pd_read_at(w->p->fd, stored ? w->plain : w->packed, block.packed, w->at + sizeof block);
    if (error)
        return error;
    if (!stored && !pd_inflate(w->packed, block.packed, w->plain, size))
        return -EBADMSG;
    w->at += sizeof block + block.packed;
    return pd_checksum(w->plain, size) == block.crc ? 0 : -EBADMSG;
}

static int write_file(struct work *w, int directory, const struct entry *entry)
{
    int fd = openat(directory, entry->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = fd < 0 ? -errno : 0;
    for (uint64_t left = entry->size; !error && left;) {
        size_t size = left < BLOCK ? left : BLOCK;
        error = next_block(w, size);
        if (!error)
            error = write_all(fd, w->plain, size);
        left -= size;
    }
    if (!error && fchmod(fd, entry->mode & 0777))
        error = -errno;
    /* Over NFS a full disk shows here. */
    if (fd >= 0 && close(fd) && !error)
        error = -errno;
    return error;
}

static int make_link(struct work *w, int directory, const struct entry *entry)
{
    if (entry->size >= PATH_MAX)
        return -EBADMSG;
    int error = next_block(w, entry->size);
    if (error)
        return error;
    w->plain[entry->size] = 0;
    return symlinkat((char *)w->plain, directory, entry->path) ? -errno : 0;
}

static int make_directory(int directory, const struct entry *entry)
{
    if (mkdirat(directory, entry->path, 0700) || fchmodat(directory, entry->path, 0755, 0))
        return -errno;
    return 0;
}

int pd_unpack(const struct payload *p, int directory)
{
    struct work w = {p, p->blocks, malloc(BLOCK), malloc(BLOCK)};
    int error = w.packed && w.plain ? 0 : -ENOMEM;
    for (uint32_t i = 0; !error && i < p->count; i++) {
        const struct entry *entry = &p->entries[i];
        if (S_ISDIR(entry->mode))
            error = make_directory(directory, entry);
        else if (S_ISLNK(entry->mode))
            error = make_link(&w, directory, entry);
        else
            error = write_file(&w, directory, entry);
    }
    if (!error && w.at != p->at + (off_t)p->size)
        error = -EBADMSG;
    free(w.packed);
    free(w.plain);
    return error;
}
