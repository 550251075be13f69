"""What the commands that run flows in this process have in common.

Belongs here: refusing a wrong call before anything starts, starting and loading engines early, and
where a run's log lies. Does not belong here: options, and what a flow returns.
"""

from __future__ import annotations

from pathlib import Path

from tasks.contracts.errors import ConfigurationError


def check_call(
    pipeline: str,
    env: str | None,
    lake: Path | None,
    gates: str | None,
    source: Path | None,
    bronze: Path | None,
    memory_limit: str | None = None,
) -> None:
    """Refuse a wrong call before anything is started."""
    from blocks.lake_places import check_url, is_url  # noqa: PLC0415
    from blocks.settings import load_settings  # noqa: PLC0415
    from tasks.specs import load_spec  # noqa: PLC0415

    load_spec(pipeline)
    load_settings(env, lake_root=lake, gates=gates, memory_limit=memory_limit)
    for option, path in (("--source", source), ("--bronze", bronze)):
        if path is not None and is_url(path):
            check_url(option, path)
        elif path is not None and not path.exists():
            raise ConfigurationError(f"{option} {path}: no such file or folder")
    if source is not None and bronze is not None:
        raise ConfigurationError("--source lands files, --bronze reads them in place: give one")


def pipeline_to_run(pipeline: str | None, artifact: Path | None) -> str:
    """Return the pipeline that is meant; with an `artifact` this process runs from that.

    Raises ConfigurationError if it is not said, ArtifactError for an artifact of another pipeline.
    """
    from blocks.artifact_files import artifacts_at, choose_artifact  # noqa: PLC0415

    if artifact is None:
        if pipeline is None:
            raise ConfigurationError("name a pipeline, or an artifact with --artifact")
        return pipeline
    if artifact.is_dir():
        raise ConfigurationError(f"--artifact {artifact}: is a folder; name the file in it")
    choose_artifact(artifact.absolute())
    (found,) = artifacts_at(artifact.absolute())
    return pipeline or found.pipeline


def warm_dbt_up(pipeline: str, env: str | None, lake: Path | None) -> None:
    """Let dbt's process parse the project while this one starts Prefect and reads bronze."""
    from blocks.settings import load_settings  # noqa: PLC0415
    from tasks.dbt_runs import warm_up  # noqa: PLC0415
    from tasks.specs import load_spec  # noqa: PLC0415

    warm_up(load_settings(env, lake_root=lake).lake().dbt_cache, load_spec(pipeline))


def load_transforms(pipeline: str) -> None:
    """Load the engines of the transforms while the API starts."""
    import tasks.contracts.silver_schema  # noqa: F401, PLC0415 - it loads pandera
    from tasks.enrichment import check_transform  # noqa: PLC0415
    from tasks.specs import load_spec  # noqa: PLC0415

    for transform in load_spec(pipeline).transforms:
        check_transform(transform)


def log_file(env: str | None, lake: Path | None, pipeline: str) -> Path:
    """Return where the runs of `pipeline` that the command line starts are logged."""
    from blocks.settings import load_settings  # noqa: PLC0415

    opened, key = load_settings(env, lake_root=lake).lake(), f"{pipeline}/logs/runs.jsonl"
    return opened.control.local_path(key) or opened.own_scratch() / key


def absolute_text(path: Path | None) -> str | None:
    """Return a path or URL as flows take it: workers may run in another folder."""
    from blocks.lake_places import root_text  # noqa: PLC0415

    if path is None:
        return None
    text = root_text(path)
    return text if "://" in text else str(path.absolute())
