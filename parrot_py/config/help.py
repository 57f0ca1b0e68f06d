"""The text of ``parrot_run --help``, made from the option table."""

from __future__ import annotations

from parrot_py.config.options import HONOURED, Option

_HEAD = """\
usage: parrot_run [options] [--] command [arguments]

Runs a command, and every program that it starts, with CernVM-FS repositories in front of it under /cvmfs.
It needs no root, no FUSE and no namespaces, and changes nothing on the host.

    parrot_run ls -l /cvmfs/demo.parrot.local
    parrot_run -p 'http://squid.example.org:3128;DIRECT' ls /cvmfs/sft.cern.ch
    parrot_run -r 'my.example.org:url=http://web.example.org/cvmfs/@fqrn@,pubkey=/keys/my.pub' bash

options:
"""

_TAIL = """
An option wins over its variable.  What a site says in /etc/cvmfs counts, too.  Without -r the repositories of
cern.ch, opensciencegrid.org, egi.eu, eessi.io and some more domains are known.  Proxies are also found in
http_proxy, OSG_SQUID_LOCATION and GLIDEIN_Proxy_URL.  Without -d and -o warnings and errors go to
<tempdir>/parrot.log.  Inside, PARROT_ENABLED is TRUE.
Options of the original Parrot that have no meaning here are accepted; docs/configuration.md lists them all.
"""


def text() -> str:
    """The whole help text."""
    return _HEAD + "".join(_paragraph(option) for option in HONOURED) + _TAIL


def _paragraph(option: Option) -> str:
    names = ", ".join(option.names.split()) + (f" {option.argument}" if option.argument else "")
    notes = [f"default: {option.default}"] if option.default else []
    notes += [f"variable: {option.variable}"] if option.variable else []
    line = f"  {names:<30} {option.help}\n"
    return line + (f"{'':<33}({'; '.join(notes)})\n" if notes else "")
