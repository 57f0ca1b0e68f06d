"""``--verify`` finds nothing wrong with what is right, and each kind of damage."""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish.cli import main
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.tags import rollback
from parrot_py.drivers.cvmfs.publish.verify import Report, verify
from tests.drivers.publish_trees import SMALL_CHUNKS, make_odd_tree, make_small_tree
from tests.drivers.test_publish import FQRN, NOW, read

OPTIONS = PublishOptions(now=NOW, chunk_sizes=SMALL_CHUNKS)


def check(done: Published, place: str | None = None, **options: object) -> Report:
    return verify(place or str(done.repository), FQRN, [done.public_key], options=OPTIONS, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def odd_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_odd_tree(tmp_path_factory.mktemp("odd"))


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_all_kinds_of_entries_are_right(
    odd_tree: Path, tmp_path: Path, repository_keys: RepositoryKeys, algorithm: Algorithm, compression: int
) -> None:
    options = replace(OPTIONS, algorithm=algorithm, compression=compression, external=("/chunked/102*",))
    done = publish(odd_tree, tmp_path, repository_keys, options)
    report = check(done, against=odd_tree)
    assert (report.problems, report.notes) == ([], [])
    tree = read(done)
    # The top of a nested catalog is in two catalogs.
    assert (report.entries, report.catalogs) == (len(tree.entries) + len(tree.catalogs) - 1, len(tree.catalogs))
    assert (report.revision, report.revisions, report.orphans) == (1, 1, 0)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory, repository_keys: RepositoryKeys) -> Published:
    """Three revisions, one of them rolled back, with a tag; nested catalogs, chunks, links and attributes."""
    place = tmp_path_factory.mktemp("pristine")
    source = make_small_tree(place / "source")
    source.joinpath("chunked").write_bytes(bytes(range(256)) * 99)
    source.joinpath("one").write_text("linked")
    os.link(source / "one", source / "two")
    source.joinpath("link").symlink_to("one")
    os.setxattr(source / "one", "user.x", b"y")
    publish(source, place / "web", repository_keys, replace(OPTIONS, tag="v1"))
    source.joinpath("busy/inner/file").write_text("second")
    publish(source, place / "web", repository_keys, OPTIONS)
    return rollback(place / "web", repository_keys, "v1", OPTIONS)


@pytest.fixture
def copy(pristine: Published, tmp_path: Path) -> Published:
    shutil.copytree(pristine.repository, tmp_path / "web" / FQRN)
    return replace(pristine, repository=tmp_path / "web" / FQRN)


def test_several_revisions_are_right(pristine: Published) -> None:
    report = check(pristine)
    assert (report.problems, report.notes) == ([], [])
    assert (report.revision, report.revisions, report.orphans) == (3, 3, 0)


def stored(done: Published, text: str, letter: str = "") -> Path:
    return done.repository / ContentHash.parse(text).object_path(letter)[1:]


def flip(path: Path, at: int = 20) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def file_object(done: Published) -> Path:
    return stored(done, read(done).entries[b"/quiet/file"].row["hash"].hex())


def chunk_object(done: Published) -> Path:
    return stored(done, read(done).entries[b"/chunked"].chunks[2][2].hex(), "P")


def nested_object(done: Published) -> Path:
    return stored(done, read(done).catalogs[b"/quiet"]["hash"], "C")


def older_object(done: Published) -> Path:
    """A catalog that only a former revision has."""
    tree = read(done)
    previous = tree.catalogs[b""]["properties"]["previous_revision"].decode()
    (root,) = tree.rows(previous, "C", "SELECT sha1 FROM nested_catalogs WHERE path = CAST('/busy/inner' AS TEXT)")
    return stored(done, root[0].decode(), "C")


Damage = Callable[[Published], object]


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (lambda done: file_object(done).unlink(), "/quiet/file: object .*: missing"),
        (lambda done: flip(file_object(done), 3), "/quiet/file: object .*: damaged"),
        (lambda done: file_object(done).write_bytes(b""), "/quiet/file: object .*: damaged"),
        (lambda done: chunk_object(done).unlink(), "/chunked: object .*P: missing"),
        (lambda done: flip(chunk_object(done)), "/chunked: object .*P: damaged"),
        (lambda done: nested_object(done).unlink(), "/quiet: object .*C: missing"),
        (lambda done: flip(nested_object(done)), "/quiet: object .*C: damaged"),
        (lambda done: older_object(done).unlink(), "/busy/inner: object .*C: missing"),
        (lambda done: stored(done, str(done.root_hash), "C").unlink(), "trunk: object .*C: missing"),
        (lambda done: stored(done, read(done).manifest["H"], "H").unlink(), "history: object .*H: missing"),
        (lambda done: flip(stored(done, read(done).manifest["H"], "H")), "history: object .*H: damaged"),
        (lambda done: stored(done, read(done).manifest["M"], "M").unlink(), "meta-information: object .*M: missing"),
        (lambda done: stored(done, read(done).manifest["X"], "X").unlink(), "certificate: object .*X: missing"),
        (lambda done: done.repository.joinpath(".cvmfspublished").unlink(), ".cvmfspublished: missing"),
        (lambda done: flip(done.repository / ".cvmfspublished"), ".cvmfspublished: hash of the text does not match"),
        (lambda done: flip(done.repository / ".cvmfspublished", -1), ".cvmfspublished: not signed by"),
        (lambda done: done.repository.joinpath(".cvmfswhitelist").unlink(), ".cvmfswhitelist: missing"),
        (lambda done: flip(done.repository / ".cvmfswhitelist", -1), ".cvmfswhitelist: not signed by"),
        (lambda done: done.repository.joinpath(".cvmfsreflog").write_bytes(b"x" * 5000), ".cvmfsreflog: damaged"),
    ],
    ids=range(19),
)  # fmt: skip
def test_a_damaged_file_is_found(copy: Published, damage: Damage, complaint: str) -> None:
    damage(copy)
    problems = check(copy).problems
    assert len(problems) == 1, problems
    assert re.match(complaint, problems[0]), problems


def test_other_times_and_keys(pristine: Published, foreign_keys: RepositoryKeys) -> None:
    options = replace(OPTIONS, now=NOW + 400 * 86400)
    report = verify(str(pristine.repository), FQRN, [pristine.public_key], options=options)
    assert report.problems == [".cvmfswhitelist: expired on 2024-11-13 at 22 hours UTC"]
    report = verify(str(pristine.repository), FQRN, [foreign_keys.public_key_file], options=OPTIONS)
    assert report.problems == [".cvmfswhitelist: not signed by any of the configured public keys"]
    report = verify(str(pristine.repository), "other.name", [pristine.public_key], options=OPTIONS)
    assert report.problems == [".cvmfspublished: it is for the repository 'odd.parrot.test'"]


def test_a_catalog_with_broken_pages_is_found(copy: Published) -> None:
    """Its hash is right, and what it names is no database."""
    root = stored(copy, str(copy.root_hash), "C")
    data = bytearray(zlib.decompress(root.read_bytes()))
    data[1024:4096] = bytes(3072)
    packed = zlib.compress(bytes(data))
    name = Algorithm.SHA1.hash(packed)
    place = copy.repository / name.object_path("C")[1:]
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(packed)
    with closing(sqlite3.connect(copy.repository / ".cvmfsreflog")) as database:
        database.execute("UPDATE refs SET hash = ? WHERE hash = ?", (str(name), str(copy.root_hash)))
        database.commit()
    report = check(copy)
    assert any(f"catalog {name}" in problem for problem in report.problems), report
    assert any("is not the one that the manifest names" in note for note in report.notes)


def test_objects_that_nothing_names_are_counted(copy: Published) -> None:
    copy.repository.joinpath("data/11").mkdir(exist_ok=True)
    copy.repository.joinpath("data/11", "1" * 38).write_bytes(b"12345")
    report = check(copy)
    assert (report.problems, report.orphans, report.orphan_bytes) == ([], 1, 5)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda source: source.joinpath("new").touch(), "/new: is not published"),
        (lambda source: source.joinpath("two").unlink(), "/two: is not in "),
        (lambda source: source.joinpath("one").chmod(0o600), "/one: its type and mode is published as"),
        (lambda source: os.utime(source / "chunked", (1, 1)), "/chunked: its modification time is published as"),
        (lambda source: os.setxattr(source / "one", "user.x", b"z"), "/one: its extended attributes is published as"),
        (lambda source: relink(source / "link"), "/link: its target is published as b'one', and is b'elsewhere'"),
        (lambda source: reverse(source / "chunked"), "/chunked: the published content is another"),
        (lambda source: reverse(source / "quiet/file"), "/quiet/file: the published content is another"),
    ],
    ids=range(8),
)
def test_a_directory_that_says_something_else(
    pristine: Published, tmp_path: Path, repository_keys: RepositoryKeys, change: Callable[[Path], None], complaint: str
) -> None:
    source = tmp_path / "source"
    shutil.copytree(pristine.repository.parents[1] / "source", source, symlinks=True)
    source.joinpath("two").unlink()
    os.link(source / "one", source / "two")
    done = publish(source, tmp_path / "web", repository_keys, OPTIONS)
    assert check(done, against=source).problems == []
    change(source)
    problems = check(done, against=source).problems
    assert any(problem.startswith(complaint) for problem in problems), problems


def relink(path: Path) -> None:
    path.unlink()
    path.symlink_to("elsewhere")


def reverse(path: Path) -> None:
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextmanager
def served(directory: Path) -> Iterator[str]:
    handler = functools.partial(_Quiet, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_web_server_is_verified_as_well(copy: Published) -> None:
    with served(copy.repository.parent) as url:
        report = check(copy, f"{url}/{FQRN}")
        assert (report.problems, report.notes, report.revisions) == ([], [], 3)
        assert report.objects == check(copy).objects
        file_object(copy).unlink()
        assert "missing" in check(copy, f"{url}/{FQRN}/").problems[0]
    assert "cannot be fetched" in check(copy, url).problems[0]


def test_the_command(copy: Published, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    keys = ["--keys", str(copy.public_key.parent), "--now", str(NOW)]
    for where in (
        ["--verify", str(copy.repository)],
        ["--verify", copy.repository.as_uri()],
        ["--verify", "--name", FQRN, "--output", str(copy.repository.parent)],
    ):
        assert main([*where, *keys]) == 0
        assert capsys.readouterr().out.endswith("no problems\n")
    flip(file_object(copy), 3)
    assert main(["--verify", str(copy.repository), *keys]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("/quiet/file: object ")
    assert captured.err.count("\n") == 1
    assert captured.out.endswith("1 problem\n")
    assert main(["--verify", str(copy.repository), *keys, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["revisions"] == 3
    assert main(["--verify", str(tmp_path / "nowhere" / FQRN), *keys]) == 1
    assert "neither a directory nor a URL" in capsys.readouterr().err
    assert main(["--verify", str(copy.repository)]) == 1
    assert "--keys must be given" in capsys.readouterr().err
