"""Proxies from proxy auto-configuration files (section 7.7 of the format document).

A PAC file is a program in JavaScript from who knows where.  It runs in a process of its own with little time and
memory, by ``pypac`` and ``dukpy`` (see pac_worker.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

from parrot_py import codes
from parrot_py.config.model import DIRECT, RepositoryConfig
from parrot_py.drivers.cvmfs.cache.notes import Notes
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net.outcome import TransferError
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.net.proxygroups import proxy_host
from parrot_py.drivers.cvmfs.net.routes import Hop
from parrot_py.drivers.cvmfs.net.transport import Request, Transport
from parrot_py.drivers.cvmfs.trouble import log

AUTO = "auto"
WELL_KNOWN = "http://wpad/wpad.dat"
SECONDS = 10.0
_LIMIT = 1 << 20
_WORKER = (
    "import json, sys\n"
    "request = json.load(sys.stdin)\n"
    "sys.path[:0] = request['path']\n"
    "from parrot_py.drivers.cvmfs.net.pac_worker import answer\n"
    "print(json.dumps(answer(request['script'], request['urls'])))\n"
)
_SCHEMES = {"PROXY": "http", "HTTP": "http", "HTTPS": "https"}

Groups = tuple[tuple[str, ...], ...]


class PacError(Exception):
    """A PAC file could not be evaluated; ``str()`` says why."""


def evaluate(script: str, urls: Sequence[str], seconds: float = SECONDS, ending: Ending | None = None) -> list[str]:
    """What ``FindProxyForURL`` of *script* returns for each of *urls*; raises PacError.

    Waits up to *seconds*, and no longer than to the *ending*.
    """
    request = json.dumps({"script": script, "urls": list(urls), "path": [place for place in sys.path if place]})
    command = [sys.executable, "-I", "-c", _WORKER]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    try:
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=null, encoding="utf-8") as worker:
            try:
                with (ending or Ending()).waking(worker.kill):
                    output, _ = worker.communicate(request, timeout=seconds)
            except subprocess.TimeoutExpired:
                raise PacError(f"the script did not end within {seconds:g} seconds") from None
            finally:
                worker.kill()
    except OSError as error:
        raise PacError(f"{command[0]}: {error.strerror}") from None
    # Its exit status may have been collected by the tracer, so only what it said counts.
    try:
        said = json.loads(output)
    except ValueError:
        raise PacError("the script took more time or memory than it may") from None
    if "error" in said:
        raise PacError(said["error"])
    return [str(result) for result in said["results"]]


def parse(text: str) -> Groups:
    """Proxy groups from what ``FindProxyForURL`` returns (``PROXY a:b; DIRECT``); what is no HTTP proxy is left out."""
    groups = []
    for part in text.split(";"):
        kind, _, place = part.strip().partition(" ")
        if kind.upper() == DIRECT:
            groups.append((DIRECT,))
        elif kind.upper() in _SCHEMES:
            proxy = f"{_SCHEMES[kind.upper()]}://{place.strip()}"
            if proxy_host(proxy) and proxy.isprintable() and not set(proxy) & set(" \\\"'<>|"):
                groups.append((proxy,))
    return tuple(dict.fromkeys(groups))


def replaced(groups: Sequence[Sequence[str]], found: Groups) -> Groups:
    """*groups* with *found* in the place of ``auto``."""
    result: list[tuple[str, ...]] = []
    for group in groups:
        if AUTO in group:
            result += found
        rest = tuple(member for member in group if member != AUTO)
        result += [rest] if rest else []
    return tuple(dict.fromkeys(result))


class Discovery:
    """Finds the proxies that ``auto`` stands for."""

    def __init__(self, config: RepositoryConfig, transport: Transport, ending: Ending, notes: Notes) -> None:
        self._config, self._transport, self._ending, self._notes = config, transport, ending, notes
        self._note = f"proxies.{AUTO}-{config.fqrn}"

    def find(self, urls: Sequence[str]) -> Groups:
        """The proxies for the servers *urls*: by the first PAC file that names some, or else those of last time.

        Waits for name servers and web servers, each as long as configured.  Empty when there are none.
        """
        for place in self._config.pac_urls or (WELL_KNOWN,):
            found = self._from(WELL_KNOWN if place == AUTO else place, urls)
            if found:
                self._notes.write(self._note, ";".join("|".join(group) for group in found) + "\n")
                return found
        stored = self._notes.read(self._note)
        if stored:
            log.warning(
                "%s: no PAC file could be used; using the proxies of last time",
                self._config.fqrn,
                extra=codes.NO_PAC.extra,
            )
            return parse(";".join(_as_pac(proxy) for proxy in stored.strip().split(";")))
        log.warning(
            "%s: no PAC file could be used (pac_urls), and there are no proxies of last time",
            self._config.fqrn,
            extra=codes.NO_PAC.extra,
        )
        return ()

    def _from(self, place: str, urls: Sequence[str]) -> Groups:
        """The proxies that the PAC file at *place* names; empty, with a line in the log, when it does not."""
        timeout = self._config.timeout_direct
        request = Request(Hop(place), place, {}, Patience(2 * timeout), timeout, _LIMIT, document=True)
        try:
            script = self._transport.read(request).decode("utf-8", "replace")
            results = evaluate(script, [f"{url}/.cvmfspublished" for url in urls], ending=self._ending)
        except (TransferError, PacError) as error:
            log.info("%s: PAC file %s: %s", self._config.fqrn, place, error)
            return ()
        text = next((result for result in results if result.strip()), "")
        found = parse(text)
        log.info("%s: PAC file %s: %s", self._config.fqrn, place, " ".join(text.split())[:200] or "names no proxy")
        return found


def _as_pac(proxy: str) -> str:
    scheme, _, place = proxy.partition("://")
    return f"{'HTTPS' if scheme == 'https' else 'PROXY'} {place}" if place else proxy
