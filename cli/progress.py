"""Progress of a run: lines for a person on standard error, JSON lines in a file.

Belongs here: handlers of the `medallion` logger. Does not belong here: what is logged.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, run id, message and fields."""

    def format(self, record: logging.LogRecord) -> str:
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run_id": getattr(record, "run_id", None),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return json.dumps(document, default=str)


class TerminalLines(logging.Handler):
    """A dim time and the message; warnings stand out."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        style = "yellow" if record.levelno >= logging.WARNING else ""
        self._console.print(at, style="dim", end=" ")
        self._console.print(record.getMessage(), style=style, soft_wrap=True)


def log_to(console: Console, log_file: Path) -> None:
    """Send the `medallion` logger to the terminal and, as JSON lines, to a file."""
    logger = logging.getLogger("medallion")
    logger.setLevel(logging.INFO)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    lines = logging.FileHandler(log_file, encoding="utf-8", delay=True)
    lines.setFormatter(JsonLines())
    for handler in [
        h for h in logger.handlers if isinstance(h, TerminalLines | logging.FileHandler)
    ]:
        logger.removeHandler(handler)
        handler.close()
    logger.addHandler(TerminalLines(console))
    logger.addHandler(lines)
