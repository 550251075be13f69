"""Whether two releases hold the same rows.

Belongs here: the comparison of what `published.content` gives. Floats agree to the tolerance of the
contract, since the order of a parallel sum is no content.
"""

from tests.oracle.compare import same

Content = dict[str, list[tuple]]


def content_differences(first: Content, second: Content, *, limit: int = 10) -> list[str]:
    """Say in which tables and rows two contents differ; empty if they are the same."""
    if first.keys() != second.keys():
        return [f"tables differ: {sorted(first.keys() ^ second.keys())}"]
    lines = []
    for name, rows in first.items():
        others = second[name]
        if len(rows) != len(others):
            lines.append(f"{name}: {len(rows)} rows, then {len(others)}")
            continue
        for row, other in zip(rows, others, strict=True):
            if len(row) != len(other) or not all(map(_same, row, other)):
                lines.append(f"{name}: {row}, then {other}")
    return lines[:limit]


def _same(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return one == other
    return same(one, other)
