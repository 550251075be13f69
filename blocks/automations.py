"""Automations of an environment: what files say, saved in the Prefect API where it differs.

Belongs here: reading `deployments/automations/*.yml`, looking up what they refer to, comparing and
saving. Does not belong here: which events there are (`tasks/quality_events.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, Literal

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from pydantic import ValidationError

from blocks.environment_files import DEPLOYMENTS_FOLDER
from blocks.secrets import written_secrets
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean

AUTOMATIONS_FOLDER = DEPLOYMENTS_FOLDER / "automations"
# The owner is the API's to say.
_COMPARED = set(AutomationCore.model_fields) - {"owner_resource"}
_KEYS = ("name", "description", "enabled", "environments", "trigger", "actions")


@dataclass(frozen=True)
class AutomationChange:
    """What applying does to one automation; `fields` are the names of those that differ."""

    name: str
    status: Literal["created", "changed", "unchanged"]
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Document:
    """What a file says of an automation for one environment, references not looked up yet."""

    path: Path
    content: dict[str, Any]


def apply_automations(
    environment: str,
    *,
    prefix: str,
    dry_run: bool = False,
    folder: Path = AUTOMATIONS_FOLDER,
) -> list[AutomationChange]:
    """Save the automations of `environment` that differ from the files; with `dry_run` save none.

    `prefix` is what the resources of the environment begin with. Raises ConfigurationError when a
    file is wrong, or refers to a block or deployment that is not there; nothing is saved then.
    """
    documents = read_automations(environment, prefix=prefix, folder=folder)
    with get_client(sync_client=True) as client:
        wanted = [_automation(client, document) for document in documents]
        return [_apply(client, automation, dry_run) for automation in wanted]


def read_automations(
    environment: str, *, prefix: str, folder: Path = AUTOMATIONS_FOLDER
) -> list[_Document]:
    """Return the automations that are for `environment`, in the order of their files.

    `${environment}` and `${prefix}` in a text are replaced; `{{ … }}` is Prefect's to fill in.
    Raises ConfigurationError.
    """
    known = {"environment": environment, "prefix": prefix}
    found = []
    for path in sorted(folder.glob("*.yml")):
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise ConfigurationError(f"{path}: cannot be read ({error})") from error
        if not isinstance(content, dict):
            raise ConfigurationError(f"{path}: is no automation; see the others beside it")
        for key in content:
            if key not in _KEYS:
                raise ConfigurationError(f"{path}: no key '{key}'{did_you_mean(key, _KEYS)}")
        for secret in written_secrets(content):
            raise ConfigurationError(f"{path}: {secret} is written out; refer to a block instead")
        if _is_for(content, environment):
            content["actions"] = [a for a in content.get("actions", ()) if _is_for(a, environment)]
            found.append(_Document(path, _filled_in(path, content, known)))
    return found


def _is_for(entry: dict[str, Any], environment: str) -> bool:
    environments = entry.pop("environments", None)
    return environments is None or environment in environments


def _filled_in(path: Path, value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        try:
            return Template(value).substitute(known)
        except (KeyError, ValueError) as error:
            raise ConfigurationError(
                f"{path}: {value!r}: only ${{{'}, ${'.join(known)}}} are replaced; $$ is a dollar"
            ) from error
    if isinstance(value, dict):
        return {key: _filled_in(path, item, known) for key, item in value.items()}
    return [_filled_in(path, item, known) for item in value] if isinstance(value, list) else value


def _automation(client: SyncPrefectClient, document: _Document) -> AutomationCore:
    content = dict(document.content)
    content["actions"] = [_looked_up(client, document.path, a) for a in content["actions"]]
    try:
        automation = AutomationCore.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{document.path}: {field}: {first['msg']}") from error
    # The client leaves out what a model was not told, the type of a trigger too: tell it all.
    return AutomationCore.model_validate(automation.model_dump(mode="json", include=_COMPARED))


def _looked_up(client: SyncPrefectClient, path: Path, action: dict[str, Any]) -> dict[str, Any]:
    """Replace the names of a block and a deployment by their ids."""
    found = dict(action)
    if "block" in found:
        reference = str(found.pop("block"))
        slug, _, name = reference.partition("/")
        try:
            block = client.read_block_document_by_name(name, slug, include_secrets=False)
        except ObjectNotFound as error:
            raise ConfigurationError(
                f"{path}: there is no block {reference}; create it in the user interface or with "
                f"`prefect block create {slug}`, or name another"
            ) from error
        found["block_document_id"] = str(block.id)
    if "deployment" in found:
        reference = str(found.pop("deployment"))
        try:
            deployment = client.read_deployment_by_name(reference)
        except (ObjectNotFound, ValueError) as error:
            raise ConfigurationError(
                f"{path}: there is no deployment {reference}; deploy first, or name another"
            ) from error
        found["deployment_id"] = str(deployment.id)
    return found


def _apply(client: SyncPrefectClient, wanted: AutomationCore, dry_run: bool) -> AutomationChange:
    saved = client.read_automations_by_name(wanted.name)
    if not saved:
        if not dry_run:
            client.create_automation(wanted)
        return AutomationChange(wanted.name, "created", tuple(sorted(_COMPARED)))
    differing = tuple(
        sorted(
            field
            for field in _COMPARED
            if _plain(getattr(wanted, field)) != _plain(getattr(saved[0], field))
        )
    )
    if differing and not dry_run:
        client.update_automation(saved[0].id, wanted)
    return AutomationChange(wanted.name, "changed" if differing else "unchanged", differing)


def _plain(value: Any) -> Any:
    """`value` in the types of JSON; sets have no order, and saving gives parts ids."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key != "id"}
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(item) for item in value]
        return sorted(items) if all(isinstance(item, str) for item in items) else items
    return value
