"""Text from other programs, made fit to show: no colour codes, no control characters.

Belongs here: what every kind of report must remove. Does not belong here: escaping for one kind
of markup.
"""

from __future__ import annotations

import re

_COLOUR_CODE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """`text` without terminal colour codes and control characters; lines and tabs stay."""
    unified = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", _COLOUR_CODE.sub("", unified))
