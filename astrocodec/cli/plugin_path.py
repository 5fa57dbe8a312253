"""`astrocodec plugin-path`."""

import click

from astrocodec.cli.standard_streams import need_output


@click.command("plugin-path")
def plugin_path_command() -> None:
    """Print the directory of the HDF5 plugin.

    For programs other than those that import hdf5_filter: export HDF5_PLUGIN_PATH=$(astrocodec plugin-path).
    """
    from astrocodec._native.chunk import library_path

    need_output()
    click.echo(library_path().parent)
