/* System V and POSIX ways between processes, and FIFOs from both ends. */
#include "case.h"
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>

CASE(sysv_semaphores)
{
    int id = semget(IPC_PRIVATE, 2, 0600 | IPC_CREAT);
    struct sembuf up = {0, 1, 0}, down = {0, -1, 0}, try = {1, -1, IPC_NOWAIT};
    MUST(id >= 0);
    if (child()) {
        told(semop(id, &down, 1), "child got it");
        _exit(0);
    }
    int up_told = semop(id, &up, 1);
    join("child"); /* what the child says comes first */
    told(up_told, "up");
    told(semop(id, &try, 1), "not available");
    say("value %d", semctl(id, 0, GETVAL));
    told(semctl(id, 0, IPC_RMID), "remove");
    told(semop(id, &up, 1), "gone");
}

CASE(sysv_messages)
{
    struct { long type; char text[32]; } m = {7, "a message"};
    int id = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
    MUST(id >= 0);
    if (child()) {
        ssize_t n = msgrcv(id, &m, sizeof m.text, 7, 0);
        say("child has %zd bytes of type %ld: %s", n, m.type, m.text);
        _exit(0);
    }
    int sent = msgsnd(id, &m, sizeof m.text, 0);
    join("child"); /* what the child says comes first */
    told(sent, "sent");
    told(msgrcv(id, &m, sizeof m.text, 7, IPC_NOWAIT), "nothing left");
    told(msgctl(id, IPC_RMID, NULL), "remove");
}

CASE(sysv_shared_memory)
{
    int id = shmget(IPC_PRIVATE, 8192, 0600 | IPC_CREAT);
    MUST(id >= 0);
    char *p = shmat(id, NULL, 0);
    MUST(p != (char *)-1);
    if (child()) {
        strcpy(p + 4096, "written by the child");
        _exit(0);
    }
    join("child");
    say("%s", p + 4096);
    told(shmdt(p), "detach");
    told(shmctl(id, IPC_RMID, NULL), "remove");
}

CASE(sysv_key_of_a_tree_file)
{
    key_t a = ftok(in("hello.txt"), 'a'), b = ftok(in("hello.txt"), 'a'), c = ftok(in("dir/file"), 'a');
    say("same %d, other %d", a == b && a != -1, a == c);
    told(ftok(in("missing"), 'a') == -1 ? -1 : 0, "missing");
}

CASE(posix_messages)
{
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
    char name[64], text[64];
    unsigned priority;
    snprintf(name, sizeof name, "/twin-%d", getpid());
    mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    MUST(q >= 0);
    if (child()) {
        ssize_t n = mq_receive(q, text, sizeof text, &priority);
        say("child has '%.*s' of priority %u", (int)n, text, priority);
        _exit(0);
    }
    int done = mq_send(q, "low", 3, 1);
    join("child"); /* what the child says comes first */
    told(done, "send low");
    told(mq_send(q, "a", 1, 1), "send"), told(mq_send(q, "b", 1, 9), "send");
    ssize_t n = mq_receive(q, text, sizeof text, &priority);
    say("first '%.*s' of priority %u", (int)n, text, priority);
    told(mq_unlink(name), "unlink");
    told(mq_open(name, O_RDONLY), "gone");
}

CASE(posix_semaphore)
{
    sem_t *s = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    MUST(sem_init(s, 1, 0) == 0);
    if (child()) {
        told(sem_wait(s), "child waited");
        _exit(0);
    }
    int done = sem_post(s);
    join("child"); /* what the child says comes first */
    told(done, "post");
    told(sem_trywait(s), "nothing left");
}

CASE(posix_shared_memory)
{
    char name[64];
    snprintf(name, sizeof name, "/twin-shm-%d", getpid());
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    MUST(fd >= 0 && ftruncate(fd, 4096) == 0);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (child()) {
        strcpy(p, "through /dev/shm");
        _exit(0);
    }
    join("child");
    say("%s", p);
    told(shm_unlink(name), "unlink");
}

CASE(fifo_blocking_reader_waits_for_writer)
{
    char text[32];
    MUST(mkfifo("f", 0600) == 0);
    if (child()) {
        int fd = open("f", O_WRONLY);
        MUST(write(fd, "through", 7) == 7);
        _exit(0);
    }
    int fd = open("f", O_RDONLY);
    told(fd, "reader opened");
    ssize_t n = read(fd, text, sizeof text);
    join("writer");
    say("%.*s", (int)n, text);
    say("end %zd", read(fd, text, sizeof text));
}

CASE(fifo_blocking_writer_waits_for_reader)
{
    char text[32];
    MUST(mkfifo("f", 0600) == 0);
    if (child()) {
        int fd = open("f", O_RDONLY);
        ssize_t n = read(fd, text, sizeof text);
        say("reader has %.*s", (int)n, text);
        _exit(0);
    }
    int fd = open("f", O_WRONLY);
    MUST(fd >= 0 && write(fd, "down", 4) == 4);
    close(fd);
    join("reader");
}

CASE(fifo_nonblocking)
{
    char c;
    MUST(mkfifo("f", 0600) == 0);
    told(open("f", O_WRONLY | O_NONBLOCK), "writer without a reader");
    int r = open("f", O_RDONLY | O_NONBLOCK);
    told(r, "reader without a writer");
    say("read %zd", read(r, &c, 1));
    int w = open("f", O_WRONLY | O_NONBLOCK);
    told(w, "writer");
    told(read(r, &c, 1), "nothing there yet");
    MUST(write(w, "x", 1) == 1);
    say("read %zd", read(r, &c, 1));
}

CASE(fifo_for_both)
{
    char text[8];
    MUST(mkfifo("f", 0600) == 0);
    int fd = open("f", O_RDWR);
    told(fd, "opened without waiting");
    MUST(write(fd, "me", 2) == 2);
    say("read %zd", read(fd, text, sizeof text));
}

CASE(fifo_many)
{
    char name[16], text[16];
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof name, "f%d", i);
        MUST(mkfifo(name, 0600) == 0);
    }
    for (int i = 0; i < 64; i++)
        if (child()) {
            snprintf(name, sizeof name, "f%d", i);
            int fd = open(name, O_WRONLY);
            MUST(fd >= 0 && write(fd, name, strlen(name)) > 0);
            _exit(0);
        }
    for (int i = 63; i >= 0; i--) {
        snprintf(name, sizeof name, "f%d", i);
        int fd = open(name, O_RDONLY);
        ssize_t n = read(fd, text, sizeof text);
        say("%.*s", (int)n, text);
        close(fd);
    }
    for (int i = 0; i < 64; i++)
        join("writer");
}

CASE(fifo_interrupted_open)
{
    struct sigaction action = {.sa_handler = (void (*)(int))(void *)abs};
    MUST(sigaction(SIGALRM, &action, NULL) == 0 && mkfifo("f", 0600) == 0);
    alarm(1);
    told(open("f", O_RDONLY), "open");
}

CASE(fifo_of_the_tree)
{
    char text[16];
    if (child()) {
        int fd = open(in("fifo"), O_WRONLY);
        MUST(write(fd, "through it", 10) == 10);
        _exit(0);
    }
    int fd = open(in("fifo"), O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    join("writer");
    say("%.*s", (int)n, text);
}

CASE(fifo_of_the_tree_nonblocking)
{
    told(open(in("fifo"), O_WRONLY | O_NONBLOCK), "writer without a reader");
    int r = open(in("fifo"), O_RDONLY | O_NONBLOCK);
    told(r, "reader");
    told(open(in("fifo"), O_WRONLY | O_NONBLOCK), "writer");
    told(open(in("fifo"), O_RDWR), "both");
}

CASE(eventfd_signalfd_timerfd)
{
    uint64_t n = 5;
    int e = (int)syscall(SYS_eventfd2, 0, O_NONBLOCK), t = (int)syscall(SYS_timerfd_create, CLOCK_MONOTONIC, 0);
    struct { long s[4]; } in_a_moment = {{0, 0, 0, 1000000}};
    told(write(e, &n, 8), "event"), told(read(e, &n, 8), "event"), say("%lu", (unsigned long)n), told(read(e, &n, 8), "none left");
    told(syscall(SYS_timerfd_settime, t, 0, &in_a_moment, NULL), "timer");
    told(read(t, &n, 8), "timer fired");
    say("%lu times", (unsigned long)n);
}
