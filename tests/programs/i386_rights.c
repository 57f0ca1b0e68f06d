/* i386_rights FILE DIRECTORY: calls that only i386 has and that need the permission to write. */
#include "canon.h"

#define TRUNCATE64 193
#define LCHOWN32 198
#define CHOWN32 212
#define UTIMENSAT_TIME64 412

static void say_outcome(const char *what, long rv)
{
    say("%s: %s", what, rv < 0 ? errname(errno) : "ok");
}

int main(int argc, char **argv)
{
    const char *file = argv[1];
    if (argc < 3)
        return 2;
    say_outcome("truncate64", syscall(TRUNCATE64, file, 1, 0));
    say_outcome("truncate64 of a directory", syscall(TRUNCATE64, argv[2], 1, 0));
    say_outcome("lchown32", syscall(LCHOWN32, file, -1, -1));
    say_outcome("chown32", syscall(CHOWN32, file, -1, -1));
    say_outcome("utimensat_time64", syscall(UTIMENSAT_TIME64, AT_FDCWD, file, NULL, 0));
    return 0;
}
