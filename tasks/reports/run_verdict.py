"""What became of a run, in one or two sentences.

Belongs here: the words for published, computed, unchanged and failed, and for what a failed run
left undone. Does not belong here: figures, markup.
"""

from __future__ import annotations

from tasks.contracts.run_record import RunRecord, StageRecord
from tasks.reports.gate_lists import breaches
from tasks.reports.human_figures import quantity


def headline(record: RunRecord) -> str:
    """The outcome in a few words, such as `Published release 12`."""
    if record.status == "failed":
        return "Failed" if record.release is None else f"Failed after release {record.release}"
    if record.status == "unchanged":
        return "Nothing changed"
    if record.status == "computed":
        return "Computed, not published"
    return "Published" if record.release is None else f"Published release {record.release}"


def consequence(record: RunRecord) -> str:
    """What the outcome means to a reader of the tables."""
    if record.status == "unchanged":
        return "The inputs were the same as before, so readers keep the release that they have."
    if record.status == "computed":
        return f"Environment {record.environment} publishes nothing of it; readers see no change."
    if record.status == "published":
        return "Readers see all of its tables."
    if record.release is None:
        return "Nothing of it was published; what readers see has not changed."
    return f"Release {record.release} was published before the failure and is what readers see."


def gate_sentence(record: RunRecord) -> str:
    """How the checks went, and what the gate mode made of the breaches."""
    if not record.gates:
        return "No check was recorded."
    broken = breaches(record.gates)
    checks = quantity(len(record.gates), "check")
    if not broken:
        return f"All {checks} passed." if len(record.gates) > 1 else "The one check passed."
    failed = sum(gate.status == "fail" for gate in broken)
    warned = len(broken) - failed
    parts = []
    if failed:
        parts.append(f"{failed:,} failed and stopped the run")
    if warned:
        parts.append(f"{warned:,} {'was' if warned == 1 else 'were'} breached and let pass")
    return f"Of {checks}, {', '.join(parts)}."


def not_done(record: RunRecord) -> tuple[StageRecord, ...]:
    """The stages that a failed run did not finish; empty for a run that did not fail."""
    if record.status != "failed":
        return ()
    return tuple(stage for stage in record.stages if stage.status != "done")
