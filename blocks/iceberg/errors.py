"""What a catalog says when it does not do as it is asked, in words for people.

Belongs here: telling conflicts from failures, and keeping secrets out of both. Does not belong
here: what is done about them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import requests
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    RESTError,
    TableAlreadyExistsError,
    ValidationException,
)
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from tasks.contracts.errors import CatalogConflictError, CatalogError

_CONFLICTS = (
    CommitFailedException,
    CommitStateUnknownException,  # whether it was done shows when it is looked at again
    IntegrityError,
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationException,
)
_FAILURES = (RESTError, requests.RequestException, SQLAlchemyError, FileNotFoundError)
_LONGEST = 300


@contextlib.contextmanager
def translated(what: str, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Raise CatalogConflictError or CatalogError, naming `what`, for what a catalog raises."""
    try:
        yield
    except _CONFLICTS as error:
        raise CatalogConflictError(f"{what}: {_text(error, secrets)}") from None
    except OperationalError as error:
        locked = "database is locked" in str(error)
        kind = CatalogConflictError if locked else CatalogError
        raise kind(f"{what}: {_text(error, secrets)}") from None
    except _FAILURES as error:
        raise CatalogError(f"{what}: {_text(error, secrets)}") from None


def _text(error: Exception, secrets: Sequence[str]) -> str:
    cause = getattr(error, "orig", None) or error
    lines = str(cause).strip().splitlines()
    text = f"{type(cause).__name__}: {lines[0] if lines else 'no reason was given'}"
    for secret in secrets:
        text = text.replace(secret, "***") if secret else text
    return text[:_LONGEST]
