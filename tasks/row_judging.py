"""Judging received rows one by one by a pydantic model, before dbt sees them.

Belongs here: reading bronze in batches, and what of each rejected row is kept: where it lies, the
rules that it broke, and the model's message. Does not belong here: the models
(`tasks/contracts/row_models`), duplicates and parents, which concern several rows (`dbt/`).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, TypeAdapter, ValidationError

from tasks.bronze_inventory import BronzeFile
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import is_name
from tasks.published_views import key_of

BATCH_ROWS = 50_000
REJECTED_ROWS = pa.schema(
    [
        ("_file", pa.string()),
        ("_row", pa.int64()),
        ("reasons", pa.list_(pa.string())),
        ("message", pa.string()),
    ]
)

Rejected = dict[str, Any]


@cache
def row_model(name: str) -> type[BaseModel]:
    """Return the model of `tasks/contracts/row_models/<name>.py`; raises ConfigurationError."""
    module = f"tasks.contracts.row_models.{name}"
    try:
        found = importlib.import_module(module) if is_name(name) else None
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        found = None
    model = getattr(found, "Row", None)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise ConfigurationError(
            f"row_model '{name}': there is no model Row in tasks/contracts/row_models/{name}.py"
        )
    return model


def judge(rows: Iterable[dict[str, Any]], model: type[BaseModel]) -> Iterator[tuple[int, Rejected]]:
    """Yield (number, reasons and message) of each row that the model rejects, counted from 0.

    Reasons are the names of the broken rules, in the order of the model's fields.
    """
    validate: Callable[[Any], Any] = TypeAdapter(model).validator.validate_python
    for number, row in enumerate(rows):
        try:
            validate(row)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)
            lines = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found]
            reasons = list(dict.fromkeys(str(e["type"]) for e in found))
            yield number, {"reasons": reasons, "message": "; ".join(lines)}


def write_rejected(files: Iterable[BronzeFile], name: str, target: Path) -> int:
    """Judge every row of `files` by the model `name`; write the rejected ones to `target`.

    Returns how many there are. Columns are those of REJECTED_ROWS; `_file` is the key of the file
    in bronze, `_row` the row's number in it.
    """
    model = row_model(name)
    columns = list(model.model_fields)
    target.parent.mkdir(parents=True, exist_ok=True)
    total = 0
    with pq.ParquetWriter(target, REJECTED_ROWS) as writer:
        for file in files:
            first = 0
            with pq.ParquetFile(file.path) as opened:
                for batch in opened.iter_batches(BATCH_ROWS, columns=columns):
                    found = [
                        {"_file": key_of(file), "_row": first + number, **rejected}
                        for number, rejected in judge(batch.to_pylist(), model)
                    ]
                    first += batch.num_rows
                    total += len(found)
                    if found:
                        writer.write_table(pa.Table.from_pylist(found, REJECTED_ROWS))
    return total
