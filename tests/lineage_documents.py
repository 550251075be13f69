"""Whether an OpenLineage event is one, as its authors say it.

Belongs here: checking documents. Does not belong here: what an event should tell.

Each document is validated against the official JSON schemas: the core, and the facets whose schemas
lie in `openlineage_schemas/`. It is also built anew by the classes that openlineage-python
generates of the schemas of all facets: they refuse what is missing, unknown or of no UUID or time.
A checkout of the specification in the folder that OPENLINEAGE_SPEC names (CI has one) adds the
schemas of the facets that no released package carries.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any

import attr
from jsonschema import Draft202012Validator, FormatChecker
from openlineage.client import generated
from openlineage.client.generated import base
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource

_SPEC = os.environ.get("OPENLINEAGE_SPEC")
_CORE = "/OpenLineage.json"
_VENDORED = Path(__file__).parent / "openlineage_schemas"
# Of our facets those that only the generated classes know, where there is no checkout.
ONLY_BY_CLASS = {
    "DataQualityAssertionsDatasetFacet",
    "DataQualityMetricsInputDatasetFacet",
    "DatasetVersionDatasetFacet",
    "DocumentationDatasetFacet",
    "DocumentationJobFacet",
    "JobTypeJobFacet",
    "NominalTimeRunFacet",
    "ParentRunFacet",
    "TagsRunFacet",
}


def check_event(document: dict[str, Any]) -> None:
    """Raise where `document` is no run event with facets of the specification."""
    rebuilt(document)
    validator().validate(document)
    for facet in facets_of(document):
        if _SPEC or facet["_schemaURL"].rpartition("/")[2] not in ONLY_BY_CLASS:
            validator(facet["_schemaURL"]).validate(facet)


def rebuilt(document: dict[str, Any]) -> base.RunEvent:
    """Return the event as the official classes take it."""
    assert document["schemaURL"] == base.RunEvent._get_schema()
    for facet in facets_of(document):
        _facet(facet)
    return base.RunEvent(
        eventTime=document["eventTime"],
        eventType=base.EventType(document["eventType"]),
        producer=_uri(document["producer"]),
        run=base.Run(document["run"]["runId"]),
        job=base.Job(document["job"]["namespace"], document["job"]["name"]),
        inputs=[base.InputDataset(d["namespace"], d["name"]) for d in document["inputs"]],
        outputs=[base.OutputDataset(d["namespace"], d["name"]) for d in document["outputs"]],
    )


def facets_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all facets of an event."""
    holders = [document["run"]["facets"], document["job"]["facets"]]
    for dataset in [*document["inputs"], *document["outputs"]]:
        holders += [dataset.get(k, {}) for k in ("facets", "inputFacets", "outputFacets")]
    return [facet for holder in holders for facet in holder.values()]


def _facet(facet: dict[str, Any]) -> None:
    _uri(facet["_producer"])
    kind = _classes()[facet["_schemaURL"]]
    rest = {k: v for k, v in facet.items() if k not in ("_producer", "_schemaURL")}
    _build(kind, rest)


def _build(kind: Any, content: dict[str, Any]) -> None:
    """Build `kind` of `content`, and what is inside of the classes of the same module."""
    fields = attr.fields_dict(kind)
    assert set(content) <= set(fields), (kind.__name__, set(content) - set(fields))
    kind(**content)
    module = importlib.import_module(kind.__module__)
    for name, value in content.items():
        inner = [n for n in re.findall(r"\w+", str(fields[name].type)) if hasattr(module, n)]
        classes = [getattr(module, n) for n in inner if attr.has(getattr(module, n))]
        if not classes:
            continue
        items = value if isinstance(value, list) else [value]
        if isinstance(value, dict) and "dict[str" in str(fields[name].type):
            items = list(value.values())
        for item in items:
            _build(classes[0], item)


@cache
def _classes() -> dict[str, Any]:
    names = [found.name for found in pkgutil.iter_modules(generated.__path__)]
    modules = [importlib.import_module(f"{generated.__name__}.{name}") for name in names]
    found = [c for module in modules for c in vars(module).values() if isinstance(c, type)]
    return {c._get_schema(): c for c in found if hasattr(c, "_get_schema")}


def _uri(text: str) -> str:
    assert re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", text), text
    return text


@cache
def validator(url: str = base.RunEvent._get_schema()) -> Draft202012Validator:
    """Return the validator of an official schema; a schema that is not there is an error."""
    paths = [*_VENDORED.glob("*.json"), *(Path(_SPEC).rglob("*.json") if _SPEC else ())]
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(paths)]
    schemas = {d["$id"]: d for d in documents if isinstance(d, dict) and "$schema" in d}

    def core(uri: str) -> Resource[Any]:
        """A facet may refer to an earlier version of the core, which we have once."""
        if not uri.endswith(_CORE):
            raise NoSuchResource(ref=uri)
        (found,) = (schema for identity, schema in schemas.items() if identity.endswith(_CORE))
        return Resource.from_contents(found)

    known = [(identity, Resource.from_contents(schema)) for identity, schema in schemas.items()]
    registry: Registry[Any] = Registry(retrieve=core).with_resources(known)  # type: ignore[call-arg]
    return Draft202012Validator({"$ref": url}, registry=registry, format_checker=FormatChecker())
