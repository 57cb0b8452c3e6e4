"""Progress as plain text: one line that is rewritten on a terminal or in a notebook, a line a phase otherwise."""

from __future__ import annotations

import sys
import time
from typing import TextIO

WIDTH = 32


class TextProgress:
    """Prints how far a build is; called with the phase, the steps done and the steps there are.

    Parameters
    ----------
    out
        Where to print; ``sys.stderr`` unless given.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = sys.stderr if out is None else out
        self.live = self.out.isatty() or _in_notebook()
        self.phase: str | None = None
        self.started = 0.0
        self.width = 0

    def __call__(self, phase: str, done: int, total: int) -> None:
        if phase != self.phase:
            self.close()
            self.phase, self.started = phase, time.monotonic()
            if not self.live:
                print(f"{phase} ({total})", file=self.out, flush=True)
        if self.live:
            self._rewrite(bar(phase, done, total, time.monotonic() - self.started))

    def close(self) -> None:
        """End the line that is being rewritten."""
        if self.live and self.phase is not None:
            print(file=self.out, flush=True)
        self.phase, self.width = None, 0

    def _rewrite(self, line: str) -> None:
        self.out.write("\r" + line.ljust(self.width))
        self.out.flush()
        self.width = len(line)


def bar(phase: str, done: int, total: int, seconds: float) -> str:
    """Return one line: the phase, a bar, the counts and the time that is left at this pace."""
    share = min(done / total, 1.0) if total else 1.0
    full = int(share * WIDTH)
    left = f"  {seconds * (1 - share) / share:.0f} s left" if 0 < share < 1 else ""
    return f"{phase:24} {'#' * full}{'-' * (WIDTH - full)} {done}/{total}{left}"


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules
