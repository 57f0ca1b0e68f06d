/* inotify on native names, where everything is told, and on the tree, where the job's own doings are. */
#include "case.h"
#include <sys/inotify.h>

static int start(void)
{
    int fd = inotify_init1(IN_NONBLOCK);
    MUST(fd >= 0);
    return fd;
}

static void say_events(int fd)
{
    char buffer[8192] __attribute__((aligned(8)));
    ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0) {
        told(n, "events");
        return;
    }
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *e = (void *)(buffer + at);
        say("   watch %d mask %x cookie %d '%s'", e->wd, e->mask, e->cookie != 0, e->len ? e->name : "");
        at += (ssize_t)(sizeof *e + e->len);
    }
}

CASE(native_directory)
{
    int fd = start();
    told(inotify_add_watch(fd, ".", IN_ALL_EVENTS), "watch");
    close(own_file("a", "text"));
    say_events(fd);
    MUST(rename("a", "b") == 0 && chmod("b", 0600) == 0 && unlink("b") == 0);
    say_events(fd);
    MUST(mkdir("d", 0755) == 0 && rmdir("d") == 0);
    say_events(fd);
    say_events(fd);
}

CASE(native_file)
{
    int file = own_file("a", "text"), fd = start();
    told(inotify_add_watch(fd, "a", IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF), "watch");
    MUST(write(file, "more", 4) == 4 && fchmod(file, 0400) == 0 && rename("a", "b") == 0);
    say_events(fd);
    close(file);
    MUST(unlink("b") == 0);
    say_events(fd);
}

CASE(native_by_another_process)
{
    int fd = start();
    MUST(inotify_add_watch(fd, ".", IN_CREATE) > 0);
    if (child()) {
        MUST(mkdir("made", 0755) == 0 && symlink("x", "link") == 0);
        _exit(0);
    }
    join("child");
    say_events(fd);
}

CASE(native_poll_and_remove)
{
    int fd = start(), w = inotify_add_watch(fd, ".", IN_CREATE);
    struct pollfd p = {fd, POLLIN, 0};
    say("%d", poll(&p, 1, 0));
    close(own_file("a", ""));
    say("%d %x", poll(&p, 1, 0), p.revents);
    told(inotify_rm_watch(fd, w), "remove"), told(inotify_rm_watch(fd, w), "again");
    say_events(fd);
}

CASE(native_through_tree_link)
{
    int fd = start();
    char path[PATH_MAX * 2], here[PATH_MAX];
    MUST(getcwd(here, sizeof here));
    snprintf(path, sizeof path, "%s%s", in("links/top"), here);
    told(inotify_add_watch(fd, path, IN_CREATE), "watch");
    close(own_file("a", ""));
    say_events(fd);
}

CASE(tree_file_opened_and_read)
{
    char c;
    int fd = start();
    told(inotify_add_watch(fd, in("hello.txt"), IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE), "watch");
    int file = open(in("hello.txt"), O_RDONLY);
    MUST(read(file, &c, 1) == 1 && close(file) == 0);
    say_events(fd);
}

CASE(tree_refusals)
{
    int fd = start();
    told(inotify_add_watch(fd, in("missing"), IN_OPEN), "missing");
    told(inotify_add_watch(fd, in("hello.txt/x"), IN_OPEN), "below a file");
    told(inotify_add_watch(fd, in("hello.txt"), IN_OPEN | IN_ONLYDIR), "only a directory");
    told(inotify_add_watch(fd, in("hello.txt"), 0), "nothing to watch for");
    told(inotify_add_watch(fd, in("links/loop"), IN_OPEN), "loop");
    told(inotify_add_watch(fd, in("links/loop"), IN_OPEN | IN_DONT_FOLLOW), "the link itself");
    told(inotify_add_watch(-1, in("hello.txt"), IN_OPEN), "bad descriptor");
    told(inotify_add_watch(0, in("hello.txt"), IN_OPEN), "no inotify");
    told(inotify_add_watch(fd, in("unreadable"), IN_OPEN), "unreadable");
}

CASE(tree_same_object_same_watch)
{
    int fd = start();
    int a = inotify_add_watch(fd, in("dir"), IN_OPEN), b = inotify_add_watch(fd, in("links/dir"), IN_OPEN);
    int c = inotify_add_watch(fd, in("dir/sub"), IN_OPEN);
    say("%d %d", a == b, a == c);
    told(inotify_rm_watch(fd, c), "remove");
}
