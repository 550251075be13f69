"""The templates that HTML pages are filled in from, and how text gets into them.

Belongs here: escaping, and making text printable. Does not belong here: what a page shows, or its
filters.
"""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from tasks.reports.printable_text import printable

TEMPLATES = Path(__file__).parent / "templates"


def page_environment() -> jinja2.Environment:
    """Return an environment without filters of its own; what a template misses is an error."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=_compiled(),
    )


def _compiled() -> jinja2.BytecodeCache | None:
    """Pages compiled before, which takes longer than to fill them in, if this user may keep any."""
    try:
        return jinja2.FileSystemBytecodeCache()
    except RuntimeError:  # its folder among the temporary files is somebody else's
        return None


def _shown(value: object) -> object:
    # Markup is the templates' own; any other text came from a record.
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value)
    return value
