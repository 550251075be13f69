"""pyiceberg's REST catalog, which gives a server up that is silent.

Belongs here: how long a reply is waited for, tokens included. Does not belong here: which server,
and who asks (`opening.py`).
"""

from __future__ import annotations

import time
from typing import Any

import requests
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.rest.auth import OAuth2AuthManager, OAuth2TokenProvider
from requests.adapters import HTTPAdapter

PATIENCE_SECONDS = 30
# A token's life where the server does not say it.
_TOKEN_SECONDS = 300


def oauth2(client_id: str, client_secret: str, token_url: str, scope: str) -> dict[str, Any]:
    """Return the property `auth` of a catalog whose tokens come from `token_url`."""
    client = {
        "client_id": client_id,
        "client_secret": client_secret,
        "token_url": token_url,
        "scope": scope,
        "expires_in": _TOKEN_SECONDS,
    }
    implementation = f"{PatientTokens.__module__}.{PatientTokens.__name__}"
    return {"type": "custom", "impl": implementation, "custom": client}


class PatientRest(RestCatalog):
    """A catalog none of whose requests is waited for for ever."""

    def _create_session(self) -> requests.Session:
        return _patient(super()._create_session())


class PatientTokens(OAuth2AuthManager):
    """Client credentials of OAuth2, as pyiceberg asks for them, but for the waiting."""

    def __init__(self, **client: Any) -> None:
        super().__init__(**client)
        self.token_provider = _Provider(**client)


class _Provider(OAuth2TokenProvider):
    def _refresh_token(self) -> None:
        # pyiceberg asks by `requests.post`, which waits for as long as the server likes.
        with _patient(requests.Session()) as session:
            reply = session.post(
                self.token_url,
                data={"grant_type": "client_credentials", "scope": self.scope or ""},
                auth=(self.client_id, self.client_secret),
            )
        reply.raise_for_status()
        told = reply.json()
        if "access_token" not in told:
            raise requests.RequestException(f"{self.token_url} gave no token")
        lasts = told.get("expires_in") or self.expires_in or _TOKEN_SECONDS
        self._token = told["access_token"]
        self._expires_at = int(time.monotonic()) + lasts - self.refresh_margin  # its own clock


def _patient(session: requests.Session) -> requests.Session:
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Patient())
    return session


class _Patient(HTTPAdapter):
    def send(self, *arguments: Any, **options: Any) -> requests.Response:
        options["timeout"] = options.get("timeout") or PATIENCE_SECONDS
        return super().send(*arguments, **options)
