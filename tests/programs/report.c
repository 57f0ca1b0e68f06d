/* A program that lives inside the tree: prints how it was started. Not a twin itself; exec_forms and the scripts run it. */
#include "canon.h"
#include <sys/auxv.h>
#include <sys/prctl.h>

static void say_link(const char *name)
{
    char buffer[PATH_MAX];
    ssize_t n = readlink(name, buffer, sizeof buffer - 1);
    say("%s: %.*s", name, (int)(n < 0 ? 0 : n), buffer);
}

/* The file that the kernel mapped the loader from, by its name in maps. */
static void say_loader(void)
{
    unsigned long base = getauxval(AT_BASE), from, to;
    char line[PATH_MAX + 128], name[PATH_MAX];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps))
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %4095[^\n]", &from, &to, name) == 3 && from <= base && base < to)
            say("loader: %s", name);
    if (maps)
        fclose(maps);
}

int main(int argc, char **argv, char **envp)
{
    char comm[16] = "", environment = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < argc; i++)
        say("argv[%d]: %s", i, argv[i]);
    for (char **e = envp; *e; e++)
        if (!strncmp(*e, "TWIN", 4))
            say("%s", *e);
        else
            environment = 1;
    say("more environment: %d", environment);
    say("AT_EXECFN: %s", (const char *)getauxval(AT_EXECFN));
    say("AT_SECURE: %lu", getauxval(AT_SECURE));
    prctl(PR_GET_NAME, comm);
    say("comm: %s", comm);
    say_link("/proc/self/exe");
    say_link("/proc/self/cwd");
    say_loader();
    say("descriptor 7 open: %d, 8 open: %d", fcntl(7, F_GETFD) >= 0, fcntl(8, F_GETFD) >= 0);
    say("my own file can be opened: %d", quiet_open("/proc/self/exe", O_RDONLY) >= 0);
    return argc > 1 ? atoi(argv[1]) : 0;
}
