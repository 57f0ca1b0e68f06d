"""The texts of ``parrot_run --help``, which fits a screen of 24 lines, and of ``--help-all``."""

from __future__ import annotations

from parrot_py.config.options import HONOURED, Option

_USAGE = "usage: parrot_run [options] [--] command [arguments]\n"
_WHAT = """\
Run a command, and all that it starts, with CernVM-FS repositories in /cvmfs.
It needs no root, no FUSE and no namespaces, and changes nothing on the host.
"""
_EXAMPLE = "    parrot_run ls -l /cvmfs/demo.parrot.local\n"
_MORE_EXAMPLES = """\
    parrot_run -p 'http://squid.example.org:3128;DIRECT' ls /cvmfs/sft.cern.ch
    parrot_run -r 'my.example.org:url=http://web.example.org/cvmfs/@fqrn@,pubkey=/keys/my.pub' bash
"""

_BRIEF = {
    "cvmfs-repos": "repositories: NAME:url=URL,pubkey=FILE ...",
    "proxy": "HTTP proxies: http://squid:3128;DIRECT",
    "tempdir": "caches and session data, $TMPDIR/parrot.UID",
    "timeout": "give up fetching after so long: 30s, 5m",
    "mount": "let a path stand for another (repeatable)",
    "tab-file": "read mounts from a file",
    "work-dir": "start in this directory",
    "cvmfs-alien-cache": "a cache shared with others",
    "cvmfs-option": "set a CernVM-FS parameter",
    "status-file": "write how the job ended to FILE",
    "debug": "log more: cvmfs, syscall, process ... all",
    "debug-file": "where the log goes, else TEMPDIR/parrot.log",
    "print-config": "print what is configured, and where",
    "doctor": "say what is missing on this machine",
}
"""What is on the first screen, by the keys of the options."""

_TAIL = "More: parrot_run --help-all, man parrot_run.  Variables: PARROT_CVMFS_REPO ...\n"
_TAIL_OF_ALL = """
An option wins over its variable.  What a site says in /etc/cvmfs counts, too.  Without -r the repositories of
cern.ch, opensciencegrid.org, egi.eu, eessi.io and some more domains are known.  Proxies are also found in
http_proxy, OSG_SQUID_LOCATION and GLIDEIN_Proxy_URL.  Without -d and -o warnings and errors go to
<tempdir>/parrot.log.  Inside, PARROT_ENABLED is TRUE.
Options of the original Parrot that have no meaning here are accepted; docs/compatibility-parrot.md lists them all.
"""


def text() -> str:
    """The first screen."""
    known = {option.key: option for option in HONOURED}
    lines = [f"  {_first_names(known[key]):<30} {about}\n" for key, about in _BRIEF.items()]
    return f"{_USAGE}{_WHAT}\n{_EXAMPLE}\n{''.join(lines)}\n{_TAIL}"


def everything() -> str:
    """All options that have an effect."""
    options = "".join(_paragraph(option) for option in HONOURED)
    return f"{_USAGE}\n{_WHAT}\n{_EXAMPLE}{_MORE_EXAMPLES}\noptions:\n{options}{_TAIL_OF_ALL}"


def _first_names(option: Option) -> str:
    """One short and one long name."""
    names = option.names.split()
    return _names(option._replace(names=" ".join(names[:2])), " ")


def _names(option: Option, separator: str) -> str:
    return separator.join(option.names.split()) + (f" {option.argument}" if option.argument else "")


def _paragraph(option: Option) -> str:
    names = _names(option, ", ")
    notes = [f"default: {option.default}"] if option.default else []
    notes += [f"variable: {option.variable}"] if option.variable else []
    line = f"  {names:<30} {option.help}\n"
    return line + (f"{'':<33}({'; '.join(notes)})\n" if notes else "")
