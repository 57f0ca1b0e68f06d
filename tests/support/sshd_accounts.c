/* Preloaded into an sshd of an unprivileged user whose account allows no logins, as HTCondor does for condor_ssh_to_job:
 * the shell and the home come from ACCOUNT_SHELL and ACCOUNT_HOME, nothing is locked, and there is no group "tty", to
 * which only root could give a terminal. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <grp.h>
#include <pwd.h>
#include <shadow.h>
#include <stdlib.h>
#include <string.h>

static struct passwd *mended(struct passwd *account)
{
    char *shell = getenv("ACCOUNT_SHELL"), *home = getenv("ACCOUNT_HOME");
    if (!account)
        return NULL;
    account->pw_passwd = (char *)"x";
    if (shell)
        account->pw_shell = shell;
    if (home)
        account->pw_dir = home;
    return account;
}

struct passwd *getpwnam(const char *name)
{
    struct passwd *(*real)(const char *) = dlsym(RTLD_NEXT, "getpwnam");
    return mended(real(name));
}

struct passwd *getpwuid(uid_t uid)
{
    struct passwd *(*real)(uid_t) = dlsym(RTLD_NEXT, "getpwuid");
    return mended(real(uid));
}

struct group *getgrnam(const char *name)
{
    struct group *(*real)(const char *) = dlsym(RTLD_NEXT, "getgrnam");
    return strcmp(name, "tty") ? real(name) : NULL;
}

struct spwd *getspnam(const char *name)
{
    (void)name;
    return NULL;
}
