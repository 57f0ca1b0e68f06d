"""The program behind bin/makedist: put interpreter, packages, configuration and cache together into one file."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from helpers.builder import requirements
from helpers.say import SetupError, say
from helpers.single import carry, check, headbuild, interpreter, libraries, packages
from helpers.single.payload import Payload
from helpers.single.text import text_for_head

DESCRIPTION = """\
Make one file that is parrot_run with all that it needs, for nodes without Python; see docs/distribution.md.
A link to it with the name of another command (parrot_cvmfs, parrot_mount ...) is that command; so is
FILE --as NAME ..."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the file; the exit status."""
    parser = argparse.ArgumentParser(prog="bin/makedist", description=DESCRIPTION)
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--setup", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the file to make")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="SITE",
        help="a directory like /etc/cvmfs with its keys, instead of the node's; or one file of parameters",
    )
    parser.add_argument("--seed-cache", type=Path, metavar="DIR", help="a cache (<tempdir>/cvmfs) to start with")
    parser.add_argument(
        "--package", action="append", default=[], metavar="NAME", help="an installed Python package more (repeatable)"
    )
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="parrot_py-makedist-") as scratch:
            make(options, Path(scratch))
    except (SetupError, OSError) as error:
        say(f"makedist: {error}")
        return 1
    return 0


def make(options: argparse.Namespace, scratch: Path) -> None:
    """Make what *options* describe.  Raises SetupError, OSError."""
    root: Path = options.root
    core = options.setup / "parrot" / "core" / "parrot_py" / "engine" / packages.CORE
    if not core.exists():
        raise SetupError(f"{core} is missing: the set-up of this checkout is not whole")
    payload = Payload(text_for_head(root))
    head = headbuild.build(scratch)
    interpreter.add(payload, head, scratch)
    wanted = requirements((root / "pyproject.toml").read_text(), ())
    zipped = packages.add(payload, packages.closure([*wanted, *options.package]))
    packages.add_own(payload, root, libraries.stripped(core, scratch))
    payload.file(interpreter.ZIP, interpreter.archive({**dict(interpreter.standard_modules()), **zipped}))
    carry.licences(payload, interpreter.add_libraries(payload, scratch))
    if options.config is not None:
        carry.site(payload, options.config)
    if options.seed_cache is not None:
        carry.seed(payload, options.seed_cache)
    name = payload.write(head, options.output.absolute())
    check.run_everything(root, options.output.absolute(), scratch, [] if options.package else ["fsspec"])
    size = options.output.stat().st_size
    unpacked = sum(thing.size for thing in payload.things.values())
    mib = 1 << 20
    told = f"{size / mib:.1f} MiB, unpacked {unpacked / mib:.1f} MiB in {len(payload.things)} files and directories"
    print(f"{options.output}: {told}, payload {name}")


if __name__ == "__main__":
    sys.exit(main())
