"""The errors that a user can cause, each with a message that says what to do.

Belongs here: exceptions that the command line and flows report without a traceback, and
the exit status each stands for. Does not belong here: programming errors, which keep theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class MedallionError(Exception):
    """Something that a user or an operator can put right; its text says how.

    `exit_status` is 1 when a run or a gate failed and 2 when the call or the configuration
    is wrong.
    """

    exit_status = 1


class ConfigurationError(MedallionError):
    """The call, the specification or the environment is wrong; nothing was started.

    `problems` are the mistakes one by one, each with its path, where there may be several.
    """

    exit_status = 2

    def __init__(self, text: str, problems: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.problems = tuple(problems) or (text,)


class SpecError(ConfigurationError):
    """A pipeline specification cannot be used; the text lists every problem with its path."""


class ArtifactError(ConfigurationError):
    """A compiled artifact cannot be run from; nothing was started."""


class DriftedArtifactError(ArtifactError):
    """An artifact was changed, or made by other logic or in another format: compile it anew."""


class ForeignArtifactError(ArtifactError):
    """An artifact is of another project, pipeline or environment, or none at all."""


class BronzeError(MedallionError):
    """Bronze is not what its manifests or the specification say; nothing was published."""


class IngestError(MedallionError):
    """A source file cannot be landed; bronze is as it was.

    `faults` says of each file at fault, by its name in the source, what is wrong, where it is the
    files and not the call that is at fault.
    """

    def __init__(self, text: str, faults: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.faults = dict(faults or {})


class CorrectionError(IngestError):
    """Corrected rows cannot be replayed; bronze is as it was."""


class GateError(MedallionError):
    """A gate stopped the run; nothing was published."""


class AccountingError(GateError):
    """Rows were lost or invented between bronze and silver; nothing was published."""


class BuildError(MedallionError):
    """A dbt model, a dbt test or a transform failed; nothing was published."""


class ReleaseError(MedallionError):
    """A release or the pointer cannot be read, or does not exist."""


class PublishConflictError(MedallionError):
    """Another publisher moved the pointer first; this run's tables are kept, unpublished."""


class ErasureConflictError(PublishConflictError):
    """Something was published, or a person was erased, meanwhile; call again."""


class CatalogError(MedallionError):
    """A catalog did not do what it was asked for; the releases are as they were."""


class CatalogConflictError(CatalogError):
    """Somebody else changed the catalog meanwhile: look again and decide anew."""
