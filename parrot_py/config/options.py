"""The command line options of parrot_run, as data: what is honoured, ignored with a reason, or refused."""

from __future__ import annotations

from typing import NamedTuple


class Option(NamedTuple):
    """One option: its spellings, its argument (empty for a flag), its variable, and what it does.

    ``names`` is ``-x`` and ``--long`` in any number; the first ``--long`` one is its key.  ``ignored`` says why an
    option of the original has no effect here, ``absent`` that it is about something that is not here at all;
    ``refused`` says why one cannot be obeyed, where going on without it would do something else than the user asked
    for.  ``default`` is for the documentation.
    """

    names: str
    argument: str = ""
    variable: str = ""
    help: str = ""
    default: str = ""
    ignored: str = ""
    absent: str = ""
    refused: str = ""

    @property
    def key(self) -> str:
        """The name under which the value is found: the first long spelling, without its dashes."""
        return next(name[2:] for name in self.names.split() if name.startswith("--"))

    @property
    def has_effect(self) -> bool:
        """Whether the option is obeyed."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it is not obeyed."""
        return self.ignored or self.absent or self.refused


_CHIRP, _GRID = "there is no Chirp service", "there are no GridFTP and iRODS services"
_CACHE = "repository files are always cached, verified and whole"
_LATER = "not supported yet"

HONOURED = (
    Option("-r --cvmfs-repos", "REPOS", "PARROT_CVMFS_REPO", "repositories and how to reach them", "built-in list"),
    Option("-p --proxy", "PROXIES", "HTTP_PROXY", "HTTP proxies: a|b;c;DIRECT", "DIRECT"),
    Option("-t --tempdir", "DIR", "PARROT_TEMP_DIR", "caches and session data", "$TMPDIR/parrot.<uid>"),
    Option("-T --timeout", "TIME", "PARROT_TIMEOUT", "give up fetching after so long without progress: 30, 5m", "60s"),
    Option("-M --mount", "/FROM=/TO", "PARROT_MOUNT_STRING", "let a path stand for another (repeatable)"),
    Option("-m --tab-file --ftab-file", "FILE", "PARROT_MOUNT_FILE", "read mounts from a file (repeatable)"),
    Option("--dynamic-mounts", "", "", "let the job take away mounts that it was given (see parrot_mount)"),
    Option("-w --work-dir", "DIR", "", "start the job in this directory, as it sees names", "the current directory"),
    Option("-d --debug", "FLAG", "PARROT_DEBUG_FLAGS", "log more (repeatable): cvmfs, syscall, process ... all"),
    Option("-o --debug-file", "FILE", "", "where the log goes: a path, :stderr or :stdout", ":stderr with -d"),
    Option("-O --debug-rotate-max", "SIZE", "", "rename the log to FILE.old at this size: 64K, 10M; 0: never", "0"),
    Option("--cvmfs-alien-cache", "DIR", "PARROT_CVMFS_ALIEN_CACHE", "a cache shared with others", "<tempdir>/cvmfs"),
    Option("--cvmfs-option", "NAME=VALUE", "", "set a CernVM-FS parameter for all repositories (repeatable)"),
    Option(
        "--cvmfs-option-file",
        "FILE",
        "PARROT_CVMFS_OPTION_FILE",
        "a file that sets parameters, written like those of /etc/cvmfs (repeatable)",
    ),
    Option("--cvmfs-config", "OPTIONS", "PARROT_CVMFS_CONFIG", "global options of libcvmfs: cache_directory=DIR,..."),
    Option(
        "--link-environment",
        "",
        "PARROT_LINK_ENVIRONMENT",
        "variables in symbolic links come from the program that looks (variable: job)",
    ),
    Option("--record-access", "FILE", "", "write down what the job touches of repositories, for --prefetch"),
    Option("--prefetch", "FILE", "PARROT_PREFETCH", "fetch what FILE lists while the job runs (repeatable)"),
    Option("-k --no-checksums", "", "", "GROW-FS: do not compare files with the checksums of the listing"),
    Option("-K --with-checksums", "", "", "GROW-FS: compare them (the default)"),
    Option("-R --root-checksum", "SHA1", "PARROT_GROW_CHECKSUM", "GROW-FS: the checksum that a listing must have"),
    Option("--disable-service", "NAME", "", "leave names to the host: grow, http, https or fsspec (repeatable)"),
    Option("-U --uid", "N", "PARROT_UID", "tell the job that it is user N"),
    Option("-G --gid", "N", "PARROT_GID", "tell the job that it is of group N"),
    Option("--fake-setuid", "", "", "let the job change its user and groups, in what it is told of itself"),
    Option("-N --hostname", "NAME", "PARROT_HOST_NAME", "tell the job that the machine has this name"),
    Option("--time-stop", "", "", "let the job's clocks stand still at 2001-01-01 UTC"),
    Option("--time-warp", "", "", "let them begin there, and go on by 10 ms each time that they are read"),
    Option("--pid-fixed", "", "", "let getpid always answer 12345"),
    Option("--pid-warp", "", "", "let it answer one more each time"),
    Option("-l --ld-path", "FILE", "PARROT_LDSO_PATH", "start all programs with this ELF interpreter (ld.so)"),
    Option("-f --no-follow-symlinks", "", "PARROT_FOLLOW_SYMLINKS", "no links from /cvmfs to elsewhere (variable: 0)"),
    Option("-b -B --block-size", "SIZE", "PARROT_BLOCK_SIZE", "the st_blksize that stat tells: 64K, 1M", "4096"),
    Option("-Y --sync-write", "", "PARROT_FORCE_SYNC", "open with O_SYNC what is opened for writing (variable: 1)"),
    Option("-Z --auto-decompress", "", "", "show what is in files of repositories and servers that end in .gz"),
    Option("-S --session-caching", "", "PARROT_SESSION_CACHE", "never look again at what was seen (variable: 1)"),
    Option("-s --stream-no-cache", "", "PARROT_FORCE_STREAM", "keep no files of servers for later (variable: 1)"),
    Option("--no-flock", "", "", "let flock succeed without locking"),
    Option("-D --no-optimize", "", "", "let parrot_md5 read the files that it is asked about"),
    Option("--no-seccomp", "", "", "trace every system call instead of a selection (slow; for old kernels)"),
    Option("--stats", "", "", "write the engine's counters to the log at the end of the run"),
    Option("--stats-file", "FILE", "", "write counters to FILE at the end: JSON, or for Prometheus (.prom)"),
    Option("-W --syscall-table", "", "", "print how often each call stopped, at the end of the run"),
    Option("-c --status-file", "FILE", "", "write how the job ended to FILE: normal 0, abnormal 9, noexec 0 ..."),
    Option("-e --env-list", "FILE", "", "write the job's environment to FILE, which must not exist"),
    Option("-n --name-list", "FILE", "", "write the names that the job touches to FILE, which must not exist"),
    Option("--old-exit-status", "", "", "exit with 1 for a job that dies by a signal or cannot start, as the original"),
    Option("--print-config", "", "", "print each value, with where it comes from, and exit; for a repository: =NAME"),
    Option("--doctor", "", "", "check what this machine allows, say what to do about what is missing, and exit"),
    Option("--is-running", "", "", "exit with 0 and print the version if already inside, else with 1"),
    Option("--check-driver", "NAME", "", "say whether a driver is there and exit with 0 or 1"),
    Option("-v --version", "", "", "print the version and exit"),
    Option("-h --help", "", "", "print the most important options and exit"),
    Option("--help-all", "", "", "print all options and exit"),
)

IGNORED = (
    Option("-a --chirp-auth", "X", "PARROT_CHIRP_AUTH", absent=_CHIRP),
    Option("-C --channel-auth", absent=_GRID),
    Option("-F --with-snapshots", variable="PARROT_FORCE_CACHE", ignored=_CACHE),
    Option("-H --no-helper", ignored="there is no helper library"),
    Option("--helper", variable="PARROT_HELPER", ignored="there is no helper library"),
    Option("-i --tickets", "FILES", "CHIRP_CLIENT_TICKETS", absent=_CHIRP),
    Option("-I --debug-level-irods", "N", absent=_GRID),
    Option("-P --paranoid", ignored="the kernel ends every process of the job if parrot_run dies"),
    Option("-Q --no-chirp-catalog", absent=_CHIRP),
    Option("-u --username", "NAME", "", absent="there are no identity boxes: a job has its user's rights"),
    Option(
        "--cvmfs-repo-switching",
        variable="PARROT_ALLOW_SWITCHING_CVMFS_REPOSITORIES",
        ignored="any number of repositories is served at once",
    ),
    Option("--cvmfs-disable-alien-cache", ignored="the cache needs no lock directory"),
    Option("--no-set-foreground", ignored="process groups and the terminal are left alone anyway"),
    Option("--parrot-path", "PATH", ignored="unused in the original, too"),
    Option("--syscall-disable-debug", ignored="the job cannot change the log"),
    Option("--valgrind", ignored="a debugging aid of the original"),
)
"""Options of the original that are accepted and do nothing; each use is one line in the log: a notice for what
is absent, else one of ``-d debug``."""

REFUSED = (
    Option("--ext-image", "IMAGE=PATH", refused=f"file system images are {_LATER}"),
)
"""Options whose silent absence would mislead: naming one is an error and nothing is started."""

OPTIONS = HONOURED + IGNORED + REFUSED
"""Every option, in the order of the documentation."""
