"""``python -m tests.fuzz TARGET``: see the package."""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from pathlib import Path

from tests.fuzz.limits import MEGABYTES, SECONDS, bounded
from tests.fuzz.target import CORPUS, NAMES, load


def _fuzz(name: str, found: Path, *limits: str) -> None:
    """Run atheris, which ends the process."""
    import atheris

    scratch = found / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    tempfile.tempdir = str(scratch)
    with atheris.instrument_imports(include=["parrot_py", "tests.fuzz.targets"]):
        target = load(name)
    words = scratch / "words"
    words.write_text("".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in target.words))
    inputs = found / "corpus"
    inputs.mkdir(exist_ok=True)
    options = [f"-max_len={target.longest}", f"-timeout={int(6 * SECONDS)}", f"-rss_limit_mb={MEGABYTES + 512}"]
    options += [f"-dict={words}"] if target.words else []
    options += [f"-artifact_prefix={found}/", "-print_final_stats=1", *limits]
    atheris.Setup([sys.argv[0], *options, str(inputs), str(CORPUS / name)], bounded(target.check))
    atheris.Fuzz()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz one target, or try inputs again.")
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("files", nargs="*", type=Path, help="inputs to try again, instead of fuzzing")
    parser.add_argument("--seconds", type=int, default=600, help="how long to look for trouble (600)")
    parser.add_argument("--runs", type=int, help="how many inputs to try, instead of a time")
    parser.add_argument(
        "--found", type=Path, default=Path(tempfile.gettempdir()) / "parrot-fuzz", help="for new inputs"
    )
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if asked.files:
        check = bounded(load(asked.target).check)
        for file in asked.files:
            check(file.read_bytes())
        return
    limit = f"-runs={asked.runs}" if asked.runs is not None else f"-max_total_time={asked.seconds}"
    _fuzz(asked.target, asked.found / asked.target, limit)


if __name__ == "__main__":
    main()
