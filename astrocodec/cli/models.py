"""`astrocodec models`: what is installed, and adding to it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from astrocodec.cli.exit_codes import ExitCode, worst
from astrocodec.cli.failures import Failure, explain
from astrocodec.cli.size_table import align
from astrocodec.cli.standard_streams import need_output

if TYPE_CHECKING:
    from astrocodec.model import InstalledModel, Model

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("models", invoke_without_command=True)
@_AS_JSON
@click.pass_context
def models_command(context: click.Context, as_json: bool) -> None:
    """List, show, check and add models. Without a command, list those that are installed.

    Models are looked for in the folders of $ASTROCODEC_MODELS, in the user's own folder, and in the package. Compressed
    files name them by their fingerprints.
    """
    if context.invoked_subcommand is None:
        raise click.exceptions.Exit(_list(as_json))


@models_command.command("list")
@_AS_JSON
def list_command(as_json: bool) -> None:
    """List the models that are installed."""
    raise click.exceptions.Exit(_list(as_json))


@models_command.command("show")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@_AS_JSON
def show_command(models: tuple[str, ...], as_json: bool) -> None:
    """Tell all about MODELs: names, fingerprints (8 digits may be enough) or files."""
    from astrocodec import load_model
    from astrocodec.model import installed_models

    need_output()
    rows, failures = [], []
    paths = {entry.model: entry.path for entry in reversed(installed_models()) if entry.model is not None}
    for name in models:
        try:
            model = load_model(name)
            rows.append(_facts(model.name, model, Path(name) if Path(name).is_file() else paths.get(model)))
        except Exception as error:  # becomes one line and an exit code
            failures.append(explain(error, name))
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            width = max(map(len, row))
            click.echo("".join(f"{key:{width}}  {'-' if value is None else value}\n" for key, value in row.items()))
    raise click.exceptions.Exit(_tell(failures))


@models_command.command("check")
def check_command() -> None:
    """Read every installed model, and code a frame with it; the exit code tells whether all of them work."""
    from astrocodec.model import installed_models

    need_output()
    failures = []
    for entry in installed_models():
        failure = _failure_of(entry)
        if failure is None:
            click.echo(f"{entry.path}: works")
        else:
            failures.append(failure)
    raise click.exceptions.Exit(_tell(failures))


@models_command.command("add")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def add_command(files: tuple[Path, ...]) -> None:
    """Put model FILES (*.acm) into the user's folder of models, where every command and program finds them."""
    failures = []
    for file in files:
        try:
            click.echo(f"{file}: {_add(file)}")
        except Exception as error:  # one bad file must not stop the others
            failures.append(explain(error, str(file)))
    raise click.exceptions.Exit(_tell(failures))


def _list(as_json: bool) -> ExitCode:
    from astrocodec.model import installed_models

    need_output()
    rows, failures = [], []
    for entry in installed_models():
        if entry.model is None:
            failures.append(Failure(f"{entry.path}: {entry.problem}", ExitCode.BAD_DATA))
            continue
        facts = _facts(entry.model.name, entry.model, entry.path)
        rows.append({key: facts[key] for key in ("name", "fingerprint", "bytes", "origin")})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(align(("name", "fingerprint", "bytes", "origin"), [tuple(map(str, row.values())) for row in rows]))
    return _tell(failures)


def _facts(name: str, model: "Model", path: Path | None) -> dict[str, Any]:
    """What there is to know of a model."""
    weights, knots = model.arrays(), model.knots()
    return {
        "name": name,
        "fingerprint": model.fingerprint,
        "kind": "general" if model.base is None else "tuned",
        "base": None if model.base is None else model.base.fingerprint,
        "neurons": weights.hidden,
        "shapes": f"{knots.shape[0]} x {knots.shape[1]}",
        "bytes": len(model.to_bytes()),
        "origin": "package" if model.is_shipped else str(path),
    }


def _failure_of(entry: "InstalledModel") -> Failure | None:
    """Why an installed model does not work, None where it does."""
    import numpy as np

    import astrocodec

    if entry.model is None:
        return Failure(f"{entry.path}: {entry.problem}", ExitCode.BAD_DATA)
    frame = np.random.default_rng(1).poisson(300, (64, 80)).astype(np.uint16)
    try:
        astrocodec.encode(frame, entry.model, verify=True)
    except Exception as error:  # becomes one line and an exit code
        return explain(error, str(entry.path))
    return None


def _add(file: Path) -> str:
    """Copy a model file under its name and fingerprint, and tell where it is."""
    from astrocodec import load_model
    from astrocodec.files.target import Target
    from astrocodec.model import Model, bytes_of_file
    from astrocodec.model_folders import user_folder

    data = bytes_of_file(file)
    model = Model.from_bytes(data, file.stem)
    if model == load_model("default"):
        return "is the package's own model"
    name = file.stem.removesuffix(f"-{model.fingerprint[:8]}")
    place = user_folder() / f"{name}-{model.fingerprint[:8]}.acm"
    if place.exists() and bytes_of_file(place) == data:
        return f"is there already, as {place}"
    place.parent.mkdir(parents=True, exist_ok=True)
    with Target(place, overwrite=False) as target:
        target.file.write(data)
        target.commit()
    return f"added as {place}"


def _tell(failures: Sequence[Failure]) -> ExitCode:
    """Print what went wrong, and give the exit code."""
    for failure in failures:
        click.echo(f"astrocodec: {failure.message}", err=True)
    return worst([failure.code for failure in failures])
