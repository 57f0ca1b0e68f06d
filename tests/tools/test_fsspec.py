"""The fsspec file system: fsspec's own abstract suite as far as it reads, and what is special to it."""

from __future__ import annotations

import errno
import importlib
import os
import pickle
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests import abstract

from parrot_py.drivers.cvmfs.publish.keys import create_keys
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from parrot_py.errors import Unreachable
from parrot_py.fsspec import CvmfsFileSystem
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.publish_trees import SMALL_CHUNKS
from tests.tools.conftest import BIG, publish_tree

fsspec.register_implementation("cvmfs", "parrot_py.fsspec.CvmfsFileSystem", clobber=True)

FQRN = "scenarios.parrot.test"
SCENARIOS = ("bulk_operations_scenario_0", "glob_edge_cases_files", "dir_and_file_with_same_name_prefix",
             "10_files_with_hashed_names")  # fmt: skip


@pytest.fixture(scope="module")
def scenarios(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CvmfsFileSystem]:
    """A repository with a directory for each tree that the suite wants, made by the suite's own functions."""
    place = tmp_path_factory.mktemp("fsspec")
    for name in SCENARIOS:
        (place / "source" / name).mkdir(parents=True)
        make = getattr(abstract.AbstractFixtures(), f"_{name}")
        make(LocalFileSystem(auto_mkdir=True), os.path.join, str(place / "source" / name))
    (place / "source" / "src").mkdir()
    (place / "source" / "src" / "file").touch()
    done = publish(
        place / "source", place / "web", create_keys(place / "keys", FQRN), PublishOptions(chunk_sizes=SMALL_CHUNKS)
    )
    options = {"url": done.repository.as_uri(), "key": str(done.public_key), "cache_dir": str(place / "cache")}
    yield fsspec.filesystem("cvmfs", **options, options=["-t", str(place / "tempdir")])
    shutil.rmtree(place)


class ReadOnly(abstract.AbstractFixtures):  # type: ignore[misc]
    """The suite's fixtures for trees that are there already and stay."""

    @pytest.fixture
    def fs(self, scenarios: CvmfsFileSystem) -> CvmfsFileSystem:
        return scenarios

    @pytest.fixture
    def fs_path(self) -> str:
        return FQRN

    @pytest.fixture
    def fs_target(self) -> str:
        return f"{FQRN}/target"

    @pytest.fixture
    def fs_bulk_operations_scenario_0(self) -> str:
        return f"{FQRN}/{SCENARIOS[0]}/source"

    @pytest.fixture
    def fs_glob_edge_cases_files(self) -> str:
        return f"{FQRN}/{SCENARIOS[1]}/source"

    @pytest.fixture
    def fs_dir_and_file_with_same_name_prefix(self) -> str:
        return f"{FQRN}/{SCENARIOS[2]}/source"

    @pytest.fixture
    def fs_10_files_with_hashed_names(self) -> str:
        return f"{FQRN}/{SCENARIOS[3]}/source"


class TestGet(ReadOnly, abstract.AbstractGetTests):  # type: ignore[misc]
    """All of the suite that reads."""

    @pytest.fixture
    def fs(self, scenarios: CvmfsFileSystem, monkeypatch: pytest.MonkeyPatch) -> CvmfsFileSystem:
        """One test makes its source itself: it is there already."""

        def be_there(path: str) -> None:
            assert scenarios.exists(path)

        monkeypatch.setattr(scenarios, "mkdir", be_there)
        monkeypatch.setattr(scenarios, "touch", be_there)
        return scenarios


# Everything else in the suite writes into the file system.  That each of those tests ends in EROFS, and not in anything
# else, is asserted by the mark: strict (see pyproject.toml), and for this error only.
refused = pytest.mark.xfail(raises=OSError, reason="EROFS: a repository cannot be written to")


class Erofs:
    """Lets only EROFS count as the expected failure."""

    @pytest.fixture(autouse=True)
    def only_erofs(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        codes: list[int | None] = []
        refuse = CvmfsFileSystem._refuse

        def note(*words: Any, **more: Any) -> None:
            try:
                refuse(*words, **more)
            except OSError as error:
                codes.append(error.errno)
                raise

        monkeypatch.setattr(CvmfsFileSystem, "_refuse", staticmethod(note))
        for name in ("mkdir", "mv", "rm", "cp_file", "copy", "touch", "put", "put_file", "pipe", "pipe_file"):
            monkeypatch.setattr(CvmfsFileSystem, name, staticmethod(note))
        yield
        assert set(codes) == {errno.EROFS}


@refused
class TestCopy(Erofs, ReadOnly, abstract.AbstractCopyTests):  # type: ignore[misc]
    """Copies within the file system."""


@refused
class TestPut(Erofs, ReadOnly, abstract.AbstractPutTests):  # type: ignore[misc]
    """Copies into it."""


@refused
class TestOpen(Erofs, ReadOnly, abstract.AbstractOpenTests):  # type: ignore[misc]
    """Opens for writing."""


@refused
class TestPipe(Erofs, ReadOnly, abstract.AbstractPipeTests):  # type: ignore[misc]
    """Writes contents."""


@pytest.fixture
def fs(forged: Forged, tmp_path: Path) -> CvmfsFileSystem:
    publish_tree(forged)
    url = f"{forged.server.url}/cvmfs/@fqrn@"
    return CvmfsFileSystem(
        url=url, key=str(forged.forge.key_file), cache_dir=str(tmp_path / "cache"), proxy="DIRECT",
        options=["-t", str(tmp_path / "tempdir")], skip_instance_cache=True,
    )  # fmt: skip


@pytest.fixture
def home(forged: Forged) -> str:
    return forged.forge.name


def test_listings(fs: CvmfsFileSystem, home: str) -> None:
    found = {each["name"].partition("/")[2]: each for each in fs.ls(f"cvmfs://{home}/")}
    assert {name for name, each in found.items() if each["type"] == "directory"} == {"dir", "nested"}
    assert (found["link"]["type"], found["link"]["size"], found["link"]["destination"]) == ("file", 10, b"dir/tool")
    assert (found["out"]["type"], found["pipe"]["type"]) == ("link", "other")
    assert fs.ls(f"{home}/nested", detail=False) == [f"{home}/nested/deep"]
    assert fs.ls(f"{home}/hello", detail=False) == [f"{home}/hello"]
    assert fs.ls("", detail=False) == [home]
    with pytest.raises(FileNotFoundError):
        fs.ls(f"{home}/none")


def test_info(fs: CvmfsFileSystem, home: str) -> None:
    about = fs.info(f"cvmfs://{home}/hello")
    assert (about["name"], about["size"], about["type"], about["islink"]) == (f"{home}/hello", 13, "file", False)
    assert fs.info(f"{home}/link")["type"] == "file"
    assert fs.info(home)["type"] == "directory"
    assert fs.isdir(f"{home}/dir")
    assert fs.isfile(f"{home}/link")
    assert not fs.isfile(f"{home}/dir")
    assert not fs.exists(f"{home}/hello/x")
    assert not fs.exists(f"{home}/out")
    assert fs.size(f"{home}/big") == len(BIG)
    assert fs.modified(f"{home}/dir/tool") == datetime.fromtimestamp(1600000000.123456789, timezone.utc)


def test_finding(fs: CvmfsFileSystem, home: str) -> None:
    assert fs.glob(f"{home}/*/s*") == [f"{home}/dir/same1", f"{home}/dir/same2"]
    assert fs.glob(f"cvmfs://{home}/**/deep") == [f"{home}/nested/deep"]
    assert {f"{home}/big", f"{home}/nested/deep", f"{home}/dir/tool"} < set(fs.find(home))
    assert fs.du(f"{home}/dir") == 32


def test_contents(fs: CvmfsFileSystem, home: str, forged: Forged) -> None:
    assert fs.cat(f"{home}/hello") == b"hello, world\n"
    assert fs.cat([f"{home}/hello", f"{home}/empty"]) == {f"{home}/hello": b"hello, world\n", f"{home}/empty": b""}
    assert fs.cat_file(f"{home}/hello", 1, -1) == b"ello, world"
    assert fs.cat_file(f"{home}/hello", -3) == b"ld\n"
    assert fs.head(f"{home}/hello", 3) == b"hel"
    assert fs.tail(f"{home}/hello", 3) == b"ld\n"
    with fs.open(f"{home}/hello", "r") as file:
        assert file.readline() == "hello, world\n"
    with fs.open(f"{home}/big") as file:
        file.seek(1500)
        assert file.read(10) == BIG[1500:1510]
    assert forged.server.count("*P") == 1


def test_ranges_come_side_by_side(fs: CvmfsFileSystem, home: str) -> None:
    paths = [f"{home}/big"] * 3 + [f"{home}/none"]
    *parts, missing = fs.cat_ranges(paths, [0, 1000, 4000, 0], [10, 1010, len(BIG), 1])
    assert parts == [BIG[0:10], BIG[1000:1010], BIG[4000:]]
    assert isinstance(missing, FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(paths, 0, 1, on_error="raise")
    with pytest.raises(ValueError, match="length"):
        fs.cat_ranges(paths, [0], [1])


def test_getting(fs: CvmfsFileSystem, home: str, tmp_path: Path) -> None:
    fs.get(f"{home}/dir", str(tmp_path / "copy"), recursive=True)
    assert (tmp_path / "copy" / "tool").read_bytes() == b"#!/bin/sh\n"
    fs.get_file(f"{home}/big", str(tmp_path / "big"))
    assert (tmp_path / "big").read_bytes() == BIG


def test_by_url(fs: CvmfsFileSystem, home: str, forged: Forged, tmp_path: Path) -> None:
    how = {
        "url": f"{forged.server.url}/cvmfs/@fqrn@",
        "key": str(forged.forge.key_file),
        "cache_dir": str(tmp_path / "c"),
    }
    how["proxy"] = "DIRECT"
    with fsspec.open(f"cvmfs://{home}/hello", "rt", **how) as file:
        assert file.read() == "hello, world\n"
    other = pickle.loads(pickle.dumps(fs))
    assert other.cat(f"{home}/hello") == b"hello, world\n"
    assert fs.ukey(f"{home}/hello") != fs.ukey(f"{home}/big")
    assert fs.checksum(f"{home}/hello") == other.checksum(f"{home}/hello")


def test_trouble_is_not_absence(fs: CvmfsFileSystem, home: str, forged: Forged) -> None:
    forged.server.stop()
    with pytest.raises(Unreachable):
        fs.exists(f"{home}/hello")


def test_nothing_can_be_written(fs: CvmfsFileSystem, home: str, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(b"x")
    calls: list[Callable[[], Any]] = [
        lambda: fs.open(f"{home}/new", "wb"),
        lambda: fs.open(f"{home}/hello", "ab"),
        lambda: fs.mkdir(f"{home}/new"),
        lambda: fs.makedirs(f"{home}/new"),
        lambda: fs.rm(f"{home}/hello"),
        lambda: fs.rmdir(f"{home}/dir"),
        lambda: fs.mv(f"{home}/hello", f"{home}/new"),
        lambda: fs.cp(f"{home}/hello", f"{home}/new"),
        lambda: fs.touch(f"{home}/new"),
        lambda: fs.put(str(tmp_path / "local"), f"{home}/new"),
        lambda: fs.pipe(f"{home}/new", b"x"),
        lambda: fs.write_bytes(f"{home}/new", b"x"),
    ]
    for number, call in enumerate(calls):
        with pytest.raises(OSError, match="Read-only") as failed:
            call()
        assert failed.value.errno == errno.EROFS, number
    fs.makedirs(f"{home}/dir", exist_ok=True)


def test_the_name_must_be_that_of_the_url(forged: Forged, tmp_path: Path) -> None:
    forged.forge.publish([])
    url = f"{forged.server.url}/cvmfs/{forged.forge.name}"
    fs = CvmfsFileSystem(url=url, key=str(forged.forge.key_file), cache_dir=str(tmp_path / "c"), proxy="DIRECT")
    with pytest.raises(FileNotFoundError, match="is about"):
        fs.ls("other.parrot.test")


def test_the_entry_point() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    module, _, name = (
        text.partition('[project.entry-points."fsspec.specs"]\ncvmfs = "')[2].partition('"')[0].partition(":")
    )
    assert getattr(importlib.import_module(module), name) is CvmfsFileSystem
