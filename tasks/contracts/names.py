"""Names that come from people: what they may look like, and what was probably meant.

Belongs here: the one grammar of names that may meet a path or SQL, and suggestions for
misspelt ones. Does not belong here: what the names stand for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import StringConstraints

NAME_PATTERN = r"^[a-z][a-z0-9_]*$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=63)]

_NAME = re.compile(NAME_PATTERN)


def is_name(text: str) -> bool:
    """Tell whether `text` may be used as a name in paths and SQL."""
    return _NAME.fullmatch(text) is not None


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or what is known when nothing is near, or an empty text."""
    candidates = sorted(set(known))
    near = difflib.get_close_matches(wrong, candidates, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    if candidates and len(candidates) <= 20:  # noqa: PLR2004 - a longer list helps nobody
        return f"; known: {', '.join(candidates)}"
    return ""
