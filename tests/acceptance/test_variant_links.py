"""Symbolic links with variables: from the configuration for everybody, or from each caller's own environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.cvmfs.forge import DIR, LINK, NAME, Forge, Row
from tests.support import sites
from tests.support.parrot import Parrot, environment
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
R = f"/cvmfs/{NAME}"
# Each question three times, by two callers in turn, after the directory was listed.
ASK = f"""
ls -l {R}/d >/dev/null; ls {R}/d/pick/ >/dev/null
for n in 1 2 3; do
  for flavour in sweet plain; do
    export FLAVOUR=$flavour
    inside=$(sh -c "cd {R}/d/pick && pwd -P")
    echo "$(cat {R}/d/pick/name) $(readlink {R}/d/pick) $(stat -c %s {R}/d/pick) ${{inside##*/}}"
  done
done
"""


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    forge = Forge(home / "web" / NAME)
    rows = [Row(b"/d", DIR), Row(b"/d/pick", LINK, symlink=b"$(FLAVOUR:-none)")]
    for name in (b"sweet", b"plain", b"none"):
        rows += [Row(b"/d/" + name, DIR), forge.file(b"/d/%s/name" % name, name + b"\n")]
    rows += [Row(b"/who", LINK, symlink=b"$(CVMFS_FQRN)"), Row(b"/still", LINK, symlink=b"d")]
    forge.publish(rows)
    with sites.made_site(forge.directory.parent, {NAME: forge.key_file}) as site:
        yield site


def told(flavour: str) -> str:
    return f"{flavour} {flavour} {len(flavour)} {flavour}\n"


def test_from_the_environment_of_each_caller(site: Site, parrot: MakeParrot) -> None:
    run = parrot([site.entry(NAME)], ["--link-environment"])
    assert run.run(["/bin/bash", "-c", ASK]).expect().text() == 3 * (told("sweet") + told("plain"))
    script = f"cat {R}/d/pick/name; FLAVOUR= readlink {R}/d/pick; CVMFS_FQRN=other readlink {R}/who"
    assert run.run(["/bin/sh", "-c", script]).text() == f"none\n\n{NAME}\n"


def test_from_the_start_of_parrot_run_for_all(site: Site, parrot: MakeParrot) -> None:
    run = parrot([site.entry(NAME)])
    env = environment(run.home, {"FLAVOUR": "sweet"})
    assert run.run(["/bin/bash", "-c", ASK], env=env).expect().text() == 6 * told("sweet")


def test_other_links_stay_as_quick_as_they_were(site: Site, parrot: MakeParrot) -> None:
    run = parrot([site.entry(NAME)], ["--link-environment", "--stats"])
    counts = []
    for rounds in (10, 110):
        run.log_file.unlink(missing_ok=True)
        script = f"import os\nfor n in range({rounds}): os.stat('{R}/still/plain/name'); os.readlink('{R}/still')"
        run.run(["python3", "-c", script]).expect()
        counts.append(run.stats()["python"])
    assert counts[1] - counts[0] < 10
