"""What commands that save things in the Prefect API share: its refusal, and the list of changes.

Belongs here: how they fail and what they print. Does not belong here: what is saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.text import Text

from cli.output import console, plain_table, print_json
from tasks.contracts.errors import ConfigurationError

Change = tuple[str, str, Sequence[str]]
"""(name, status, fields)"""


@contextmanager
def answering_api() -> Iterator[None]:
    """Have a Prefect API; raises ConfigurationError when it refuses something."""
    from cli.prefect_api import PrefectApi  # noqa: PLC0415 - Prefect is slow to import

    api = PrefectApi()
    api.start()
    with api.ready():
        from prefect.exceptions import PrefectHTTPStatusError  # noqa: PLC0415

        try:
            yield
        except PrefectHTTPStatusError as error:
            answer = f"{error.response.status_code} {error.response.reason_phrase}"
            # Its text tells of the request, and with it perhaps of what was to be saved.
            raise ConfigurationError(f"the Prefect API refused this: {answer}") from None


def tell_changes(
    kind: str, environment: str, changes: Iterable[Change], *, dry_run: bool, as_json: bool
) -> None:
    """Print what became of each thing of a kind, or would."""
    if as_json:
        listed = [{kind: name, "status": status, "fields": f} for name, status, f in changes]
        print_json({"environment": environment, "dry_run": dry_run, f"{kind}s": listed})
        return
    table = plain_table(kind, "would be" if dry_run else "is", "fields", wrapped=("fields",))
    for name, status, fields in changes:
        shown = ", ".join(fields) if status == "changed" else ""
        table.add_row(Text(name), status, Text(shown))
    console().print(table)
