/* The kernel opens the interpreter of a script and the loader of a program by itself, unseen by ptrace.  So the head of
 * each native program is read before it starts, to find those whose interpreter only we can provide. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "pp.h"

#define HEAD 4096
#define MAX_SCRIPTS 5

static bool interpreter_is_native(struct pp_engine *e, const char *name, int depth)
{
    if (name[0] != '/') /* relative to the working directory: leave such oddities to the kernel */
        return true;
    if (pp_under_prefix(e, name) || !pp_native_lookup(e, name, name, true))
        return false;
    return pp_native_exec(e, name, true, depth + 1);
}

/* What the two classes of ELF have in common of a program header. */
struct segment {
    uint32_t type;
    uint64_t offset, size;
};

static bool read_segment(int fd, const Elf64_Ehdr *h, int i, struct segment *s)
{
    if (h->e_ident[EI_CLASS] == ELFCLASS32) {
        const Elf32_Ehdr *h32 = (const Elf32_Ehdr *)(const void *)h;
        Elf32_Phdr p;
        if (pread(fd, &p, sizeof p, (off_t)h32->e_phoff + i * (off_t)sizeof p) != sizeof p)
            return false;
        *s = (struct segment){p.p_type, p.p_offset, p.p_filesz};
        return true;
    }
    Elf64_Phdr p;
    if (pread(fd, &p, sizeof p, (off_t)(h->e_phoff + (unsigned)i * sizeof p)) != sizeof p)
        return false;
    *s = (struct segment){p.p_type, p.p_offset, p.p_filesz};
    return true;
}

/* How many program headers there are, 0 where the kernel would not load the file anyway. */
static int segments(const Elf64_Ehdr *h, ssize_t n)
{
    const Elf32_Ehdr *h32 = (const Elf32_Ehdr *)(const void *)h;
    if (n < (ssize_t)sizeof *h)
        return 0;
    if (h->e_ident[EI_CLASS] == ELFCLASS32)
        return h32->e_phentsize == sizeof(Elf32_Phdr) ? h32->e_phnum : 0;
    return h->e_ident[EI_CLASS] == ELFCLASS64 && h->e_phentsize == sizeof(Elf64_Phdr) ? h->e_phnum : 0;
}

static bool elf_is_native(struct pp_engine *e, int fd, const char *head, ssize_t n)
{
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)head;
    int count = segments(h, n);
    if (count && h->e_ident[EI_CLASS] == ELFCLASS32 && h->e_machine == EM_X86_64)
        e->counters[PP_C_FOREIGN]++;
    for (int i = 0; i < count && i < 64; i++) {
        struct segment p;
        char name[PP_PATH_MAX];
        if (!read_segment(fd, h, i, &p))
            return true;
        if (p.type != PT_INTERP)
            continue;
        if (e->own_loader)
            return false;
        if (p.size < 2 || p.size > sizeof name)
            return true;
        if (pread(fd, name, p.size, (off_t)p.offset) != (ssize_t)p.size || name[p.size - 1])
            return true;
        return name[0] != '/' || !(pp_under_prefix(e, name) || !pp_native_lookup(e, name, name, true));
    }
    return true;
}

/* The file at path, open, and its first bytes; -1: it is none that could be started. */
static int open_head(const char *path, bool follow, char *head, ssize_t *n)
{
    struct stat st;
    if (fstatat(AT_FDCWD, path, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
        return -1; /* never open a FIFO or a device */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        *n = pread(fd, head, HEAD, 0);
    return fd;
}

static bool is_elf(const char *head, ssize_t n) { return n > 4 && memcmp(head, ELFMAG, SELFMAG) == 0; }

/* True when the kernel can start the program at path with nothing of ours involved (or will refuse it by itself, as it
 * does a link that the call does not follow). */
bool pp_native_exec(struct pp_engine *e, const char *path, bool follow, int depth)
{
    _Alignas(16) char head[HEAD + 1];
    ssize_t n;
    int fd = depth > MAX_SCRIPTS ? -1 : open_head(path, follow, head, &n);
    if (fd < 0)
        return true;
    bool native = true;
    if (is_elf(head, n)) {
        native = elf_is_native(e, fd, head, n);
    } else if (n > 2 && head[0] == '#' && head[1] == '!') {
        head[n < 256 ? n : 256] = 0;
        char *name = head + 2 + strspn(head + 2, " \t");
        name[strcspn(name, " \t\n")] = 0;
        native = interpreter_is_native(e, name, depth);
    }
    close(fd);
    return native;
}

/* Whether the host alone decides about the absolute path, and none of the links of /proc or /dev is involved. */
int pp_is_native(struct pp_engine *e, const char *path)
{
    return path[0] == '/' && strncmp(path, "/proc/", 6) != 0 && strncmp(path, "/dev/", 5) != 0 &&
           !pp_under_prefix(e, path) && pp_native_lookup(e, path, path, true);
}

/* Whether path is such a file, and a program (no script) that the kernel can start as it is. */
int pp_is_native_program(struct pp_engine *e, const char *path)
{
    _Alignas(16) char head[HEAD + 1];
    ssize_t n;
    int fd = pp_is_native(e, path) ? open_head(path, true, head, &n) : -1;
    if (fd < 0)
        return false;
    bool native = is_elf(head, n) && elf_is_native(e, fd, head, n);
    close(fd);
    return native;
}
