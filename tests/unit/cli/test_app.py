"""How the command line ends: with its status, and with what was left to be done at the end."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, sys
from cli import app

def run():
    atexit.register(print, "last words")
    {ending}

app._run = run
app.main()
"""


@pytest.mark.parametrize(
    ("ending", "status"),
    [("sys.exit(0)", 0), ("sys.exit()", 0), ("sys.exit(3)", 3), ("1 / 0", 1), ("sys.exit('x')", 1)],
)
def test_what_is_left_for_the_end_is_done_and_the_status_told(ending: str, status: int) -> None:
    program = PROGRAM.format(ending=ending)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("last words\n", status)
