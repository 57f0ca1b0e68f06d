/* What every sequence finds in its working directory: native names of all kinds, many of which lead into /cvmfs. */
#include "differ.h"

static void put(const char *name, const char *text, mode_t mode)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchmod(fd, mode) < 0) {
        perror(name);
        exit(3);
    }
    close(fd);
}

static void put_link(const char *target, const char *name)
{
    if (symlink(target, name) != 0) {
        perror(name);
        exit(3);
    }
}

static void put_directory(const char *name)
{
    if (mkdir(name, 0755) != 0) {
        perror(name);
        exit(3);
    }
}

/* Make place, fill it and go there.  The names are those that names.py knows. */
void pp_prepare(const char *place)
{
    char here[PATH_MAX];
    umask(022);
    put_directory(place);
    if (chdir(place) != 0) {
        perror(place);
        exit(3);
    }
    put("own", "my own file\n", 0644);
    put("locked", "nobody reads this\n", 0);
    put("run", "#!/cvmfs/diff.parrot.test/prog one\n", 0755);
    put_directory("odir");
    put("odir/inner", "inner\n", 0640);
    put_directory("odir/deep");
    put_link("/cvmfs/diff.parrot.test", "sw");
    put_link("/cvmfs/diff.parrot.test/file", "swfile");
    put_link("sw/dir", "swdir");
    put_link("../../../../../../cvmfs/diff.parrot.test/dir", "swrel");
    put_link("/cvmfs", "swtop");
    put_link("/cvmfs/other.parrot.test/links/back", "swback");
    put_link("/cvmfs/diff.parrot.test/links/nothing", "swdead");
    put_link("own", "olink");
    put_link("odir", "dlink");
    put_link("nowhere", "odead");
    put_link("oloop", "oloop");
    snprintf(here, sizeof here, "%s/odir", place);
    put_link(here, "oabs");
    if (mkfifo("ofifo", 0644) != 0)
        exit(3);
    put_directory("closed");
    put("closed/in", "in\n", 0644);
    if (chmod("closed", 0) != 0)
        exit(3);
}
