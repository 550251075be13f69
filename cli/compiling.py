"""The commands `compile` and `validate`: specifications and environments without a run.

Belongs here: their options and what they print. Does not belong here: merging and checking
(`tasks/compiling.py`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cli.options import Env, Json, Pipeline
from cli.output import console, note, print_json
from tasks.contracts.errors import ConfigurationError
from tasks.contracts.names import did_you_mean


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("compile")(compile_)
    app.command()(validate)


def compile_(
    pipeline: Pipeline,
    env: Env = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="File for the artifact, or a folder; else standard output."
        ),
    ] = None,
) -> None:
    """Merge a specification and an environment into one artifact, which runs can go by.

    The same files give the same bytes, whatever the variables of this process say. Secrets stay
    references. `run --artifact` and MEDALLION_ARTIFACT take it.

    [dim]medallion compile ecommerce --env prod --out artifacts/[/dim]
    """
    from blocks.settings import environment_name  # noqa: PLC0415
    from tasks.compiling import compile_artifact  # noqa: PLC0415 - it loads the engines
    from tasks.contracts.artifact import artifact_bytes  # noqa: PLC0415

    artifact = compile_artifact(pipeline, environment_name(env))
    document = artifact_bytes(artifact)
    if out is None:
        typer.echo(document, nl=False)
        return
    path = out / f"{artifact.name}.json" if out.is_dir() else out
    written = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        written.write_bytes(document)
        written.replace(path)
    except OSError as error:
        raise ConfigurationError(f"--out {out}: cannot be written ({error.strerror})") from None
    note(f"{path}: {artifact.name}, sha256 {artifact.sha256}")


def validate(
    pipeline: Annotated[
        str | None,
        typer.Argument(metavar="[PIPELINE]", help="Name of a pipeline; else all.", show_default=""),
    ] = None,
    spec: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A specification anywhere, in place of a pipeline's."),
    ] = None,
    env: Annotated[
        str | None, typer.Option("--env", metavar="NAME", help="An environment; else all.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check specifications and environments, and name every mistake with its path.

    Nothing is run, looked up or reached. The exit status is 2 if anything is wrong.

    [dim]medallion validate ecommerce --env prod[/dim]
    """
    from blocks.environment_files import DEPLOYMENTS_FOLDER  # noqa: PLC0415
    from tasks.compiling import mistakes  # noqa: PLC0415 - it loads the engines
    from tasks.specs import SPEC_FOLDER  # noqa: PLC0415

    if pipeline is not None and spec is not None:
        raise ConfigurationError("PIPELINE names a specification of the project, --spec one: which")
    known = sorted(path.stem for path in SPEC_FOLDER.glob("*.yml"))
    if pipeline is not None and pipeline not in known:
        raise ConfigurationError(f"no pipeline '{pipeline}'{did_you_mean(pipeline, known)}")
    pipelines = [pipeline] if pipeline is not None else [] if spec is not None else known
    stems = sorted(path.stem for path in DEPLOYMENTS_FOLDER.glob("*.yml"))
    environments = [env] if env is not None else stems
    files = [spec] if spec is not None else []
    found = mistakes(pipelines, environments, spec_files=files)
    checked = [f"{name}.yml" for name in pipelines] + [path.name for path in files]
    checked += [f"{name}.yml" for name in environments]
    if not checked:
        raise ConfigurationError(
            "there is no specification or environment here to check (an image holds what was "
            "compiled of them); call it in a checkout, or with --spec FILE"
        )
    if as_json:
        listed = [
            {"file": mistake.file, "path": mistake.path, "problem": mistake.problem}
            for mistake in found
        ]
        print_json({"valid": not found, "checked": checked, "problems": listed})
    else:
        for mistake in found:
            console().print(Text(str(mistake)), soft_wrap=True)
        if not found:
            console().print(Text(f"no mistake in {', '.join(checked)}"), soft_wrap=True)
    if found:
        raise typer.Exit(ConfigurationError.exit_status)
