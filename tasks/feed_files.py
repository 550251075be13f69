"""Files of JSON lines in bronze: how many lines, how long, which bytes.

Belongs here: one pass over a file. Does not belong here: what is in a line (`feed_lines.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

CLEARED = (
    "was cleared by retention (bronze_days), and no release that this run can build on has seen "
    "it; restore it from a backup, or run for a day, and by a specification, that a release has"
)
_CHUNK = 1 << 20


@dataclass(frozen=True)
class LineSurvey:
    """Lines, the bytes of the longest one, and the hash of the file; an unfinished line is one."""

    lines: int
    longest: int
    sha256: str

    def breaches(self, where: str, lines: int, sha256: str | None) -> Iterator[tuple[str, str]]:
        """Yield (name of the gate, what is wrong) where a manifest says otherwise."""
        if self.lines != lines:
            told = f"{where} has {self.lines} lines, its manifest says {lines}"
            yield "manifest_rows", f"{told}; land the batch again or correct the manifest"
        if sha256 not in (None, self.sha256):
            yield "sha256", f"{where} is not what its manifest says, byte by byte; restore the file"


def survey_lines(path: Path) -> LineSurvey:
    """Read a file once; raises OSError."""
    digest = hashlib.sha256()
    lines, longest, unfinished = 0, 0, 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord("\n"))
            lines += len(ends)
            if not len(ends):
                unfinished += len(chunk)
                continue
            longest = max(longest, unfinished + int(ends[0]), int(np.diff(ends).max(initial=0)))
            unfinished = len(chunk) - int(ends[-1]) - 1
    return LineSurvey(lines + (unfinished > 0), max(longest, unfinished), digest.hexdigest())


def count_lines(path: Path) -> int:
    """Return how many lines a file has."""
    return survey_lines(path).lines
