"""A name server on the loopback interface that answers what it is told to, or nothing.

with NameServer({"squid.test": ["127.0.0.1", "127.0.0.2"]}) as names:
    names.place  # "127.0.0.1:PORT"
    assert names.asked == [("squid.test.", "A")]
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping, Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer:
    """Answers queries for A and AAAA over UDP.  ``records`` may change at any time; ``silent`` makes it say nothing."""

    def __init__(self, records: Mapping[str, Sequence[str]], ttl: int = 300) -> None:
        self.records = dict(records)
        self.ttl = ttl
        self.silent = False
        self.asked: list[tuple[str, str]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.02)
        self._stopping = threading.Event()
        self.place = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            try:
                data, caller = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            except socket.timeout:
                continue
            query = dns.message.from_wire(data)
            name, kind = query.question[0].name, query.question[0].rdtype
            self.asked.append((name.to_text(), dns.rdatatype.to_text(kind)))
            if not self.silent:
                self._socket.sendto(self._answer(query, name.to_text(), kind).to_wire(), caller)

    def _answer(self, query: dns.message.Message, name: str, kind: dns.rdatatype.RdataType) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        known = self.records.get(name.rstrip("."))
        if known is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
            return answer
        fitting = [address for address in known if (":" in address) == (kind == dns.rdatatype.AAAA)]
        if fitting:
            answer.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", dns.rdatatype.to_text(kind), fitting))
        return answer
