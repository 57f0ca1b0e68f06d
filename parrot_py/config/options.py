"""The command line options of parrot_run, as data: what is honoured, ignored with a reason, or refused."""

from __future__ import annotations

from typing import NamedTuple


class Option(NamedTuple):
    """One option: its spellings, its argument (empty for a flag), its variable, and what it does.

    ``names`` is ``-x`` and ``--long`` in any number; the first ``--long`` one is its key.  ``ignored`` says why an
    option of the original has no effect here; ``refused`` says why one cannot be obeyed, where going on without it
    would do something else than the user asked for.  ``default`` is for the documentation.
    """

    names: str
    argument: str = ""
    variable: str = ""
    help: str = ""
    default: str = ""
    ignored: str = ""
    refused: str = ""

    @property
    def key(self) -> str:
        """The name under which the value is found: the first long spelling, without its dashes."""
        return next(name[2:] for name in self.names.split() if name.startswith("--"))

    @property
    def has_effect(self) -> bool:
        """Whether the option is obeyed."""
        return not (self.ignored or self.refused)


_REMOTE = "there is no such service"
_KERNEL = "the kernel does this itself: files are the job's own descriptors"
_CACHE = "repository files are always cached, verified and whole"
_REAL = "the job sees the real ids, times and names of the machine"
_LATER = "not supported yet"

HONOURED = (
    Option("-r --cvmfs-repos", "REPOS", "PARROT_CVMFS_REPO", "repositories and how to reach them", "built-in list"),
    Option("-p --proxy", "PROXIES", "HTTP_PROXY", "HTTP proxies: a|b;c;DIRECT", "DIRECT"),
    Option("-t --tempdir", "DIR", "PARROT_TEMP_DIR", "caches and session data", "$TMPDIR/parrot.<uid>"),
    Option("-T --timeout", "TIME", "PARROT_TIMEOUT", "give up fetching after so long without progress: 30, 5m", "60s"),
    Option("-M --mount", "/FROM=/TO", "PARROT_MOUNT_STRING", "let a path stand for another (repeatable)"),
    Option("-m --tab-file --ftab-file", "FILE", "PARROT_MOUNT_FILE", "read mounts from a file (repeatable)"),
    Option("--dynamic-mounts", "", "", "let the job take away mounts that it was given (see parrot_mount)"),
    Option("-w --work-dir", "DIR", "", "start the job in this directory of the host", "the current directory"),
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
    Option("--no-seccomp", "", "", "trace every system call instead of a selection (slow; for old kernels)"),
    Option("--stats", "", "", "write the engine's counters to the log at the end of the run"),
    Option("--stats-file", "FILE", "", "write counters to FILE at the end: JSON, or for Prometheus (.prom)"),
    Option("-W --syscall-table", "", "", "print how often each call stopped, at the end of the run"),
    Option("-c --status-file", "FILE", "", "write how the job ended to FILE: normal 0, abnormal 9, noexec 0 ..."),
    Option("-e --env-list", "FILE", "", "write the job's environment to FILE, which must not exist"),
    Option("--old-exit-status", "", "", "exit with 1 for a job that dies by a signal or cannot start, as the original"),
    Option("--print-config", "", "", "print each value, with where it comes from, and exit; for a repository: =NAME"),
    Option("--doctor", "", "", "check what this machine allows, say what to do about what is missing, and exit"),
    Option("--is-running", "", "", "exit with 0 and print the version if already inside, else with 1"),
    Option("--check-driver", "NAME", "", "say whether a driver is there and exit with 0 or 1"),
    Option("-v --version", "", "", "print the version and exit"),
    Option("-h --help", "", "", "print this text and exit"),
)

IGNORED = (
    Option("-a --chirp-auth", "X", "PARROT_CHIRP_AUTH", ignored=_REMOTE),
    Option("-b -B --block-size", "N", "PARROT_BLOCK_SIZE", ignored="st_blksize is the repository's"),
    Option("-C --channel-auth", ignored=_REMOTE),
    Option("-D --no-optimize", ignored="there are no whole-file shortcuts to switch off"),
    Option("-F --with-snapshots", variable="PARROT_FORCE_CACHE", ignored=_CACHE),
    Option("-f --no-follow-symlinks", variable="PARROT_FOLLOW_SYMLINKS", ignored="links lead where they lead natively"),
    Option("-G --gid", "N", "PARROT_GID", ignored=_REAL),
    Option("-H --no-helper", ignored="there is no helper library"),
    Option("--helper", variable="PARROT_HELPER", ignored="there is no helper library"),
    Option("-i --tickets", "FILES", "CHIRP_CLIENT_TICKETS", ignored=_REMOTE),
    Option("-I --debug-level-irods", "N", ignored=_REMOTE),
    Option("-l --ld-path", "PATH", "PARROT_LDSO_PATH", ignored="every program is started with its own interpreter"),
    Option("-N --hostname", "HOST", "PARROT_HOST_NAME", ignored=_REAL),
    Option("-P --paranoid", ignored="the kernel ends every process of the job if parrot_run dies"),
    Option("-Q --no-chirp-catalog", ignored=_REMOTE),
    Option("-s --stream-no-cache", variable="PARROT_FORCE_STREAM", ignored=_CACHE),
    Option("-S --session-caching", variable="PARROT_SESSION_CACHE", ignored=_CACHE),
    Option("-U --uid", "N", "PARROT_UID", ignored=_REAL),
    Option("-u --username", "NAME", "", ignored="there are no identity boxes: a job has its user's rights"),
    Option("-Y --sync-write", variable="PARROT_FORCE_SYNC", ignored=_KERNEL),
    Option("-Z --auto-decompress", ignored="unused in the original, too"),
    Option(
        "--cvmfs-repo-switching",
        variable="PARROT_ALLOW_SWITCHING_CVMFS_REPOSITORIES",
        ignored="any number of repositories is served at once",
    ),
    Option("--cvmfs-disable-alien-cache", ignored="the cache needs no lock directory"),
    Option("--fake-setuid", ignored=_REAL),
    Option("--no-flock", ignored=_KERNEL),
    Option("--no-set-foreground", ignored="process groups and the terminal are left alone anyway"),
    Option("--parrot-path", "PATH", ignored="unused in the original, too"),
    Option("--pid-fixed", ignored=_REAL),
    Option("--pid-warp", ignored=_REAL),
    Option("--time-stop", ignored=_REAL),
    Option("--time-warp", ignored=_REAL),
    Option("--syscall-disable-debug", ignored="the job cannot change the log"),
    Option("--valgrind", ignored="a debugging aid of the original"),
)
"""Options of the original that are accepted and do nothing; each use is one line of ``-d debug``."""

REFUSED = (
    Option("-n --name-list", "FILE", refused=f"recording names is {_LATER}"),
    Option("--ext-image", "IMAGE=PATH", refused=f"file system images are {_LATER}"),
)
"""Options whose silent absence would mislead: naming one is an error and nothing is started."""

OPTIONS = HONOURED + IGNORED + REFUSED
"""Every option, in the order of the documentation."""
