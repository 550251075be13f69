"""The command `subject`: what a lake holds of a person, and erasing it.

Belongs here: its options, the confirmation, and what it prints. Does not belong here: finding and
erasing (`tasks/subject_search.py`, `tasks/erasing.py`). It is no flow: what a flow is called with
is kept in Prefect's database, where nobody would erase it.
"""

from __future__ import annotations

import getpass
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from cli.options import Env, Json, LakeRoot, Pipeline, environment_lake
from cli.output import console, note, plain_table, print_json
from tasks.contracts.errors import ConfigurationError
from tasks.reports.human_figures import count, quantity
from tasks.specs import known_pipeline, load_spec

if TYPE_CHECKING:
    from tasks.contracts.erasure import Erasure
    from tasks.erasing import Request
    from tasks.mirror import Mirror
    from tasks.subject_search import Found, LakeFiles
    from tasks.subject_views import FoundInView
    from tasks.subjects import Subject


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(subject)


def subject(
    pipeline: Pipeline,
    key: Annotated[
        str,
        typer.Option(
            "--key",
            metavar="COLUMN=VALUE",
            help="An identifier that the specification declares under pii, and the person's.",
        ),
    ],
    rows: Annotated[bool, typer.Option("--rows", help="The rows, too; of --json.")] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Put stand-ins in the place of the person's values.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who asks for it; else you.")
    ] = None,
    *,
    env: Env = None,
    lake: LakeRoot = None,
    as_json: Json = False,
) -> None:
    """Find the rows of a person in every layer and release, and erase the person from them.

    Rows are found by declared identifiers, by masks of these, and by the person's e-mail address,
    phone number and addresses where these stand elsewhere. Erasing keeps the rows, so that all
    figures stand, and puts values that tell nothing in the place of those that told who it was: in
    bronze, in all releases, and in records of runs. It cannot be taken back. A call that was
    killed is continued by the same call.

    [dim]medallion subject ecommerce --key customer_id=CUST-3842[/dim]

    [dim]medallion subject ecommerce --key customer_id=CUST-3842 --erase[/dim]
    """
    column, value = _key(key)
    if rows and not as_json:
        raise ConfigurationError("--rows needs --json")
    if erase and as_json and not yes:
        raise ConfigurationError("--erase --json does not ask: confirm with --yes")
    settings, opened = environment_lake(env, lake)
    spec = load_spec(known_pipeline(pipeline))
    from blocks.masking import mask_key  # noqa: PLC0415
    from tasks.erasing import Request, find  # noqa: PLC0415
    from tasks.mirror import passing_mirror  # noqa: PLC0415
    from tasks.subject_views import find_in_views  # noqa: PLC0415
    from tasks.subjects import STAND_IN, Subject, personal_columns  # noqa: PLC0415

    mask = mask_key(settings)
    if mask.warning is not None:
        note(mask.warning)
    person = Subject(
        personal_columns(spec, column),
        value,
        f"{STAND_IN}{secrets.token_hex(8)}",
        mask.key.get_secret_value().encode(),
    )
    request = Request(
        opened, spec, settings, column, person, by or getpass.getuser(), datetime.now(UTC), note
    )
    listed, knowing, found = find(opened, spec, person)
    with passing_mirror(opened) as mirror:
        views = find_in_views(mirror, listed, found, knowing)
        before = _summary(request, listed, found, views)
        if rows:
            before["rows"] = _rows(mirror, found, views, knowing)
    record = None
    if erase and (yes or _confirmed(before, as_json)):
        record = _erase(request)
    if as_json:
        print_json({**before, "erasure": _told(record)})
    else:
        _show(before, record, asked=erase)


def _key(text: str) -> tuple[str, str]:
    column, separator, value = text.partition("=")
    if not separator or not column.strip() or not value.strip():
        raise ConfigurationError(f"--key {column}: give a column and a value, customer_id=C-1")
    return column.strip(), value.strip()


def _erase(request: Request) -> Erasure | None:
    from tasks.erasing import erase  # noqa: PLC0415

    return erase(request)


def _summary(
    request: Request, listed: LakeFiles, found: Sequence[Found], views: Sequence[FoundInView]
) -> dict[str, Any]:
    from tasks.erasing import last_erasure  # noqa: PLC0415

    tables: dict[str, dict[str, Any]] = {}
    for item in sorted(found, key=lambda item: item.table or "~"):
        name = item.table or "left by runs that failed"
        held = tables.setdefault(name, {"rows": 0, "rows_in_older_releases": 0, "files": 0})
        held["rows" if item.is_current else "rows_in_older_releases"] += item.rows
        held["files"] += 1
    for view in views:
        none = {"rows": 0, "rows_in_older_releases": 0, "files": 0, "view": True}
        held = tables.setdefault(view.table, none)
        held["rows" if view.is_current else "rows_in_older_releases"] += view.rows
    last = last_erasure(request.lake, request.pipeline, request.name)
    return {
        "pipeline": request.pipeline,
        "key": {"column": request.column, "value": request.subject.value},
        "release": listed.releases[-1].release if listed.releases else None,
        "tables": tables,
        "last_erasure": _told(last),
    }


def _rows(
    mirror: Mirror, found: Sequence[Found], views: Sequence[FoundInView], knowing: Subject
) -> list[dict[str, Any]]:
    from tasks.subject_search import rows_of  # noqa: PLC0415
    from tasks.subject_views import rows_of_views  # noqa: PLC0415

    return [
        *rows_of(mirror, [item for item in found if item.is_current], knowing),
        *rows_of_views(mirror, [view for view in views if view.is_current], knowing),
    ]


def _told(record: Erasure | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return record.model_dump(
        mode="json", exclude={"moved", "doomed", "pointer_version", "schema_version", "pipeline"}
    )


def _confirmed(before: dict[str, Any], as_json: bool) -> bool:
    if not as_json:
        _show_tables(before)
    return typer.confirm("Erase this person from all of it? It cannot be taken back.", err=True)


def _show(before: dict[str, Any], record: Erasure | None, *, asked: bool) -> None:
    if record is not None:
        told = (
            f"{before['pipeline']}: erased as {record.erasure} in "
            f"{quantity(record.files_rewritten, 'file')}, "
            f"{quantity(record.files_deleted, 'file')} deleted"
        )
        if record.release is not None:
            told += f"; readers see release {record.release}"
        console().print(Text(told), soft_wrap=True)
        return
    if asked:
        return
    _show_tables(before)
    last = before["last_erasure"]
    if last is not None:
        console().print(Text(f"erasure {last['erasure']} is {last['status']}"), soft_wrap=True)


def _place(table: tuple[str, Any]) -> tuple[bool, str]:
    """What no table lists stands last."""
    return "." not in table[0], table[0]


def _show_tables(before: dict[str, Any]) -> None:
    where = f"{before['pipeline']} {before['key']['column']}={before['key']['value']}"
    if not before["tables"]:
        console().print(Text(f"{where}: the lake holds nothing"), soft_wrap=True)
        return
    console().print(Text(where), soft_wrap=True)
    figures = ("rows", "in older releases", "files")
    grid = plain_table("table", *figures, figures=figures)
    for name, held in sorted(before["tables"].items(), key=_place):
        older = count(held["rows_in_older_releases"])
        shown = f"{name} (view)" if held.get("view") else name
        grid.add_row(Text(shown), count(held["rows"]), older, count(held["files"]))
    console().print(grid)
