# What batch jobs start: an MPI program, one with errors for valgrind, and a software stack with a loader of its own, as
# EESSI and spack have it.  What is not installed is left out; the scenes say what they need.
mkdir -p bin lib data
for i in $(seq 1 40); do echo "line $i of data" >data/f$i.txt; done
cat >ring.c <<'C'
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIG (1 << 20)

int main(int argc, char **argv)
{
    int rank, size, sum = 0, *shared;
    char *big = malloc(BIG), line[64] = "", part[6] = "";
    MPI_File file;
    MPI_Win window;
    MPI_Comm parent, children;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    memset(big, rank, BIG);
    for (int i = 0; i < 20; i++)
        MPI_Sendrecv_replace(big, BIG, MPI_BYTE, (rank + 1) % size, 0, (rank + size - 1) % size, 0, MPI_COMM_WORLD,
                             MPI_STATUS_IGNORE);
    int mine = big[5];
    MPI_Allreduce(&mine, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    FILE *input = fopen(argv[1], "r");
    if (!input || !fgets(line, sizeof line, input))
        perror(argv[1]);
    printf("rank %d of %d got %d, sum %d, %s", rank, size, mine, sum, line);
    fflush(stdout);
    MPI_File_open(MPI_COMM_WORLD, "out.bin", MPI_MODE_CREATE | MPI_MODE_RDWR, MPI_INFO_NULL, &file);
    MPI_File_write_at_all(file, rank * sizeof rank, &rank, 1, MPI_INT, MPI_STATUS_IGNORE);
    MPI_File_close(&file);
    MPI_File_open(MPI_COMM_WORLD, argv[1], MPI_MODE_RDONLY, MPI_INFO_NULL, &file);
    MPI_File_read_at_all(file, rank, part, 5, MPI_CHAR, MPI_STATUS_IGNORE);
    MPI_File_close(&file);
    printf("rank %d read %s\n", rank, part);
    fflush(stdout);
    MPI_Win_allocate_shared(sizeof rank, sizeof rank, MPI_INFO_NULL, MPI_COMM_WORLD, &shared, &window);
    *shared = rank;
    MPI_Win_fence(0, window);
    MPI_Win_free(&window);
    const char *how = argc > 2 ? argv[2] : "";
    if (!strcmp(how, "die") && rank == 2)
        raise(SIGKILL);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Comm_get_parent(&parent);
    if (!strcmp(how, "spawn")) {
        char *arguments[] = {argv[1], NULL};
        MPI_Comm_spawn(argv[0], arguments, 2, MPI_INFO_NULL, 0, MPI_COMM_WORLD, &children, MPI_ERRCODES_IGNORE);
        MPI_Comm_disconnect(&children);
    } else if (parent != MPI_COMM_NULL)
        MPI_Comm_disconnect(&parent);
    MPI_Finalize();
    return !strcmp(how, "bad") && rank == 1 ? 5 : 0;
}
C
! command -v mpicc >/dev/null || mpicc ring.c -o bin/ring
cat >faulty.c <<'C'
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void *look(void *path)
{
    struct stat s;
    for (int i = 0; i < 50; i++)
        if (stat(path, &s))
            perror("stat");
    return malloc(10);
}

int main(int argc, char **argv)
{
    int *unset = malloc(10 * sizeof *unset);
    puts(unset[3] ? "set" : "clear");
    char *few = malloc(3), exe[4096] = "", buffer[10];
    few[3] = 1;
    free(few);
    if (readlink("/proc/self/exe", exe, sizeof exe - 1) > 0)
        puts(exe);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(threads + i, NULL, look, argv[0]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", (int)read(open(argv[1], O_RDONLY), buffer, sizeof buffer));
    fflush(stdout);
    if (argc > 2) {
        int status;
        if (!fork()) {
            execl(argv[0], argv[0], argv[1], (char *)NULL);
            _exit(9);
        }
        wait(&status);
        printf("child %x\n", status);
    }
    return 3;
}
C
! command -v gcc >/dev/null || gcc -w -g -O0 -pthread faulty.c -o bin/faulty
cp -L /bin/cat bin/mycat
if command -v patchelf >/dev/null; then
    mkdir -p own/bin own/lib
    cp -L /lib64/ld-linux-x86-64.so.2 own/lib
    for program in bash ls cat sort find xargs env perl python3.11 make tcsh zsh; do
        file=$(command -v $program) || continue
        cp -L $file own/bin/$program
        ldd $file | awk '$3 ~ "^/" {print $3}' | while read -r library; do cp -Ln $library own/lib; done
        patchelf --set-interpreter $R/own/lib/ld-linux-x86-64.so.2 --force-rpath --set-rpath $R/own/lib own/bin/$program
    done
    cp -rL /usr/lib/python3.11 own/lib/python3.11 2>/dev/null || true
    rm -rf own/lib/python3.11/test own/lib/python3.11/config-*
    cp -L own/bin/bash own/bin/sh
    printf '#!%s/own/bin/bash\necho $0 $BASH "$@"\n' $R >own/bin/s.sh
    printf '#!%s/own/bin/env python3.11\nimport sys; print(sys.executable, sys.argv)\n' $R >own/bin/s.py
    printf '#!%s/own/bin/s.sh argument\n' $R >own/bin/nested
    chmod +x own/bin/*
    printf 'SHELL = %s/own/bin/bash\nall: $(patsubst %%,x%%,$(shell seq 40))\nx%%:\n\t@echo $$BASH $@ >$@; cat $@\n' $R >own/mk
fi
cat >parallel.py <<'P'
"""Processes by all start methods, their queues and shared memory."""
import hashlib
import multiprocessing as mp
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import shared_memory


def digest(path):
    return os.path.basename(path), hashlib.md5(open(path, "rb").read()).hexdigest(), os.readlink("/proc/self/exe")


def shared(name):
    memory = shared_memory.SharedMemory(name=name)
    memory.buf[1] = 9
    memory.close()


def send(end):
    end.send_bytes(b"x" * 300000)


if __name__ == "__main__":
    top = os.path.dirname(os.path.abspath(__file__)) + "/data"
    for method in ("fork", "spawn", "forkserver"):
        context = mp.get_context(method)
        with context.Pool(3) as pool:
            print(method, sorted(pool.map(digest, [f"{top}/{name}" for name in sorted(os.listdir(top))]))[:3])
        memory = shared_memory.SharedMemory(create=True, size=100)
        process = context.Process(target=shared, args=(memory.name,))
        process.start()
        process.join()
        print(memory.buf[1], process.exitcode)
        memory.close()
        memory.unlink()
        ours, theirs = context.Pipe()
        process = context.Process(target=send, args=(theirs,))
        process.start()
        print(len(ours.recv_bytes()))
        process.join()
        for target, arguments in ((os.abort, ()), (os.execv, (sys.executable, [sys.executable, "-c", "print('exec')"]))):
            process = context.Process(target=target, args=arguments)
            process.start()
            process.join()
            print(process.exitcode, flush=True)
        with context.Manager() as manager:
            told = manager.dict()
            process = context.Process(target=told.update, args=({"a": 1},))
            process.start()
            process.join()
            print(dict(told))
    with ProcessPoolExecutor(3, mp_context=mp.get_context("spawn")) as executor:
        try:
            print(list(executor.map(os._exit, [3])))
        except Exception as error:
            print(type(error))
P
cat >children.py <<'P'
"""Children of asyncio, by the watcher that is named."""
import asyncio
import os
import signal
import sys

top, watcher = sys.argv[1:]
file = f"{top}/data/f1.txt"


async def one(number):
    code = f"import sys; print(open({file!r}).readline().strip()); sys.exit({number})"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=-1)
    return (await process.communicate())[0], process.returncode


async def main():
    print(await asyncio.gather(*(one(number) for number in range(6))))
    process = await asyncio.create_subprocess_exec("sleep", "100")
    process.kill()
    print(await process.wait())
    process = await asyncio.create_subprocess_shell(f"cat {file} | wc -l; kill -STOP $$; echo on", stdout=-1)
    while not os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT):
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGCONT)
    print(await process.communicate(), process.returncode)
    for command, cwd in ((file, None), ("true", file), (top, None), ("pwd", f"{top}/data")):
        try:
            process = await asyncio.create_subprocess_exec(command, cwd=cwd, stdout=-1)
            print(await process.communicate(), process.returncode)
        except OSError as error:
            print(error)


asyncio.set_child_watcher(getattr(asyncio, watcher)())
asyncio.run(main())
P
