"""Which files of a watched folder have arrived, and when they are worth a batch.

Belongs here: pure decisions from successive listings (name, size, time of change) and the time at
which each was taken. Does not belong here: listing a folder (`drop_folder.py`), the clock, and
what is done with a batch (`flows/watch.py`).

A file has settled when listings over `settle_seconds` show it unchanged. What was once in a batch
is not in another until it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

# What copying programs call a file that is not whole yet.
_UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".swp", "~")
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 15.0, 900.0


class Version(NamedTuple):
    """What a listing tells of a file's content."""

    size: int
    changed_ns: int


Listing = Mapping[str, Version]


@dataclass(frozen=True)
class Pace:
    """When a file counts as whole, and when files are enough for a batch."""

    settle_seconds: float = 5.0
    debounce_seconds: float = 10.0
    max_wait_seconds: float = 300.0
    max_batch_files: int = 500


@dataclass(frozen=True)
class Sighting:
    """A file as the listings showed it. `taken`: this version was in a batch; `fault`: in vain."""

    version: Version
    unchanged_since: float
    settled_at: float | None = None
    taken: bool = False
    fault: str | None = None


@dataclass(frozen=True)
class Arrivals:
    """What is known of a folder after some listings."""

    sightings: Mapping[str, Sighting] = field(default_factory=dict)

    def observed(self, listing: Listing, now: float, pace: Pace) -> Arrivals:
        """Return what is known after a listing taken at `now`; what it lacks is forgotten."""
        seen = {}
        for name, version in listing.items():
            if not is_arrival(name):
                continue
            before = self.sightings.get(name)
            if before is None or before.version != version:
                before = Sighting(version, now)
            if before.settled_at is None and now - before.unchanged_since >= pace.settle_seconds:
                before = replace(before, settled_at=now)
            seen[name] = before
        return Arrivals(seen)

    @property
    def waiting(self) -> tuple[str, ...]:
        """Settled files that were in no batch yet: first those that settled first, then by name."""
        found = [
            (sighting.settled_at, name)
            for name, sighting in self.sightings.items()
            if sighting.settled_at is not None and not sighting.taken
        ]
        return tuple(name for _, name in sorted(found))

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Files that may still grow, by name."""
        return tuple(sorted(n for n, s in self.sightings.items() if s.settled_at is None))

    @property
    def faults(self) -> dict[str, str]:
        """Files that were refused and are as they were then, with what is wrong with each."""
        found = {name: sighting.fault for name, sighting in sorted(self.sightings.items())}
        return {name: fault for name, fault in found.items() if fault is not None}

    def due(self, now: float, pace: Pace) -> tuple[str, ...]:
        """Return the next batch, empty if it is better to wait for more.

        A batch is due when no file has settled for `debounce_seconds`, when `max_batch_files` wait,
        or when one has waited for `max_wait_seconds`, so that a steady flow cannot put it off.
        """
        waiting = self.waiting
        if not waiting:
            return ()
        times = [self.sightings[name].settled_at or 0.0 for name in (waiting[0], waiting[-1])]
        quiet = now - times[1] >= pace.debounce_seconds
        overdue = now - times[0] >= pace.max_wait_seconds
        if quiet or overdue or len(waiting) >= pace.max_batch_files:
            return waiting[: pace.max_batch_files]
        return ()

    def processed(
        self, names: Collection[str], faults: Mapping[str, str] | None = None
    ) -> Arrivals:
        """Return what is known after a batch of `names`; those in `faults` were refused."""
        told = faults or {}
        done = {
            name: replace(self.sightings[name], taken=True, fault=told.get(name))
            for name in names
            if name in self.sightings
        }
        return Arrivals({**self.sightings, **done})


def is_arrival(name: str) -> bool:
    """Tell whether a path relative to the folder is to be processed once it has settled.

    Hidden files and folders, those whose name starts with `_`, and names of unfinished copies are
    not.
    """
    if name.startswith((".", "_")) or "/." in name or "/_" in name:
        return False
    return not name.lower().endswith(_UNFINISHED)


def pause_seconds(failures: int) -> float:
    """Return how long to wait after so many failed batches in a row before trying again."""
    return min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 20), LONGEST_PAUSE_SECONDS)
