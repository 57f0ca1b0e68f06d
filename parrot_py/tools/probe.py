"""``parrot_cvmfs probe``."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from parrot_py import codes
from parrot_py.codes import tagged
from parrot_py.config.model import DIRECT, RepositoryConfig
from parrot_py.drivers.cvmfs.inspection import Standing, inspect
from parrot_py.drivers.cvmfs.repository import Repository
from parrot_py.tools import facts, output, status
from parrot_py.tools.context import Context

_PARALLEL = 8


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("repository", metavar="REPO", nargs="+", help="full names")
    parser.add_argument("-a", "--all-hosts", action="store_true", help="ask every server for its own state")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Probe each repository.  JSON: one object with the list ``repositories``."""
    configs = [context.config(context.fqrn(text)) for text in arguments.repository]
    # One after the other: each is measured without the others in its way.
    records = [_probe(config, all_hosts=arguments.all_hosts) for config in configs]
    if context.output.json:
        context.output.document({"repositories": records})
    for number, record in enumerate([] if context.output.json else records):
        context.output.text("\n" if number else "")
        context.output.fields(record["repository"], _fields(record))
        if arguments.all_hosts:
            _show_hosts(context, record)
    return max(int(record["status"]) for record in records)


def _probe(config: RepositoryConfig, *, all_hosts: bool) -> dict[str, Any]:
    record = _record(_asked(config), config)
    if all_hosts:
        alone = [config._replace(urls=(url,), use_geoapi=False) for url in config.urls]
        with ThreadPoolExecutor(_PARALLEL, "parrot-probe") as pool:
            record["hosts"] = [_record(each, config) for each in pool.map(_asked, alone)]
    return record


def _asked(config: RepositoryConfig) -> Standing:
    with Repository(config) as repository:
        standing = inspect(repository)
    # A server that does not answer at all is still known by its name.
    only = config.urls[0] if len(config.urls) == 1 else None
    return standing._replace(host=standing.host or only)


def _record(standing: Standing, config: RepositoryConfig) -> dict[str, Any]:
    now = time.time()
    record: dict[str, Any] = {
        "repository": standing.fqrn,
        "status": _status(standing),
        "reachable": standing.reachable,
        "trusted": standing.trusted,
        "trouble": standing.trouble,
        "code": _CODES.get(_status(standing)),
        "host": standing.host,
        "proxy": (standing.proxy or DIRECT) if standing.reachable else None,
        "latency_ms": round(standing.latency * 1000, 2) if standing.latency is not None else None,
        "throughput": round(standing.throughput) if standing.throughput is not None else None,
        "servers": list(config.urls),
    }
    manifest, whitelist, signer = standing.manifest, standing.whitelist, standing.signer
    if manifest is not None:
        record.update(
            revision=manifest.revision,
            root_hash=str(manifest.root),
            root_size=manifest.root_size or None,
            published=manifest.timestamp or None,
            age=round(now - manifest.timestamp) if manifest.timestamp else None,
            ttl=manifest.ttl,
        )
    if whitelist is not None:
        expires = whitelist.expires.timestamp()
        record["whitelist"] = {"expires": int(expires), "expires_in": round(expires - now)}
        record["whitelist"]["fingerprints"] = [str(each) for each in whitelist.fingerprints]
    if signer is not None:
        record["certificate"] = {"fingerprint": signer.fingerprint, "subject": signer.subject}
    return record


_CODES = {
    status.UNREACHABLE: codes.UNREACHABLE,
    status.UNTRUSTED: codes.UNTRUSTED,
    status.DAMAGED: codes.DAMAGED,
}
"""Exit status of a probe → the code of its trouble."""


def _status(standing: Standing) -> int:
    if not standing.reachable:
        return status.UNREACHABLE
    return status.OK if standing.trouble is None else status.DAMAGED if standing.trusted else status.UNTRUSTED


def _fields(record: dict[str, Any]) -> list[tuple[str, str]]:
    verdict = {status.OK: "reachable and trusted", status.UNREACHABLE: "NOT REACHABLE", status.UNTRUSTED: "NOT TRUSTED"}
    fields = [
        ("repository", record["repository"]),
        ("state", verdict.get(record["status"], "DAMAGED")),
        ("trouble", tagged(record["trouble"], record["code"]) if record["trouble"] and record["code"] else ""),
        ("host", record["host"] or ""),
        ("proxy", record["proxy"] or ""),
        ("latency", f"{record['latency_ms']} ms" if record["latency_ms"] is not None else ""),
        ("throughput", f"{output.size(record['throughput'])}/s" if record["throughput"] is not None else ""),
    ]
    if "revision" in record:
        published = record["published"]
        age = f"{facts.when(published)} ({output.span(record['age'])} ago)" if published else ""
        fields += [("revision", str(record["revision"])), ("published", age), ("root hash", record["root_hash"])]
        fields += [("TTL", output.span(record["ttl"]))]
    if "whitelist" in record:
        left = record["whitelist"]["expires_in"]
        tense = f"in {output.span(left)}" if left > 0 else f"{output.span(-left)} ago"
        fields += [("whitelist expires", f"{facts.when(record['whitelist']['expires'])} ({tense})")]
    if "certificate" in record:
        fields += [("signed by", f"{record['certificate']['fingerprint']} ({record['certificate']['subject']})")]
    return fields


def _show_hosts(context: Context, record: dict[str, Any]) -> None:
    columns = ("host", "state", "revision", "age", "latency", "throughput", "whitelist", "trouble")
    rows = []
    for host in record["hosts"]:
        speed = host["throughput"]
        rows.append(
            (
                host["host"] or "",
                status.kind(host["status"]),
                str(host.get("revision", "")),
                output.span(host["age"]) if host.get("age") is not None else "",
                f"{host['latency_ms']} ms" if host["latency_ms"] is not None else "",
                f"{output.size(speed)}/s" if speed is not None else "",
                output.span(host["whitelist"]["expires_in"]) if "whitelist" in host else "",
                (host["trouble"] or "").removeprefix(f"{host['host']}: "),
            )
        )
    context.output.table(columns, rows, right=("revision", "age", "latency", "throughput", "whitelist"))
