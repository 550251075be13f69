"""GitHub-flavoured Markdown from untrusted values.

Belongs here: escaping, code spans and tables. Does not belong here: what is said with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tasks.reports.printable_text import printable

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~&$#!{}]")
_WORD_UNDERSCORE = re.compile(r"(?<=[A-Za-z0-9])\\_(?=[A-Za-z0-9])")
_BACKTICKS = re.compile("`+")


def escaped(text: str) -> str:
    """`text` on one line, so that Markdown and HTML show it as it stands."""
    safe = _SPECIAL.sub(r"\\\g<0>", _one_line(text))
    # Inside a word an underscore means nothing, and names stay legible in the source.
    return _WORD_UNDERSCORE.sub("_", safe)


def code(text: str) -> str:
    """`text` as a code span that also holds within a table cell."""
    flat = _one_line(text)
    if not flat:
        return ""
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(flat)), default=0) + 1)
    # A backtick at the edge would merge with the fence; the renderer drops these spaces.
    pad = " " if "`" in (flat[0], flat[-1]) else ""
    # Within a table even a code span is cut at a bare pipe.
    return f"{fence}{pad}{flat}{pad}{fence}".replace("|", "\\|")


def _one_line(text: str) -> str:
    return " ".join(printable(text).split())


def table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[str] = ()) -> str:
    """A table of cells that are escaped already; the columns named in `right` align right."""
    aligned_right = set(right)
    lines = [
        header,
        ["---:" if name in aligned_right else "---" for name in header],
        *rows,
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
