/* A static program without any library: says who it is, and reads the file next to it.
 * Built with: gcc -static -nostdlib -Os -ffreestanding (x86_64 only; see build.py). */

enum { SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_EXIT = 60, SYS_GETCWD = 79, SYS_READLINK = 89 };

static long call(long number, long a, long b, long c)
{
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

static long length(const char *text)
{
    long n = 0;
    while (text[n])
        n++;
    return n;
}

static void say(const char *text, long n)
{
    call(SYS_WRITE, 1, (long)text, n);
}

static void line(const char *label, const char *text)
{
    say(label, length(label));
    say(text, length(text));
    say("\n", 1);
}

/* Print the file <path of this program>.txt; 0 if that worked. */
static int show_neighbour(char *path, long n, long room)
{
    static const char suffix[] = ".txt";
    static char content[512];
    long got, fd, i;
    if (n + (long)sizeof suffix > room)
        return 1;
    for (i = 0; i < (long)sizeof suffix; i++)
        path[n + i] = suffix[i];
    fd = call(SYS_OPEN, (long)path, 0, 0);
    if (fd < 0)
        return 1;
    got = call(SYS_READ, fd, (long)content, sizeof content);
    call(SYS_CLOSE, fd, 0, 0);
    if (got <= 0)
        return 1;
    say("next to me:   ", 14);
    say(content, got);
    return 0;
}

__attribute__((used)) static void run(long *stack)
{
    static char path[4096], cwd[4096];
    const char *own_name = (const char *)stack[1];
    long n = call(SYS_READLINK, (long)"/proc/self/exe", (long)path, sizeof path - 1);
    int failed = 0;
    line("my argv[0]:   ", stack[0] > 0 ? own_name : "(none)");
    if (n > 0) {
        path[n] = 0;
        line("I am ", path);
        failed |= show_neighbour(path, n, sizeof path);
    } else {
        line("/proc/self/exe: ", "unreadable");
        failed = 1;
    }
    if (call(SYS_GETCWD, (long)cwd, sizeof cwd, 0) > 0)
        line("working in:   ", cwd);
    else
        failed = 1;
    if (failed)
        line("something went wrong", "");
    call(SYS_EXIT, failed, 0, 0);
}

__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall run\n");
