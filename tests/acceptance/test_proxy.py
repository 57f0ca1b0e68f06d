"""A proxy that dies in the middle of a job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drivers.cvmfs.forge import Forge
from tests.support import tree
from tests.support.httpd import Fault, Server
from tests.support.parrot import Parrot
from tests.support.sites import Site
from tests.support.squid import Squid

FILES = 5_000


@pytest.mark.slow
def test_the_job_does_not_notice_that_a_proxy_is_killed(home: Path, parrot: Callable[..., Parrot]) -> None:
    forge = Forge(home / "forged")
    forge.publish([forge.file(b"/%d" % n, b"content of %d" % n) for n in range(FILES)])
    with Server({f"/cvmfs/{forge.name}": forge.directory}) as server, Squid(home) as squid:
        key = home / "key.pub"
        key.write_bytes(forge.key_file.read_bytes())
        key.chmod(0o644)
        url = f"{server.url}/cvmfs/{forge.name}"
        run = parrot([f"{forge.name}:url={url},pubkey={key},proxies={squid.url};DIRECT"])

        def kill_in_the_middle() -> None:
            until = time.monotonic() + 120
            while server.count("*/data/*") < FILES // 5 and time.monotonic() < until:
                time.sleep(0.02)
            squid.kill()

        killer = threading.Thread(target=kill_in_the_middle, daemon=True)
        killer.start()
        walk = f"find /cvmfs/{forge.name} -type f -print0 | xargs -0 -P 8 -n 100 grep -H --line-buffered ."
        told = run.run(["/bin/bash", "-o", "pipefail", "-c", walk], timeout=200).expect()
        killer.join()
        through = sum("Via" in headers for headers in server.headers)
    lines = {line.rpartition(b"/")[2] for line in told.stdout.splitlines()}
    assert lines == {b"%d:content of %d" % (n, n) for n in range(FILES)}
    assert FILES // 5 <= through < FILES


@pytest.mark.parametrize("evil", [False, True])
def test_proxies_of_a_pac_file(twin: Site, parrot: Callable[..., Parrot], tmp_path: Path, evil: bool) -> None:
    """The script runs in a child of the tracer, which must not take it for a process of the job."""
    pytest.importorskip("pypac")
    with Server(twin.server.mounts) as proxy, Server(tmp_path) as site:
        text = (
            f"function FindProxyForURL(url, host) {{ {'for (;;) {}' if evil else ''} return 'PROXY {proxy.url[7:]}'; }}"
        )
        site.fault("/x.pac", Fault(body=text.encode()))
        options = ["--cvmfs-option", f"CVMFS_PAC_URLS={site.url}/x.pac", "-p", "auto"]
        entry = twin.entry(tree.NAME).replace(",proxies=DIRECT", "")
        run = parrot([entry], options)
        told = run.run(["/bin/sh", "-c", f"cat '{tree.TOP}/names/~'; (exit 7)"], timeout=60)
    assert (told.status, told.stdout, told.stderr) == (7, b"~", b"")
    assert site.requests == ["/x.pac"]
    assert bool(proxy.requests) != evil
