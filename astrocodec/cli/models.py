"""`astrocodec models`."""

import json

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.size_table import align
from astrocodec.cli.standard_streams import need_output


@click.command("models")
@click.argument("files", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models_command(files: tuple[str, ...], as_json: bool) -> None:
    """List the installed models, and those in FILES (*.acm), with the fingerprints that compressed files name."""
    from astrocodec import list_models, load_model

    need_output()
    rows = []
    for name in [*list_models(), *files]:
        try:
            model = load_model(name)
        except Exception as error:  # becomes one line and an exit code
            failure = explain(error, name)
            click.echo(f"astrocodec: {failure.message}", err=True)
            raise click.exceptions.Exit(failure.code) from error
        origin = "shipped" if model.is_shipped else "file"
        rows.append({"name": name, "fingerprint": model.fingerprint, "bytes": len(model.to_bytes()), "origin": origin})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        click.echo(align(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows]))
    raise click.exceptions.Exit(ExitCode.OK)
