/* What a started program can see of us in its own image.  A program of a repository whose loader lies there is started from
 * a copy in which the PT_INTERP header points to another name (parrot_py/elf.py), behind the end of the file.  The kernel
 * has read that now; debuggers compare the headers in memory with those of the file they know. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/auxv.h>

#include "pp.h"

#define MAX_HEADERS 64

/* The auxiliary vector, in words of the program's own width.  The kernel's has some 25 entries. */
struct auxv {
    ssize_t size, width;
    char data[1024];
};

struct fields {
    uint64_t offset, address, file_size, memory_size;
    uint32_t type;
};

static struct fields read_header(const char *p, bool wide)
{
    Elf64_Phdr h;
    Elf32_Phdr n;
    if (wide) {
        memcpy(&h, p, sizeof h);
        return (struct fields){h.p_offset, h.p_vaddr, h.p_filesz, h.p_memsz, h.p_type};
    }
    memcpy(&n, p, sizeof n);
    return (struct fields){n.p_offset, n.p_vaddr, n.p_filesz, n.p_memsz, n.p_type};
}

static void write_header(char *p, bool wide, const struct fields *f)
{
    Elf64_Phdr h;
    Elf32_Phdr n;
    if (wide) {
        memcpy(&h, p, sizeof h);
        h.p_offset = f->offset;
        h.p_filesz = f->file_size;
        h.p_memsz = f->memory_size;
        memcpy(p, &h, sizeof h);
        return;
    }
    memcpy(&n, p, sizeof n);
    n.p_offset = (Elf32_Off)f->offset;
    n.p_filesz = (Elf32_Word)f->file_size;
    n.p_memsz = (Elf32_Word)f->memory_size;
    memcpy(p, &n, sizeof n);
}

/* Where the file has what is mapped at an address, by the segments; 0 when it has not. */
static uint64_t offset_of(const char *headers, uint64_t count, size_t size, bool wide, uint64_t address)
{
    for (uint64_t i = 0; i < count; i++) {
        struct fields f = read_header(headers + i * size, wide);
        if (f.type == PT_LOAD && address - f.address < f.file_size)
            return f.offset + (address - f.address);
    }
    return 0;
}

/* Empty where it cannot be read. */
static struct auxv read_auxv(const struct pp_engine *e, struct tracee *t)
{
    char path[64];
    pp_regs regs;
    struct auxv auxv = {.size = 0, .width = 8};
    snprintf(path, sizeof path, "/proc/%d/auxv", t->tid);
    int fd = pp_get_regs(e, t, &regs) == 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return auxv;
    auxv.size = read(fd, auxv.data, sizeof auxv.data);
    close(fd);
    auxv.width = pp_code_bits(&regs) == 32 ? 4 : 8;
    return auxv;
}

/* The value of an entry; 0 where there is none. */
static uint64_t entry_of(const struct auxv *auxv, uint64_t key)
{
    size_t width = (size_t)auxv->width;
    for (ssize_t at = 0; at + 2 * auxv->width <= auxv->size; at += 2 * auxv->width) {
        uint64_t entry[2] = {0, 0};
        memcpy(&entry[0], auxv->data + at, width);
        memcpy(&entry[1], auxv->data + at + width, width);
        if (entry[0] == key)
            return entry[1];
    }
    return 0;
}

/* Make the PT_INTERP header in memory that of the original file. */
static void restore_headers(const struct pp_engine *e, struct tracee *t, const struct auxv *auxv)
{
    char headers[MAX_HEADERS * sizeof(Elf64_Phdr)], name[PP_PATH_MAX];
    uint64_t where = entry_of(auxv, AT_PHDR), size = entry_of(auxv, AT_PHENT);
    uint64_t count = entry_of(auxv, AT_PHNUM), bias = 0;
    bool wide = size == sizeof(Elf64_Phdr);
    if ((!wide && size != sizeof(Elf32_Phdr)) || count > MAX_HEADERS ||
        pp_read(t->tid, where, headers, count * size) != (long long)(count * size))
        return;
    for (uint64_t i = 0; i < count; i++) {
        struct fields f = read_header(headers + i * size, wide);
        if (f.type == PT_PHDR)
            bias = where - f.address;
        uint64_t offset = f.type == PT_INTERP ? offset_of(headers, count, size, wide, f.address) : 0;
        if (!offset || offset == f.offset)
            continue;
        long long length = pp_read_string(t->tid, bias + f.address, name, sizeof name);
        if (length < 0)
            return;
        f.offset = offset;
        f.file_size = f.memory_size = (uint64_t)length + 1;
        write_header(headers + i * size, wide, &f);
        pp_poke_bytes(e, t->tid, where + i * size, headers + i * size, size);
        return;
    }
}

/* Let a program that was started by another path than the job's find name in AT_EXECFN, and its own headers.  Pre: t is
 * stopped after exec. */
void pp_restore_image(const struct pp_engine *e, struct tracee *t, const char *name)
{
    struct auxv auxv = read_auxv(e, t);
    uint64_t address = entry_of(&auxv, AT_EXECFN);
    if (address)
        pp_write(t->tid, address, name, strlen(name) + 1);
    restore_headers(e, t, &auxv);
}
