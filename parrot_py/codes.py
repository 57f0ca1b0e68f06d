"""The stable codes of messages: what a message is about, to be searched for in docs/troubleshooting.md.

Every message for people ends in its code, ``[PP203]``, on stderr and in the log alike.  A code belongs to a cause with
its remedy, not to a wording: texts may change, codes never do, and none is given a second time.  The hundreds group
them: 1 command line and configuration, 2 start, 3 repositories and network, 4 disk and cache, 5 commands inside a job,
6 parrot_publish, 7 other commands, 9 defects and set-up.
"""

from __future__ import annotations

from typing import Any


class Code(str):
    """One code.  Made in this module only."""

    __slots__ = ()

    @property
    def extra(self) -> dict[str, Any]:
        """For a call of the logger, ``extra=CODE.extra``: the line ends in the code."""
        return {"code": self}


ALL: dict[Code, str] = {}
"""Code → what it is about; the heading of its section in docs/troubleshooting.md."""


def _code(number: int, about: str) -> Code:
    code = Code(f"PP{number}")
    assert code not in ALL, code
    ALL[code] = about
    return code


def tagged(text: str, code: Code) -> str:
    """*text* with *code* at its end, in the form that all messages have; one that ends in a code keeps that."""
    return text if text.endswith("]") and text[-6:-1] in ALL else f"{text} [{code}]"


NO_COMMAND = _code(101, "no command was given")
BAD_OPTION = _code(102, "an option that does not exist, or lacks its argument")
REFUSED_OPTION = _code(103, "an option or variable that cannot be obeyed")
BAD_VALUE = _code(104, "a value that is not what its option or parameter takes")
BAD_PROXY = _code(105, "a proxy that cannot be used")
BAD_LIST = _code(106, "a list of repositories that cannot be read")
BAD_REPOSITORY_OPTION = _code(107, "an option of a repository that cannot be used")
UNKNOWN_REPOSITORY = _code(108, "a repository that nothing describes")
NO_KEY = _code(109, "no usable key for a repository")
CONFIG_FILE = _code(110, "a file that the configuration names cannot be read")
CONFIG_SCRIPT = _code(111, "a configuration file that is not understood")
BAD_MOUNT = _code(112, "a mount that makes no sense")
CACHE_SETTINGS = _code(113, "settings of the cache that do not go together")
OUTPUT_FILE = _code(114, "a log, record or report cannot be written")
WORK_DIR = _code(115, "the directory of -w cannot be entered")
LEFT_OUT = _code(116, "a part of the configuration was left out")
BAD_NAME = _code(117, "not the name of a repository, or of something in one")

TEMPDIR = _code(201, "the tempdir cannot be used")
LONG_TEMPDIR = _code(202, "the path of the tempdir is too long")
NO_TRACING = _code(203, "this machine forbids ptrace")
NO_PTRACE = _code(204, "the kernel, or a filter, has no ptrace that serves")
NO_PROCESS = _code(205, "the limit on processes is reached")
ADDRESS_SPACE = _code(206, "ulimit -v leaves too little address space")
NO_PROC = _code(207, "/proc is missing or shows other processes")
NO_FILTER = _code(208, "seccomp filters are refused")
NOT_STARTED = _code(209, "the command cannot be started")
NO_STDOUT = _code(210, "standard output cannot be written")
NESTED = _code(211, "parrot_run inside parrot_run")
NOEXEC = _code(212, "the tempdir is mounted noexec")
NO_THREADS = _code(213, "fewer threads than wanted")
MACHINE = _code(214, "not a machine for parrot_run")
TRACED = _code(215, "another tracer is around parrot_run")
ENGINE = _code(216, "the engine cannot work")
LIMITS = _code(217, "a resource limit that will be felt")
NO_READV = _code(218, "process_vm_readv does not work")
OTHER_ABI = _code(219, "a program of an ABI that sees no /cvmfs")
TRIAL = _code(220, "the trial of --doctor went wrong")
NO_PLACE = _code(221, "no directory for the unpacked single file")
DAMAGED_FILE = _code(222, "the single file is damaged, or cannot be read")

UNREACHABLE = _code(301, "no server or proxy answered")
MISSING = _code(302, "every server says that there is no such file")
OFFLINE = _code(303, "offline: the last revision of the cache is shown")
NO_NEWER = _code(304, "no newer revision can be had")
NO_PAC = _code(305, "no proxy could be found automatically")
UNTRUSTED = _code(310, "what servers answered does not prove itself")
DAMAGED = _code(311, "data that is damaged or makes no sense")
REVISION = _code(312, "the revision that was asked for cannot be had")
PROTECTED = _code(320, "access is refused")
SERVICE = _code(330, "a GROW-FS, URL or fsspec mount cannot be used")

DISK_FULL = _code(401, "no space for the cache")
CACHE_TROUBLE = _code(402, "the disk of the cache makes trouble")
FILE_LIMIT = _code(403, "ulimit -f is smaller than a file of the cache")
BAD_OBJECT = _code(404, "an object in the cache is not right")
OTHER_CACHE = _code(405, "a shared cache cannot be written")
LITTER = _code(406, "something could not be removed")
NOTHING_LISTED = _code(407, "a list for --prefetch without effect")

NOT_INSIDE = _code(501, "a command that works inside parrot_run only")
NOT_HEARD = _code(502, "a process that parrot_run does not listen to")
REFUSED = _code(503, "parrot_run refused what a command asked for")
SILENT = _code(504, "nobody can be told what a run is doing")

PUBLISH_USAGE = _code(601, "parrot_publish: options that are missing, wrong or at odds")
NO_REPOSITORY = _code(602, "parrot_publish: there is no repository")
PUBLISH_KEYS = _code(603, "parrot_publish: keys are missing, or not what they should be")
PUBLISH_BUSY = _code(604, "parrot_publish: somebody else is publishing, or locks do not work")
PUBLISH_SOURCE = _code(605, "parrot_publish: the source cannot be published")
PUBLISH_DAMAGED = _code(606, "parrot_publish: what is in place is damaged")
PUBLISH_OUTPUT = _code(607, "parrot_publish: a file or directory cannot be read or written")
PUBLISH_TAG = _code(608, "parrot_publish: a tag or revision that cannot be had")
PUBLISH_WHITELIST = _code(609, "parrot_publish: the whitelist needs the master key")
PUBLISH_GC = _code(610, "parrot_publish: garbage collection is not possible")
PUBLISH_PROBLEM = _code(611, "parrot_publish --verify found something wrong")

NOT_FOUND = _code(701, "there is no such path, tag or revision")
LOCAL_FILE = _code(702, "parrot_cvmfs: something on this machine is in the way")
SMALL_CACHE = _code(703, "parrot_cvmfs: the cache is too small for what shall be kept")
USAGE = _code(704, "a command line that cannot be obeyed")
GROW_EXPORT = _code(710, "make_growfs cannot describe the directory")
SEARCH = _code(711, "parrot_search cannot look into a directory")
PACKAGE_LIST = _code(720, "a name list or environment list that is not understood")
PACKAGE = _code(721, "a package that cannot be made, found or run")
NOT_PACKED = _code(722, "a name that could not be packed")
BARE_PACKED = _code(723, "a file that lost something when it was packed")
ARCHIVE = _code(724, "an archive that is damaged, or refused")

DEFECT = _code(901, "a defect of parrot_py")
SETUP = _code(902, "the set-up of a checkout failed")
