"""What a single file carries: a site's configuration in the place of the host's, and a cache to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py import carried, config
from parrot_py.config import RunConfig
from parrot_py.config.domains import DEMO
from parrot_py.config.model import RepositoryConfig

KEY = (DEMO / "demo.parrot.local.pub").read_text()


@pytest.fixture(autouse=True)
def nothing_carried() -> Iterator[None]:
    """Each test begins without, and leaves nothing."""
    yield
    carried.site = carried.seed = None


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An unpacked tree with a site that knows one repository, and speaks of itself as /etc/cvmfs."""
    etc = tmp_path / "tree" / "etc" / "cvmfs"
    for name in ("keys/all", "config.d"):
        (etc / name).mkdir(parents=True)
    (etc / "keys" / "all" / "one.pub").write_text(KEY)
    source = "[ -f /etc/cvmfs/server.sh ] && . /etc/cvmfs/server.sh"
    (etc / "default.local").write_text(f"CVMFS_HTTP_PROXY=DIRECT\n{source}\n")
    (etc / "server.sh").write_text("SERVER=http://web.example.org\n")
    (etc / "config.d" / "sw.example.org.conf").write_text(
        ". /etc/cvmfs/server.sh\nCVMFS_SERVER_URL=$SERVER/@fqrn@\nCVMFS_KEYS_DIR=/etc/cvmfs/keys/all\n"
    )
    return tmp_path / "tree"


def found(tmp_path: Path, **variables: str) -> RepositoryConfig | None:
    """What a run with nothing but a tempdir says about the repository."""
    run = config.read(["true"], {"PARROT_TEMP_DIR": str(tmp_path / "t"), **variables})
    assert isinstance(run, RunConfig)
    return run.repositories.find(b"sw.example.org")


def test_its_own_names_lead_into_the_tree(tree: Path, tmp_path: Path) -> None:
    carried.find(tree)
    told = found(tmp_path)
    assert told is not None
    assert told.urls == ("http://web.example.org/sw.example.org",)
    assert told.public_keys == (tree / "etc/cvmfs/keys/all/one.pub",)


def test_without_a_tree_the_host_counts(tmp_path: Path) -> None:
    told = found(tmp_path)
    assert told is None or not told.urls
    assert carried.translated("/etc/cvmfs/x") == "/etc/cvmfs/x"


def test_only_that_directory_is_translated(tree: Path) -> None:
    carried.find(tree)
    etc = str(tree / "etc/cvmfs")
    assert carried.translated("/etc/cvmfs") == etc
    assert carried.translated("/etc/cvmfs/keys") == f"{etc}/keys"
    assert carried.translated("/etc/cvmfs.d/keys") == "/etc/cvmfs.d/keys"
    assert carried.translated("etc/cvmfs") == "etc/cvmfs"


def test_a_configuration_that_the_user_names_counts_more(tree: Path, tmp_path: Path) -> None:
    carried.find(tree, named=True)
    told = found(tmp_path, PARROT_CVMFS_ETC=str(tmp_path / "none"))
    assert told is None or not told.urls


def test_the_seed_is_a_lower_cache(tree: Path, tmp_path: Path) -> None:
    (tree / "seed").mkdir()
    carried.find(tree)
    told = found(tmp_path)
    assert told is not None
    assert (told.lower_cache, told.lower_readonly) == (tree / "seed", True)
    assert told.cache_dir == tmp_path / "t" / "cvmfs"
    assert found(tmp_path, PARROT_CVMFS_ALIEN_CACHE=str(tmp_path / "a")) is not None


def test_a_tiered_cache_of_the_site_stays(tree: Path, tmp_path: Path) -> None:
    (tree / "seed").mkdir()
    (tree / "etc/cvmfs/default.local").write_text(
        "CVMFS_HTTP_PROXY=DIRECT\nCVMFS_CACHE_PRIMARY=t\nCVMFS_CACHE_t_TYPE=tiered\nCVMFS_CACHE_t_UPPER=u\n"
        "CVMFS_CACHE_t_LOWER=l\nCVMFS_CACHE_u_TYPE=posix\nCVMFS_CACHE_l_TYPE=posix\n"
        f"CVMFS_CACHE_l_BASE={tmp_path}/low\n"
    )
    carried.find(tree)
    told = found(tmp_path)
    assert told is not None
    assert told.lower_cache == tmp_path / "low" / "shared"
