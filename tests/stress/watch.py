"""Looking at a tracer while it works: what it holds, and whether that grows."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PERIOD = 0.1


class Sample(NamedTuple):
    """What a process holds at one moment."""

    descriptors: int
    threads: int
    kib: int


def sample(pid: int) -> Sample | None:
    """What process *pid* holds now; ``None`` when it is gone."""
    try:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return Sample(len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"]), int(status["VmRSS"].split()[0]))
    except (OSError, KeyError):
        return None


@dataclass
class Watch:
    """Samples of one process, taken in the background until it ends."""

    pid: int
    samples: list[Sample] = field(default_factory=list)

    def start(self) -> Watch:
        """Begin."""
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def _run(self) -> None:
        while (found := sample(self.pid)) is not None:
            self.samples.append(found)
            time.sleep(PERIOD)

    def grown(self, of: Callable[[Sample], int]) -> int:
        """How much more there was at most in the last third than at most in the first two."""
        warm = 2 * len(self.samples) // 3
        return max(map(of, self.samples[warm:])) - max(map(of, self.samples[:warm]))

    def summary(self) -> str:
        """First, last and most of everything."""
        parts = [f"{len(self.samples)} samples"]
        for name in Sample._fields:
            values = [getattr(each, name) for each in self.samples]
            parts.append(f"{name} {values[0]} … {values[-1]}, at most {max(values)}")
        return "; ".join(parts)
