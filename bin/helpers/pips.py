"""A pip for a new virtual environment, whatever the base Python lacks.

Debian ships Python without ensurepip unless python3-venv is installed, and without pip unless python3-pip is.  A pip
wheel can be run without being installed, so any one of four sources will do.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import ssl
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from helpers.say import SetupError, clean_environment, run, say

DEFAULT_INDEX = "https://pypi.org/simple"
WHEEL_DIRECTORIES = ("/usr/share/python-wheels", "/usr/lib/python3/dist-packages/ensurepip/_bundled")
TIMEOUT_SECONDS = 60


def install_pip(base: str, environment: Path) -> None:
    """Put pip into *environment*, a virtual environment made by the Python *base* without pip."""
    python = str(environment / "bin" / "python")
    if _works([base, "-I", "-c", "import ensurepip; assert ensurepip.version()"]):
        run("installing pip (ensurepip)", [python, "-I", "-m", "ensurepip", "--default-pip"], cwd=environment)
        return
    wheel = _local_wheel() or _downloaded_wheel(environment)
    # A wheel is a zip file and holds the package at its root: Python runs "x.whl/pip" as it stands.
    run("installing pip", [python, "-I", f"{wheel}/pip", "install", "--no-index", str(wheel)], cwd=environment)


def _works(command: list[str]) -> bool:
    done = subprocess.run(
        command, env=clean_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60
    )
    return done.returncode == 0


def _local_wheel() -> Path | None:
    wheels = [wheel for directory in WHEEL_DIRECTORIES for wheel in Path(directory).glob("pip-*.whl")]
    return max(wheels, key=lambda wheel: _version(wheel.name), default=None)


def _version(name: str) -> tuple[int, ...]:
    """The release number in a wheel's file name; () for anything but a final release, which sorts below all."""
    found = re.match(r"pip-(\d+(?:\.\d+)*)-py3-none-any\.whl$", name) or re.match(
        r"pip-(\d+(?:\.\d+)*)-py2\.py3-none-any\.whl$", name
    )
    return tuple(map(int, found[1].split("."))) if found else ()


class _Links(HTMLParser):
    """The files of a package page (PEP 503) that are not yanked."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for each opening tag."""
        values = dict(attrs)
        if tag == "a" and values.get("href") and "data-yanked" not in values:
            self.links.append(values["href"] or "")


def _configured() -> Iterator[tuple[str, str]]:
    """What pip is told by its settings, the strongest first: environment, the user's file, the site's file."""
    for name in ("index-url", "cert"):
        value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            yield name, value
    home = Path(os.environ.get("HOME", "/nonexistent"))
    config_home = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"))
    explicit = os.environ.get("PIP_CONFIG_FILE", "")
    files = [Path(explicit)] if explicit else []
    files += [config_home / "pip/pip.conf", home / ".pip/pip.conf"]
    files += [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf")]
    for file in files:
        parser = configparser.RawConfigParser()
        if not os.access(file, os.R_OK) or not parser.read(file):
            continue
        for section in ("install", "global"):
            if parser.has_section(section):
                yield from parser.items(section)


def _fetch(url: str, certificates: str | None) -> bytes:
    context = ssl.create_default_context(cafile=certificates)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS, context=context) as answer:
            content: bytes = answer.read()
            return content
    except (OSError, urllib.error.URLError) as error:
        raise SetupError(f"fetching pip from {url} failed: {error}") from error


def _downloaded_wheel(environment: Path) -> Path:
    """The newest pip wheel of the configured package index, its checksum verified where the index states one."""
    settings: dict[str, str] = {}
    for name, value in _configured():
        settings.setdefault(name, value)
    certificates = settings.get("cert") or os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    page = settings.get("index-url", DEFAULT_INDEX).rstrip("/") + "/pip/"
    say(f"fetching pip from {page}")
    parser = _Links()
    parser.feed(_fetch(page, certificates).decode("utf-8", "replace"))
    urls = [urllib.parse.urljoin(page, link) for link in parser.links]
    newest = max(urls, key=lambda url: _version(_file_name(url)), default="")
    if not _version(_file_name(newest)):
        raise SetupError(f"no pip wheel is listed at {page}; install python3-venv, or set PIP_INDEX_URL")
    content = _fetch(urllib.parse.urldefrag(newest).url, certificates)
    stated = re.search(r"#sha256=([0-9a-f]{64})", newest)
    if stated and hashlib.sha256(content).hexdigest() != stated[1]:
        raise SetupError(f"{newest}: the checksum does not match")
    wheel = environment / _file_name(newest)
    wheel.write_bytes(content)
    return wheel


def _file_name(url: str) -> str:
    return urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1]
