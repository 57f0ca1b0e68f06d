"""The chain of trust: what is signed by the right keys is accepted, everything else is EIO with its reason."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.trust.letter import RsaKey, TrustError, open_letter
from parrot_py.drivers.cvmfs.trust.whitelist import Blacklist, Whitelist, check_whitelist, parse_fingerprint
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import NAME, letter, rsa_key, sign
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import BASIC, RMD, SHAKE
from tests.support.httpd import Fault, Server

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture


def test_a_forged_repository_that_is_right_opens(forged: Forged, opened: Open) -> None:
    forged.forge.publish([forged.forge.file(b"/hello", b"hello\n")])
    assert opened(forged.config()).read(b"/hello") == b"hello\n"


Break = Callable[[Forged], object]

WRONG: dict[str, tuple[Break, str]] = {
    "expired whitelist": (lambda f: f.forge.whitelist(days=-1), r"\.cvmfswhitelist: expired"),
    "whitelist of a foreign key": (lambda f: f.forge.whitelist(signer="stranger"), r"whitelist: not signed by any"),
    "whitelist for another name": (lambda f: f.forge.whitelist(name="x.test"), r"whitelist: it is for .* 'x\.test'"),
    "PKCS7 whitelist": (lambda f: f.forge.whitelist(kind="Vpkcs7"), r"Vpkcs7\), which is not supported: ask"),
    "whitelist with a chain": (
        lambda f: f.forge.whitelist(kind="Wcachain"),
        r"whitelist: wants .* \(Wcachain\).*root_hash",
    ),
    "PKCS7 whitelist with a chain": (lambda f: f.forge.whitelist(kind="Vpkcs7\nWcachain"), r"\(Vpkcs7\).*root_hash"),
    "whitelist without the certificate": (lambda f: f.forge.whitelist(signed="stranger"), r"X: it is not on the white"),
    "whitelist without fingerprints": (lambda f: f.forge.whitelist(fingerprint="#"), r"X: it is not on the whitelist"),
    "manifest for another name": (lambda f: manifest(f, N="other.test"), r"cvmfspublished: it is for .* 'other\.test'"),
    "manifest without a name": (lambda f: manifest(f, N="-"), r"cvmfspublished: malformed manifest: no line N"),
    "manifest without a revision": (lambda f: manifest(f, S="-"), r"malformed manifest: no line S"),
    "manifest with a silly revision": (lambda f: manifest(f, S="-4"), r"malformed manifest: not a number"),
    "manifest with a null root": (lambda f: manifest(f, C="0" * 40), r"malformed manifest: the null hash"),
    "manifest with another root path": (lambda f: manifest(f, R="0" * 32), r"the root path is not the root"),
    "manifest signed by a stranger": (lambda f: manifest(f, signer="stranger"), r"published: not signed by the repos"),
    "manifest of an unlisted certificate": (lambda f: manifest(f, who="stranger"), r"it is not on the whitelist"),
}


def manifest(forged: Forged, **changes: Any) -> None:
    forged.forge.manifest(forged.forge.catalog([]), **changes)


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_proven_is_refused(forged: Forged, opened: Open, caplog: Log, case: str) -> None:
    forged.forge.publish([])
    break_it, pattern = WRONG[case]
    break_it(forged)
    line = refused(caplog, lambda: opened(forged.config()).lookup(b""), pattern)
    assert line.startswith(f"{NAME}: {forged.server.url}/cvmfs/{NAME}: ")
    assert forged.cached() == set()


@pytest.mark.parametrize("name", [BASIC, SHAKE, RMD])
@pytest.mark.parametrize("file", [".cvmfspublished", ".cvmfswhitelist"])
@pytest.mark.parametrize("at", [3, 60, -200, -1])
def test_a_flipped_bit_in_a_letter_is_refused(
    site: Site, opened: Open, caplog: Log, name: str, file: str, at: int
) -> None:
    site.server.fault(f"*/{file}", Fault(flip=at))
    refused(caplog, lambda: opened(site.config(name)).lookup(b""), f"{name}: http.*: file {file}: ")
    assert not [path for path in site.objects() if path.is_file()]


def test_a_damaged_certificate_is_refused(site: Site, opened: Open, caplog: Log) -> None:
    site.server.fault("*X", Fault(flip=50))
    refused(
        caplog, lambda: opened(site.config(BASIC)).lookup(b""), r"object data/84/1b.*X: (hash mismatch|broken compr)"
    )


def test_a_certificate_that_is_none_is_refused(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.forge.publish([])
    manifest(forged, X=str(forged.forge.store(b"not a certificate", "X")))
    refused(caplog, lambda: opened(forged.config()).lookup(b""), r"certificate .*X: not a certificate")


def test_no_usable_key_is_said(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.forge.publish([])
    bad = forged.forge.directory / "nonsense.pub"
    bad.write_text("nonsense")
    refused(
        caplog, lambda: opened(forged.config(public_keys=(bad,))).lookup(b""), r"no usable public key; .*nonsense.pub"
    )


def test_one_good_key_among_several_is_enough(forged: Forged, opened: Open) -> None:
    forged.forge.publish([])
    keys = (forged.forge.directory / "missing.pub", forged.forge.key_file)
    assert opened(forged.config(public_keys=keys)).lookup(b"").is_dir


def test_a_blacklisted_certificate_is_refused(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.forge.publish([])
    white = forged.forge.whitelist().split(b"\n")[3].decode()
    blacklist = forged.forge.directory / "blacklist"
    blacklist.write_text(f"# bad ones\n{white}\n")
    refused(caplog, lambda: opened(forged.config(blacklists=(blacklist,))).lookup(b""), "it is blacklisted")


def test_a_blacklisted_revision_is_refused(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.forge.publish([], revision=4)
    blacklist = forged.forge.directory / "blacklist"
    blacklist.write_text(f"<{NAME} 5\n")
    refused(caplog, lambda: opened(forged.config(blacklists=(blacklist,))).lookup(b""), "revision 4 is blacklisted")
    blacklist.write_text(f"<{NAME} 4\n")
    assert opened(forged.config(blacklists=(blacklist,))).revision == 1


def test_a_pinned_root_needs_no_signature(site: Site, opened: Open) -> None:
    root = (site.keys[BASIC].parent / f"{BASIC}.roothash").read_text().strip()
    config = site.config(BASIC, root_hash=root, public_keys=())
    assert opened(config).revision == 2
    assert not [path for path in site.server.requests if "/.cvmfs" in path]


def test_a_malformed_pin_is_said(site: Site, opened: Open, caplog: Log) -> None:
    refused(caplog, lambda: opened(site.config(BASIC, root_hash="abc")).lookup(b""), "root hash: not a content hash")


def test_the_second_server_may_have_the_right_manifest(site: Site, real: Path, opened: Open) -> None:
    with Server({f"/cvmfs/{BASIC}": real / BASIC / "www" / BASIC}) as bad:
        bad.fault("*/.cvmfspublished", Fault(flip=3))
        urls = (f"{bad.url}/cvmfs/{BASIC}", f"{site.server.url}/cvmfs/{BASIC}")
        assert opened(site.config(BASIC, urls=urls)).revision == 2
        assert bad.count("*/.cvmfspublished") == 1


def test_letters_need_separator_hash_and_signature() -> None:
    good = letter(b"payload\n", "anybody", digest_info=False)
    assert open_letter(good).payload == b"payload\n"
    for bad in (
        b"",
        b"payload\n",
        good[: good.index(b"--\n") + 3],
        good.replace(b"payload", b"pAyload"),
        b"x\n--\nff\nsig",
    ):
        with pytest.raises(TrustError):
            open_letter(bad)


def test_a_signature_is_compared_as_a_whole_block() -> None:
    numbers = rsa_key("anybody").public_key().public_numbers()
    key = RsaKey(numbers.n, numbers.e)
    signature = sign("anybody", b"message")
    assert key.signed(b"message", signature)
    assert not key.signed(b"messag", signature)
    assert not key.signed(b"message", signature[1:])
    assert not key.signed(b"message", b"\0" + signature)
    assert not key.signed(b"message", (int.from_bytes(signature, "big") + numbers.n).to_bytes(129, "big"))
    assert not key.signed_sha1(b"message", signature)


def whitelist(expires: str, *lines: str) -> Whitelist:
    return Whitelist.parse("\n".join(["20200101000000", f"E{expires}", f"N{NAME}", *lines, ""]).encode())


def test_whitelists_expire_with_the_hour() -> None:
    assert whitelist("20210228235959", "").expires == datetime(2021, 2, 28, 23, tzinfo=timezone.utc)
    for bad in ("20210229000000", "2021022823595", "202102282359590", "２0210228000000", "2021022824000"):
        with pytest.raises(TrustError, match="malformed whitelist"):
            whitelist(bad, "")


@pytest.mark.parametrize(("ago", "good"), [(-1, True), (0, False), (1, False)])
def test_the_hour_of_expiry_is_too_late(ago: int, good: bool) -> None:
    now = datetime(2021, 3, 1, 5, 0, 0, tzinfo=timezone.utc)
    payload = f"20200101000000\nE20210301055959\nN{NAME}\n\n".encode()
    data = letter(payload, "master", digest_info=False)
    key = RsaKey(*(lambda n: (n.n, n.e))(rsa_key("master").public_key().public_numbers()))
    now += timedelta(minutes=ago)
    if good:
        assert check_whitelist(data, [key], NAME, now).fqrn == NAME
    else:
        with pytest.raises(TrustError, match=r"expired on 2021-03-01 at 05 hours UTC"):
            check_whitelist(data, [key], NAME, now)


def test_special_kinds_count_only_where_they_belong() -> None:
    """The fourth line and after it; below they are unreadable fingerprints, which are skipped."""
    print_ = Algorithm.SHA1.hash(b"x")
    assert whitelist("20300101000000", str(print_), "Vpkcs7", "Wcachain").fingerprints == (print_,)
    for lines in (("Vpkcs7",), ("Wcachain",), ("Vpkcs7", "Wcachain"), ("Wcachain", "Vpkcs7")):
        with pytest.raises(TrustError, match="not supported"):
            whitelist("20300101000000", *lines)


def test_fingerprints_are_read_in_every_spelling() -> None:
    print_ = Algorithm.SHAKE128.hash(b"x")
    spelled = print_.digest.hex(":").upper() + "-SHAKE128"
    assert parse_fingerprint(f"{spelled} # comment") == print_
    assert parse_fingerprint(str(print_)) == print_
    assert parse_fingerprint("# nothing") is None
    assert parse_fingerprint("") is None


def test_blacklist_rules_are_read() -> None:
    blacklist = Blacklist.parse("# comment\n<a.test\t 7\n<broken\nff:00\n")
    assert blacklist.least_revisions == (("a.test", 7),)
    more = Blacklist.parse(f"<a.test 1 # twice\n< a.test 3\n<b.test 5x\n<c.test 9{'9' * 30}\n  <d.test  4\r\n<e.test")
    assert more.least_revisions == (("a.test", 1), ("a.test", 3), ("d.test", 4))
    assert (more.least_revision("a.test"), more.least_revision("z.test")) == (3, 0)
    blacklist.check_revision("a.test", 7)
    blacklist.check_revision("b.test", 1)
    with pytest.raises(TrustError, match="at least 7"):
        blacklist.check_revision("a.test", 6)
