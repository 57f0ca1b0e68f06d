"""The parameters about configuration itself, revisions, what is shown, the cache, and the machinery of the client."""

from __future__ import annotations

from parrot_py.config.kinds import (
    COUNT,
    DATE,
    FILE,
    FILES,
    FLAG,
    GROUPS,
    HASH,
    MEGABYTES,
    MINUTES,
    OWNERS,
    PAUSE,
    SECONDS,
    TEXT,
    VISIBILITY,
    WORDS,
)
from parrot_py.config.parameters import Parameter as P

_KERNEL = "there is no FUSE mount; the kernel caches the files themselves"
_LOG = "the log is chosen by -d and -o"
_DISK = "the cache is a directory"
_NO_DAEMON = "there is no daemon"
_OPEN = "open files are the job's own descriptors"
_NFS = "nothing is exported"

CONFIGURATION = (
    P("CVMFS_CONFIG_REPOSITORY", TEXT, "repository with more configuration files; what files 1 and 2 say stays",
      plain=False),
    P("CVMFS_CONFIG_REPO_REQUIRED", FLAG, "fail (EIO) when that repository cannot be read, instead of a warning", "",
      "no", plain=False),
    P("CVMFS_DEFAULT_DOMAIN", TEXT, "appended to names without a dot", "fqrn", plain=False),
    P("CVMFS_REPOSITORIES", WORDS, "names for CVMFS_STRICT_MOUNT", plain=False),
    P("CVMFS_STRICT_MOUNT", FLAG, "of the names that only the built-in list matches, show just those and the "
      "configuration repository", "", "no", plain=False),
    P("CVMFS_MOUNT_DIR", FILE, "what files call the place of repositories; it is /cvmfs", "", "/cvmfs",
      ignored="a repository always appears as /cvmfs/name"),
    P("CVMFS_USER", TEXT, "user of the client", ignored=_NO_DAEMON),
    P("CVMFS_RELOAD_SOCKETS", FILE, "directory of sockets", ignored=_NO_DAEMON),
    P("CVMFS_BASE_ENV", TEXT, "set by default.conf for itself", ignored="a mark for files"),
    P("CVMFS_CONFIG_REPO_DEFAULT_ENV", TEXT, "set by configuration repositories for files", ignored="a mark for files"),
)  # fmt: skip

TRUST = (
    P("CVMFS_PUBLIC_KEY", FILES, "master keys (PEM); counts before CVMFS_KEYS_DIR", "public_keys",
      "the built-in keys of the domain", plain=False),
    P("CVMFS_KEYS_DIR", FILE, "directory whose `*.pub` are the master keys", "public_keys", "/etc/cvmfs/keys",
      plain=False),
    P("CVMFS_BLACKLIST", FILE, "fingerprints and revisions to refuse; besides, the configuration repository's",
      "blacklists", "/etc/cvmfs/blacklist", plain=False),
    P("CVMFS_TRUSTED_CERTS", FILE, "CA certificates of signers", ignored="PKCS#7 whitelists are refused"),
    P("CVMFS_IGNORE_SIGNATURE", FLAG, "do without signatures", "", "no", ignored="content is always verified"),
    P("CVMFS_ROOT_HASH", HASH, "the root catalog to show, instead of the newest", "root_hash"),
    P("CVMFS_REPOSITORY_TAG", TEXT, "the named revision to show", "tag"),
    P("CVMFS_REPOSITORY_DATE", DATE, "show the newest revision not after this: `2024-12-31T23:59:59Z`", "date"),
    P("CVMFS_ALT_ROOT_PATH", FLAG, "fetch the root catalog by its alternative name", "alt_root_path", "no"),
    P("CVMFS_AUTO_UPDATE", FLAG, "look for a newer revision when the TTL is over", "auto_update", "yes"),
    P("CVMFS_MAX_TTL", MINUTES, "upper limit of the TTL; 0: none", "max_ttl", "0"),
    P("CVMFS_MAX_TTL_SECS", PAUSE, "the same in seconds; counts before the other", "max_ttl", "", plain=False),
)  # fmt: skip

SHOWN = (
    P("CVMFS_CLAIM_OWNERSHIP", FLAG, "every file belongs to who started parrot_run", "uid gid", "yes", "no; yes",
      plain=False),
    P("CVMFS_UID_MAP", OWNERS, "file of lines `FROM TO`, `*` for all others: whom files belong to", "uid_map"),
    P("CVMFS_GID_MAP", OWNERS, "the same for groups", "gid_map"),
    P("CVMFS_WORLD_READABLE", FLAG, "everybody may read everything", "world_readable", "no"),
    P("CVMFS_CHECK_PERMISSIONS", FLAG, "obey the permissions of files", "", "yes", "no; yes",
      ignored="permissions are always obeyed"),
    P("CVMFS_ENFORCE_ACLS", FLAG, "obey POSIX ACLs", "", "no", ignored="without a mount there is nobody to obey them"),
    P("CVMFS_SUID", FLAG, "obey setuid bits", "", "no", ignored="a traced program gains no privileges"),
    P("CVMFS_MOUNT_RW", FLAG, "mount writable", "", "no", ignored="repositories are read-only"),
    P("CVMFS_SERVER_CACHE_MODE", FLAG, "show symbolic links unexpanded", "raw_links", "no"),
    P("PARROT_LINK_ENVIRONMENT", TEXT, "`job`: variables in symbolic links come from the program that looks, then from "
      "parameters", "caller_variables", plain=False),
    P("CVMFS_MAGIC_XATTRS_VISIBILITY", VISIBILITY, "where listings show the magic attributes", "magic_xattrs",
      "rootonly", plain=False),
    P("CVMFS_HIDE_MAGIC_XATTRS", FLAG, "older: yes is never, no is always; the other one counts first", "magic_xattrs",
      plain=False),
    P("CVMFS_XATTR_PROTECTED_XATTRS", WORDS, "attributes for privileged groups only", "protected_xattrs"),
    P("CVMFS_XATTR_PRIVILEGED_GIDS", GROUPS, "those groups", "privileged_gids"),
    P("CVMFS_STATFS_CACHE_TIMEOUT", PAUSE, "keep the answer of statfs so long", "statfs_timeout", "0"),
    P("CVMFS_KCACHE_TIMEOUT", SECONDS, "lifetime of the kernel's caches", ignored=_KERNEL),
    P("CVMFS_CACHE_SYMLINKS", FLAG, "let the kernel cache links", ignored=_KERNEL),
    P("CVMFS_NFS_SOURCE", FLAG, "stable inode numbers for NFS", ignored=_NFS),
    P("CVMFS_NFS_SHARED", FILE, "directory of them", ignored=_NFS),
    P("CVMFS_NFS_INTERLEAVED_INODES", TEXT, "numbers of several servers", ignored=_NFS),
)  # fmt: skip

CACHE = (
    P("CVMFS_CACHE_BASE", FILE, "the cache is `shared` in it, or the repository's name (see The cache)", "cache_dir "
      "lower_cache", "the tempdir", "/var/lib/cvmfs", plain=False),
    P("CVMFS_CACHE_DIR", FILE, "the cache itself", "cache_dir lower_cache", plain=False),
    P("CVMFS_SHARED_CACHE", FLAG, "one cache below CVMFS_CACHE_BASE for all repositories", "cache_dir", "yes",
      "no; yes", plain=False),
    P("CVMFS_ALIEN_CACHE", FILE, "a cache that others use, too: no quota", "cache_dir alien quota", plain=False),
    P("CVMFS_QUOTA_LIMIT", MEGABYTES, "size of the cache; -1: no limit", "quota", "4000; -1 for an alien cache",
      "1024; 4000", plain=False),
    P("CVMFS_WORKSPACE", FILE, "directory for small files that are no objects", "workspace", plain=False),
    P("CVMFS_CACHE_WORKSPACE", FILE, "the same; CVMFS_WORKSPACE counts first", "workspace", plain=False),
    P("CVMFS_CACHE_PRIMARY", TEXT, "name of the cache instance that CVMFS_CACHE_<name>_… describe", "cache_dir",
      plain=False),
    P("CVMFS_CACHE_<name>_TYPE", TEXT, "`posix` or `tiered`; for others the tempdir's cache is used", "cache_dir",
      "posix", plain=False),
    P("CVMFS_CACHE_<name>_BASE", FILE, "as CVMFS_CACHE_BASE, and so on for the next five", "cache_dir", plain=False),
    P("CVMFS_CACHE_<name>_DIR", FILE, "", "cache_dir", plain=False),
    P("CVMFS_CACHE_<name>_SHARED", FLAG, "", "cache_dir", plain=False),
    P("CVMFS_CACHE_<name>_ALIEN", FILE, "", "cache_dir alien quota", plain=False),
    P("CVMFS_CACHE_<name>_QUOTA_LIMIT", MEGABYTES, "", "quota", plain=False),
    P("CVMFS_CACHE_<name>_WORKSPACE", FILE, "", "workspace", plain=False),
    P("CVMFS_CACHE_<name>_UPPER", TEXT, "tiered: the instance that is filled", "cache_dir", plain=False),
    P("CVMFS_CACHE_<name>_LOWER", TEXT, "tiered: the instance that is asked for what the upper one has not",
      "lower_cache", plain=False),
    P("CVMFS_CACHE_<name>_LOWER_READONLY", FLAG, "tiered: the lower one is not filled", "lower_readonly", "no",
      plain=False),
    P("CVMFS_CACHE_<name>_SERVER_MODE", FLAG, "one client alone uses it", ignored="any number may use a cache"),
    P("CVMFS_CACHE_<name>_REFCOUNT", FLAG, "as CVMFS_CACHE_REFCOUNT", ignored=_OPEN),
    P("CVMFS_CACHE_<name>_SIZE", TEXT, "size of a RAM cache", ignored=_DISK),
    P("CVMFS_CACHE_<name>_MALLOC", TEXT, "allocator of a RAM cache", ignored=_DISK),
    P("CVMFS_CACHE_<name>_LOCATOR", TEXT, "place of a cache plug-in", ignored=_DISK),
    P("CVMFS_CACHE_<name>_CMDLINE", TEXT, "command of a cache plug-in", ignored=_DISK),
    P("CVMFS_CACHE_REFCOUNT", FLAG, "one descriptor for each object", ignored=_OPEN),
    P("CVMFS_CACHE_CLEANUP_NONOPENLRU", FLAG, "evict in another order", ignored="what is in use is never evicted"),
    P("CVMFS_STREAMING_CACHE", FLAG, "do not store files", ignored="files are always cached, verified and whole"),
    P("PARROT_VERIFY_CACHE", FLAG, "check the hash of what is in the cache before each use", "verify_on_read", "no"),
    P("PARROT_READ_AHEAD", FLAG, "fetch what earlier runs opened next", "read_ahead", "no"),
)  # fmt: skip

MACHINERY = (
    P("CVMFS_NFILES", COUNT, "open files", ignored=_OPEN),
    P("CVMFS_MEMCACHE_SIZE", COUNT, "memory for look-ups, in MB", ignored="it is bounded by the number of answers"),
    P("CVMFS_CATALOG_WATERMARK", COUNT, "open catalogs", ignored="they are bounded"),
    P("CVMFS_SYSLOG_LEVEL", COUNT, "of the system log", ignored=_LOG),
    P("CVMFS_SYSLOG_FACILITY", COUNT, "of the system log", ignored=_LOG),
    P("CVMFS_SYSLOG_PREFIX", TEXT, "of the system log", ignored=_LOG),
    P("CVMFS_USYSLOG", FILE, "a log file", ignored=_LOG),
    P("CVMFS_DEBUGLOG", FILE, "a log file", ignored=_LOG),
    P("CVMFS_TRACEFILE", FILE, "a log of calls", ignored="see -d syscall"),
    P("CVMFS_TRACEBUFFER", COUNT, "size of its buffer", ignored="see -d syscall"),
    P("CVMFS_TRACEBUFFER_THRESHOLD", COUNT, "when it is written", ignored="see -d syscall"),
    P("CVMFS_INSTRUMENT_FUSE", FLAG, "measure calls", ignored="see --stats"),
    P("CVMFS_TELEMETRY_SEND", FLAG, "send counters", ignored="nothing is sent anywhere"),
    P("CVMFS_TELEMETRY_RATE", SECONDS, "how often", ignored="nothing is sent anywhere"),
    P("CVMFS_INFLUX_HOST", TEXT, "to whom", ignored="nothing is sent anywhere"),
    P("CVMFS_INFLUX_PORT", COUNT, "to whom", ignored="nothing is sent anywhere"),
    P("CVMFS_INFLUX_METRIC_NAME", TEXT, "under which name", ignored="nothing is sent anywhere"),
    P("CVMFS_INFLUX_EXTRA_TAGS", TEXT, "with which tags", ignored="nothing is sent anywhere"),
    P("CVMFS_INFLUX_EXTRA_FIELDS", TEXT, "with which fields", ignored="nothing is sent anywhere"),
    P("CVMFS_TALK_SOCKET", FILE, "socket of cvmfs_talk", ignored=_NO_DAEMON),
    P("CVMFS_TALK_OWNER", TEXT, "owner of that", ignored=_NO_DAEMON),
    P("CVMFS_INITIAL_GENERATION", COUNT, "first inode generation", ignored=_NFS),
    P("CVMFS_CPU_AFFINITY", TEXT, "processors for the client", ignored="use taskset"),
    P("CVMFS_OOM_SCORE_ADJ", COUNT, "of the client", ignored=_NO_DAEMON),
    P("CVMFS_SYSTEMD_NOKILL", FLAG, "survive a shutdown", ignored=_NO_DAEMON),
)  # fmt: skip

SECTIONS = (
    ("Where configuration comes from", CONFIGURATION),
    ("Trust and revisions", TRUST),
    ("What is shown", SHOWN),
    ("The cache", CACHE),
    ("Accepted without effect", MACHINERY),
)
