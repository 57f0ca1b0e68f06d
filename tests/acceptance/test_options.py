"""All options of the original and of ours: each is in the table, and each does what the table says.

Those that have an effect are shown to have it by tests that are marked with ``@shows``; the others are tried here.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py.config.options import HONOURED, IGNORED, OPTIONS, REFUSED, Option
from tests.support import places, processes
from tests.support.options import shown, shows
from tests.support.parrot import GRACE, Parrot, environment

MakeParrot = Callable[..., Parrot]
TABLE = places.CHECKOUT / "docs" / "compatibility-parrot.md"

ORIGINAL = """
    -a --chirp-auth -b -B --block-size -c --status-file -C --channel-auth -d --debug -D --no-optimize -e --env-list
    -F --with-snapshots -f --no-follow-symlinks -G --gid -h --help -H --no-helper --helper -i --tickets
    -I --debug-level-irods -k --no-checksums -K --with-checksums -l --ld-path -m --tab-file --ftab-file -M --mount
    -n --name-list -N --hostname -o --debug-file -O --debug-rotate-max -p --proxy -P --paranoid -Q --no-chirp-catalog
    -r --cvmfs-repos -R --root-checksum -s --stream-no-cache -S --session-caching -t --tempdir -T --timeout
    -u --username -U --uid -v --version -w --work-dir -W --syscall-table -Y --sync-write -Z --auto-decompress
    --check-driver --cvmfs-repo-switching --cvmfs-alien-cache --cvmfs-disable-alien-cache --cvmfs-option
    --cvmfs-option-file --cvmfs-config --disable-service --dynamic-mounts --ext-image --fake-setuid --is-running
    --no-flock --no-set-foreground --parrot-path --pid-fixed --pid-warp --time-stop --time-warp --stats-file
    --syscall-disable-debug --valgrind
"""
"""What the original's parrot_run accepts or documents."""

VARIABLES = """
    PARROT_CHIRP_AUTH PARROT_BLOCK_SIZE PARROT_DEBUG_FLAGS PARROT_FORCE_CACHE PARROT_FOLLOW_SYMLINKS PARROT_GID
    PARROT_HELPER CHIRP_CLIENT_TICKETS PARROT_LDSO_PATH PARROT_MOUNT_FILE PARROT_MOUNT_STRING PARROT_HOST_NAME
    HTTP_PROXY PARROT_CVMFS_REPO PARROT_FORCE_STREAM PARROT_SESSION_CACHE PARROT_TEMP_DIR PARROT_TIMEOUT PARROT_UID
    PARROT_FORCE_SYNC PARROT_ALLOW_SWITCHING_CVMFS_REPOSITORIES PARROT_CVMFS_ALIEN_CACHE PARROT_CVMFS_OPTION_FILE
    PARROT_CVMFS_CONFIG
"""

WITHOUT = [*IGNORED, *REFUSED]


def words(option: Option, argument: str = "x") -> list[str]:
    return [word for name in option.names.split() for word in (name, *([argument] if option.argument else []))]


def test_nothing_of_the_original_is_forgotten() -> None:
    assert set(ORIGINAL.split()) <= {name for option in OPTIONS for name in option.names.split()}
    assert set(VARIABLES.split()) <= {option.variable for option in OPTIONS}


def test_the_table_has_every_option() -> None:
    rows = [line.split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| `-")]
    told = {(" ".join(re.findall(r"`(-[^`]+)`", row[0])), row[1].strip("`–")) for row in rows}
    assert told == {(option.names, option.variable) for option in OPTIONS}
    assert len(rows) == len(told)
    levels = {row[-1].rstrip(" |") for row in rows}
    assert levels == {"as there", "differs", "no effect", "accepted", "refused", "ours"}


def test_the_table_says_what_is_obeyed() -> None:
    rows = [line.split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| `-")]
    levels = {" ".join(re.findall(r"`(-[^`]+)`", row[0])): row[-1].rstrip(" |") for row in rows}
    for option in OPTIONS:
        wanted = "accepted" if option.absent else "no effect" if option.ignored else "refused" if option.refused else ""
        level = levels[option.names]
        assert level == wanted if wanted else level in ("as there", "differs", "ours")
        assert (level == "ours") == (option.names.split()[-1] not in ORIGINAL.split())


def test_some_test_shows_the_effect_of_every_option() -> None:
    with_effect = {option.key for option in HONOURED}
    assert with_effect <= shown() <= {option.key for option in OPTIONS}


def test_what_has_no_effect_leaves_one_line_each_and_the_job_runs(parrot: MakeParrot) -> None:
    run = parrot(options=["-d", "debug"])
    everything = [word for option in IGNORED for word in words(option)]
    told = run.run(["sh", "-c", "echo done; exit 3"], options=everything).expect(3, b"done\n").log.decode()
    names = [name for option in IGNORED for name in option.names.split()]
    assert [name for name in names if told.count(f"option {name} has no effect: ") != 1] == []
    run.log_file.unlink()
    variables = {option.variable: "1" for option in IGNORED if option.variable}
    told = run.run(["true"], env=environment(run.home, variables)).expect().log.decode()
    assert [name for name in variables if told.count(f"{name} has no effect: ") != 1] == []


def test_what_is_about_other_services_is_a_notice(parrot: MakeParrot) -> None:
    absent = [option for option in IGNORED if option.absent]
    told = parrot().run(["true"], options=[word for option in absent for word in words(option)]).expect().log.decode()
    names = [name for option in absent for name in option.names.split()]
    assert [name for name in names if told.count(f" notice: option {name} has no effect: there ") != 1] == []
    assert told.count("\n") == len(names)


@pytest.mark.parametrize("option", REFUSED, ids=lambda option: option.key)
def test_what_is_refused_starts_nothing(parrot: MakeParrot, home: Path, option: Option) -> None:
    for name in option.names.split():
        told = parrot().run(["touch", str(home / "started")], options=[name, "x"])
        assert (told.status, told.stderr.count(b"\n")) == (1, 1)
        assert f"parrot_run: option {name}: ".encode() in told.stderr
    assert not (home / "started").exists()


@shows("paranoid")
def test_no_process_survives_parrot_run(parrot: MakeParrot) -> None:
    script = "setsid sh -c 'echo $$; exec sleep 1000' & wait"
    run = parrot(options=["-P"])
    with run.running(["sh", "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        os.kill(process.pid, signal.SIGKILL)
        process.wait(GRACE)
        _gone(pid)


def _gone(pid: int) -> None:
    """Wait until process *pid* is no more."""
    processes.eventually(lambda: not processes.name(pid), what=f"the end of process {pid}")


@shows("no-set-foreground")
def test_process_groups_are_left_alone(parrot: MakeParrot) -> None:
    script = "ps -o pgid= -p $$"
    for options in ([], ["--no-set-foreground"]):
        with parrot(options=options).running(["sh", "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert int(process.stdout.read()) == os.getpgid(0)
