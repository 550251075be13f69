"""How object stores are reached: credentials, endpoints, and how long to be patient.

Belongs here: plain values, so that they can be made without loading a vendor's library. Does not
belong here: using them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import SecretStr


@dataclass(frozen=True)
class Patience:
    """How often and for how long a request is tried.

    Delays double from `first_delay` seconds to `longest_delay`, each shortened at random so that
    many clients do not come back at once. `timeout` is how many seconds a reply may be silent.
    """

    attempts: int = 6
    first_delay: float = 0.5
    longest_delay: float = 20
    timeout: float = 60


@dataclass(frozen=True)
class S3Access:
    """Key and endpoint of S3; what is None is found as AWS's own tools find it."""

    region: str | None = None
    endpoint: str | None = field(default=None, repr=False)
    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None


@dataclass(frozen=True)
class GcsAccess:
    """Key and endpoint of Google Cloud Storage.

    `credentials` is the JSON text of a service account's key; without one Google's default
    credentials are found.
    """

    endpoint: str | None = field(default=None, repr=False)
    credentials: SecretStr | None = None
