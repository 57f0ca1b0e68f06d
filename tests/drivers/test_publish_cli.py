"""The command ``parrot_publish``."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.arguments import parser
from parrot_py.drivers.cvmfs.publish.cli import main
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from tests.drivers.publish_reader import PublishedTree
from tests.drivers.test_publish import FQRN

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def arguments(tmp_path: Path, repository_keys: RepositoryKeys) -> list[str]:
    source = tmp_path / "source"
    source.mkdir()
    source.joinpath("file").write_bytes(bytes(range(256)) * 40)
    shutil.copytree(repository_keys.directory, tmp_path / "keys")
    places = {"--source": source, "--output": tmp_path / "web", "--keys": tmp_path / "keys"}
    return ["--name", FQRN, *(text for option, place in places.items() for text in (option, str(place)))]


def tree(tmp_path: Path) -> PublishedTree:
    key = (tmp_path / "keys" / f"{FQRN}.pub").read_bytes()
    return PublishedTree(tmp_path / "web" / FQRN, FQRN, key, datetime(2026, 1, 1))


def test_it_publishes_and_says_how_to_use_the_result(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(f"published revision 1 of {FQRN}: 5 new objects, root [0-9a-f]{{40}}", lines[0])
    assert re.fullmatch(r"whitelist valid until \d{4}-\d\d-\d\d \d\d:00 UTC", lines[1])
    configuration = f"{FQRN}:pubkey={tmp_path}/keys/{FQRN}.pub,url=file://{tmp_path}/web/{FQRN}"
    assert lines[2] == f"try it:  parrot_run -r {configuration} ls /cvmfs/{FQRN}"
    assert set(tree(tmp_path).entries) == {b"", b"/file"}


def test_options_reach_the_repository(arguments: list[str], tmp_path: Path) -> None:
    options = "--hash shake128 --compression none --chunk-min 1K --chunk-avg 2k --chunk-max 4096 --ttl 60 --revision 12"
    options += " --tag v1 --owner 7:8 --mtime 99 --now 1790000000 --whitelist-days 2 --garbage-collectable"
    assert main([*arguments, *options.split()]) == 0
    found = tree(tmp_path)
    seen = found.entries[b"/file"]
    assert seen.flags == 0xA44
    assert max(size for _, size, _ in seen.chunks) <= 4096
    assert (seen.row["uid"], seen.row["gid"], seen.row["mtime"]) == (7, 8, 99)
    assert [found.manifest[letter] for letter in "DSGT"] == ["60", "12", "yes", "1790000000"]
    assert found.catalogs[b""]["properties"]["TTL"] == b"60"
    lines, _, _ = found.letter(".cvmfswhitelist")
    assert lines[:2] == ["20260921141320", "E20260923141320"]


def test_the_whitelist_can_be_renewed_alone(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--whitelist-days", "1"]) == 0
    before = tree(tmp_path).letter(".cvmfswhitelist")[0]
    capsys.readouterr()
    assert main([*arguments, "--renew-whitelist", "--whitelist-days", "900"]) == 0
    assert capsys.readouterr().out.startswith(f"the whitelist of {FQRN} is valid until ")
    found = tree(tmp_path)
    assert found.letter(".cvmfswhitelist")[0][1] > before[1]
    assert found.manifest["S"] == "1"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--name": "a/b"}, "'a/b' is no repository name"),
        ({"--source": "/nowhere/at/all"}, "/nowhere/at/all is not a directory"),
        ({"--keys": "/proc/keys-of-nobody"}, "/proc/keys-of-nobody"),
        ({"--output": "/dev/null"}, "cannot write to /dev/null"),
        ({"--chunk-min": "9M"}, "chunk sizes must be positive and in order"),
        ({"--chunk-min": "much"}, "'much' is not a size such as 512K or 8M"),
        ({"--hash": "md5"}, "invalid choice: 'md5'"),
        ({"--whitelist-days": "nan"}, "'nan' is not a number of days"),
        ({"--ttl": "-5"}, "a time to live of -5 seconds"),
        ({"--owner": "me"}, "'me' is not UID:GID"),
        ({"--meta": "[]"}, "is not a JSON object"),
        ({"--nonsense": "x"}, "unrecognized arguments: --nonsense"),
        ({"--renew-whitelist": ""}, "there is no repository in"),
    ],
)
def test_mistakes_are_one_line_and_status_1(
    arguments: list[str], capsys: pytest.CaptureFixture[str], changes: dict[str, str], message: str
) -> None:
    for option, value in changes.items():
        arguments += [option, value] if value else [option]
    try:
        status: int | str | None = main(arguments)
    except SystemExit as leaving:
        status = leaving.code
    captured = capsys.readouterr()
    assert status == 1
    assert captured.err.startswith("parrot_publish: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert captured.out == ""


def test_help_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(["--help-all"])
    assert leaving.value.code == 0
    text = capsys.readouterr().out
    assert "examples:\n  parrot_publish --name" in text
    assert ".cvmfscatalog" in text


def test_the_manual_page_has_every_option() -> None:
    page = CHECKOUT.joinpath("docs/man/parrot_publish.1.md").read_text()
    options = set(re.findall(r"^\*\*\\--([a-z-]+)\*\*", page, re.MULTILINE))
    options |= set(re.findall(r"^\*\*\\--[a-z-]+\*\*, \*\*\\--([a-z-]+)\*\*", page, re.MULTILINE))
    known = {text for action in parser()._actions for text in action.option_strings if text.startswith("--")}
    assert {f"--{option}" for option in options} == known - {"--help"}
