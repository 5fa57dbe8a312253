"""The option that prints the version, of the program and of every command that has fpack's habits."""

import click

from astrocodec.cli.standard_streams import need_output


def _print_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Print the installed version."""
    if not value or ctx.resilient_parsing:
        return
    need_output()
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"astrocodec {version('astrocodec')}")
    except PackageNotFoundError:
        click.echo("astrocodec, version unknown: it runs from its source tree; pip install . records one")
    ctx.exit()


version_option = click.option(
    "-V",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
