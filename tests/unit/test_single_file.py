"""The single file's head: what it unpacks, where, and what it hands on (docs/distribution.md)."""

from __future__ import annotations

import base64
import os
import random
import signal
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from parrot_py import codes
from parrot_py.config import directories
from tests.support import places, single
from tests.support.single import payload_module, started, unfinished

SOME = random.Random(3)
CONTENTS = {
    "empty": b"",
    "one": b"x",
    "short": b"short text, short text",
    "zeros": bytes(3 << 20),
    "text": b"".join(b"%d a line of text\n" % number for number in range(200_000)),
    "noise": SOME.randbytes(2_500_001),
    "skewed": bytes(SOME.choice(b"aaaaaaaaaaaaaaaabbbbcde") for _ in range(300_000)),
    "far/apart": SOME.randbytes(32_000) * 40,
    "mixed": b"".join(SOME.randbytes(50) + b"=" * SOME.randrange(300) for _ in range(5_000)),
}


def run(
    file: Path, *arguments: str, env: Mapping[str, str], cwd: Path | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    """Start *file* as the job's user."""
    options: dict[str, Any] = {**places.as_job(), **more}
    command = [str(file), *arguments]
    options |= {"capture_output": True, "text": True, "check": False, "timeout": 120}
    done: subprocess.CompletedProcess[str] = subprocess.run(command, env=env, cwd=cwd, **options)
    return done


def test_everything_is_unpacked_as_it_was(home: Path) -> None:
    file = single.single(home / "file", CONTENTS)
    done = run(file, "true", env={"PARROT_DIST_DIR": str(home / "d")})
    assert done.returncode == 0, done
    tree, arguments, _ = started(done.stdout)
    code = "from parrot_py.carried import start; start('parrot_run=parrot_py.__main__:main')"
    assert arguments == [code, "true"]
    assert [name for name, data in CONTENTS.items() if (tree / name).read_bytes() != data] == []
    assert sorted(path.name for path in (home / "d").iterdir()) == [tree.name, "lock"]
    assert os.access(tree / "lib" / "parrot_run", os.X_OK)
    assert not os.access(tree / "text", os.X_OK)


@pytest.mark.parametrize("strategy", [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED])
@pytest.mark.parametrize("level", [0, 1, 6, 9])
def test_any_stream_of_zlib_is_understood(
    home: Path, monkeypatch: pytest.MonkeyPatch, level: int, strategy: int
) -> None:
    def packed(data: bytes) -> bytes:
        packer = zlib.compressobj(level, zlib.DEFLATED, -15, 9, strategy)
        stream = packer.compress(data[: len(data) // 2]) + packer.flush(zlib.Z_FULL_FLUSH)
        stream += packer.compress(data[len(data) // 2 :]) + packer.flush()
        if len(stream) >= len(data):
            return packed_before(data)
        return payload_module._BLOCK.pack(len(data), len(stream), zlib.crc32(data)) + stream

    packed_before = payload_module._packed
    monkeypatch.setattr(payload_module, "_packed", packed)
    # At level 0 no stream is shorter than what it holds; bytes that repeat show stored blocks between others.
    files = {name: data[: 300_000 if level else 100] for name, data in CONTENTS.items()}
    file = single.single(home / "file", files)
    done = run(file, env={"PARROT_DIST_DIR": str(home / "d")})
    tree, _, _ = started(done.stdout)
    assert all((tree / name).read_bytes() == data for name, data in files.items())


def test_a_damaged_file_starts_nothing(home: Path) -> None:
    good = single.single(home / "file", {"a": CONTENTS["text"][:5_000], "b": CONTENTS["noise"][:5_000]}).read_bytes()
    begin = len(single.head())
    spots = [*range(begin, len(good), 97), *range(len(good) - 64, len(good) - 16, 5)]
    outcomes = set()
    for number, spot in enumerate(spots):
        bad = home / f"bad{number}"
        bad.write_bytes(good[:spot] + bytes([good[spot] ^ 0x11]) + good[spot + 1 :])
        bad.chmod(0o755)
        done = run(bad, env={"PARROT_DIST_DIR": str(home / f"d{number}")})
        assert (done.returncode, done.stdout) == (125, ""), spot
        outcomes.add(done.stderr)
        bad.unlink()
    assert all(text.startswith("parrot_run: this file is damaged") for text in outcomes), outcomes
    assert all(text.endswith(f"[{codes.DAMAGED_FILE}]\n") for text in outcomes), outcomes


def test_a_file_without_its_end_starts_nothing(home: Path) -> None:
    good = single.single(home / "file", {"a": CONTENTS["text"][:5_000]}).read_bytes()
    for size in (len(single.head()), len(single.head()) + 1000, len(good) - 100, len(good) - 1):
        (home / "bad").write_bytes(good[:size])
        (home / "bad").chmod(0o755)
        done = run(home / "bad", env={"PARROT_DIST_DIR": str(home / "d")})
        assert (done.returncode, done.stdout) == (125, "")
        assert done.stderr == "parrot_run: this file is damaged (its end is missing): get it anew [PP222]\n"


def test_commands_by_link_and_by_option(home: Path) -> None:
    file = single.single(home / "file")
    (home / "parrot_mount").symlink_to("file")
    (home / "else").symlink_to("file")
    env = {"PARROT_DIST_DIR": str(home / "d")}

    def command(name: str, *arguments: str) -> tuple[str, list[str]]:
        code, *rest = started(run(home / name, *arguments, env=env).stdout)[1]
        return code.partition("'")[2].partition("=")[0], rest

    assert command("parrot_mount", "-x", "--as") == ("parrot_mount", ["-x", "--as"])
    assert command("else", "a b", "") == ("parrot_run", ["a b", ""])
    assert command("file", "--as", "parrot_cvmfs", "status") == ("parrot_cvmfs", ["status"])
    assert command("parrot_mount", "--as", "parrot_run", "--as") == ("parrot_run", ["--as"])
    done = run(file, "--as", "rm", env=env)
    assert done.returncode == 1
    assert done.stderr.startswith("parrot_run: --as wants one of these commands: parrot_")
    assert " parrot_cvmfs " in done.stderr
    assert " parrot_publish " in done.stderr
    assert done.stderr.endswith(f" [{codes.BAD_OPTION}]\n")


WAYS: list[tuple[dict[str, str], list[str]]] = [
    ({}, []),
    ({"HOME": "@/h"}, ["-t", "@/t", "ls"]),
    ({}, ["-t@/t", "ls"]),
    ({}, ["--tempdir", "@/t", "ls"]),
    ({}, ["--tempd=@/t", "ls"]),
    ({"PARROT_TEMP_DIR": "@/p"}, ["ls", "-t", "@/t"]),
    ({"PARROT_TEMP_DIR": "@/p"}, ["-d", "all", "-t", "@/t", "--", "ls"]),
    ({"PARROT_TEMP_DIR": "@/p"}, ["-d", "-t", "ls"]),
    ({"PARROT_TEMP_DIR": "relative"}, ["ls"]),
    ({"PARROT_TEMP_DIR": "@/p"}, ["--stats", "-W", "--timeout", "5", "-t", "other", "-t", "@/last", "ls"]),
    ({"PARROT_TEMP_DIR": ""}, ["ls"]),
    ({"TMPDIR": "@/x/y"}, ["ls"]),
    ({"TMPDIR": "/proc/nothing", "HOME": "@/h"}, ["ls"]),
]


@pytest.mark.parametrize(("variables", "arguments"), WAYS)
def test_it_goes_where_the_cache_goes(home: Path, variables: Mapping[str, str], arguments: Sequence[str]) -> None:
    """The same rule in C as in parrot_py/config/directories.py, for the same user."""
    file = single.single(home / "file")
    env = {"TMPDIR": str(home / "tmp")} | {name: text.replace("@", str(home)) for name, text in variables.items()}
    words = [word.replace("@", str(home)) for word in arguments]
    code = (
        "import os, sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from parrot_py.config import command_line, directories\n"
        "print(directories.tempdir(command_line.parse(sys.argv[1:], os.environ).last('tempdir'), os.environ))"
    )
    python = [*places.launcher()[:-2], "-c", code, str(places.CHECKOUT), *words]
    told = subprocess.run(python, env=env, cwd=home, capture_output=True, text=True, check=True, **places.as_job())
    done = run(file, *words, env=env, cwd=home)
    tree, rest, _ = started(done.stdout)
    assert rest[1:] == words
    try:
        assert str(tree.parent) == f"{told.stdout.rstrip()}/dist"
    finally:
        if not tree.is_relative_to(places.base()):
            places.remove(tree)  # in /var/tmp, where there is nothing else


def test_without_any_place_each_is_named_with_its_reason(home: Path) -> None:
    (home / "d").write_text("in the way")
    file = single.single(home / "file")
    done = run(file, env={"PARROT_DIST_DIR": str(home / "d" / "below")})
    assert done.returncode == 125
    assert f"{home}/d/below: Not a directory" in done.stderr
    assert done.stderr.endswith(f"(name one with PARROT_DIST_DIR) [{codes.NO_PLACE}]\n")


def test_a_place_at_the_top_is_judged_by_the_root_directory(home: Path) -> None:
    """It need not be there: this user may not make it, and root might."""
    for name in ("/parrot-no-such-place", "/parrot-no-such-place/"):
        done = run(single.single(home / "file"), env={"PARROT_DIST_DIR": name})
        assert done.returncode == 125
        assert f"{name}: " in done.stderr
        assert "No such file" not in done.stderr


def test_a_relative_place_in_a_lost_directory(home: Path) -> None:
    file = single.single(home / "file")
    script = 'mkdir lost && cd lost && rmdir ../lost && exec "$0"'
    command = ["sh", "-c", script, str(file)]
    env = {"PARROT_DIST_DIR": "d", "PATH": os.environ["PATH"]}
    told = subprocess.run(
        command, env=env, cwd=home, capture_output=True, text=True, check=False, timeout=120, **places.as_job()
    )
    assert told.returncode == 125
    assert "the current directory is gone" in told.stderr


def test_the_job_gets_what_the_caller_had(home: Path) -> None:
    file = single.single(home / "file", {"big": CONTENTS["noise"]})
    env = {"PARROT_DIST_DIR": str(home / "d"), "A": "1", "": "odd", "LD_PRELOAD": "none.so", "B": "x" * 100_000}

    def strange() -> None:
        os.umask(0o027)
        import resource

        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (512 << 10, hard))

    done = run(file, env=env, preexec_fn=strange, restore_signals=False)
    assert done.returncode == 0, done.stderr
    _, _, (umask, limit, ignored, *environment) = started(done.stdout)
    assert (umask, limit) == ("0027", "1024")
    mask = int(ignored.split()[1], 16)
    # Python ignores both, and what it starts so does, too.
    assert all(mask & 1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ))
    assert f"pp__ignored={1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1):x}" in environment
    assert not any(entry.startswith("LD_") for entry in environment)
    parts = [entry.partition("=")[2] for entry in environment if entry.startswith("pp__environ_")]
    assert len(parts) > 1
    assert dict(
        entry.partition(b"=")[::2] for entry in base64.b64decode("".join(parts)).split(b"\0")[:-1]
    ) == {os.fsencode(name): os.fsencode(value) for name, value in env.items()}


def test_nothing_is_added_without_need(home: Path) -> None:
    file = single.single(home / "file")
    env = {"PARROT_DIST_DIR": str(home / "d"), "A": "1", "LDX": "2"}
    _, _, (_, _, _, *environment) = started(run(file, env=env).stdout)
    assert sorted(environment) == sorted(f"{name}={value}" for name, value in env.items())


def test_what_a_cleaner_took_away_comes_back(home: Path) -> None:
    file = single.single(home / "file", {"some/data": b"data", "some/more": b"more"})
    env = {"PARROT_DIST_DIR": str(home / "d")}
    tree, _, _ = started(run(file, env=env).stdout)
    (tree / "some" / "data").unlink()
    assert started(run(file, env=env).stdout)[0] == tree
    assert (tree / "some" / "data").read_bytes() == b"data"
    (tree / "some" / "more").write_bytes(b"")
    run(file, env=env)
    assert (tree / "some" / "more").read_bytes() == b"more"
    assert not unfinished(home / "d")


def test_what_is_used_is_not_old(home: Path) -> None:
    file = single.single(home / "file", {"some/data": b"data"})
    env = {"PARROT_DIST_DIR": str(home / "d")}
    tree, _, _ = started(run(file, env=env).stdout)
    os.utime(tree / "some" / "data", (0, 0))
    run(file, env=env)
    assert (tree / "some" / "data").stat().st_mtime > 0


def test_the_tree_of_another_user_is_left_alone(home: Path) -> None:
    if not places.is_root():
        pytest.skip("only root can make files of another user")
    file = single.single(home / "file", {"data": b"data"})
    env = {"PARROT_DIST_DIR": str(home / "d")}
    tree, _, _ = started(run(file, env=env).stdout)
    os.chown(tree, 12345, 12345)
    other, _, _ = started(run(file, env=env).stdout)
    assert other == tree.with_name(f"{tree.name}.{places.NOBODY}")
    os.chown(tree, 0, 0)
    assert started(run(file, env=env).stdout)[0] == tree


def test_the_default_place_of_another_user_is_passed_over(home: Path) -> None:
    if not places.is_root():
        pytest.skip("only root can make files of another user")
    file = single.single(home / "file", {"data": b"data"})
    own = home / f"parrot.{places.NOBODY}" / "dist"
    own.mkdir(parents=True)
    own.chmod(0o777)
    env = {"TMPDIR": str(home), "PARROT_TEMP_DIR": str(home / "chosen")}
    assert started(run(file, env=env).stdout)[0].parent == home / "chosen" / "dist"
    # A directory of ours in one of somebody else, who could put another one in its place.
    other = home / "other"
    places.give(places.fresh(other / "dist"))
    os.chown(other, 12345, 12345)
    done = run(file, env={"PARROT_TEMP_DIR": str(other), "HOME": str(home / "h")})
    tree, _, _ = started(done.stdout)
    assert not tree.is_relative_to(other)
    if not tree.is_relative_to(home):
        places.remove(tree)
    done = run(file, env={"PARROT_TEMP_DIR": str(own.parent), "HOME": str(home / "h")})
    tree, _, _ = started(done.stdout)
    assert not tree.is_relative_to(own)
    if not tree.is_relative_to(home):
        places.remove(tree)


def test_directories_know_the_same_places() -> None:
    """What the C side lists is what Python lists; WAYS shows the order."""
    found = directories.elsewhere({"HOME": "/h", "XDG_RUNTIME_DIR": "/x"})
    assert [str(path.parent) for path in found] == ["/var/tmp", "/h/.cache", "/x", "/dev/shm"]
