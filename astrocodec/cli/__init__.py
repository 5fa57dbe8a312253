"""Command line: one file per command, imported when it is used."""

import importlib
import sys
import traceback
from collections.abc import Sequence

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import explain
from astrocodec.cli.standard_streams import tell_loss, usable_streams
from astrocodec.cli.version import version_option
from astrocodec.files.interruption import Interrupted, ignore_signals, raise_on_signals
from astrocodec.files.printable import one_line
from astrocodec.files.target import discard_unfinished

# Command to module, attribute and the line of the overview, which must not cost the import of every command.
_COMMANDS = {
    "fits-compress": ("fits_compress", "fits_compress_command", "Compress the images of FITS files."),
    "fits-decompress": ("fits_decompress", "fits_decompress_command", "Give back the original FITS files."),
    "h5-compress": ("h5_compress", "h5_compress_command", "Compress the datasets of an HDF5 file."),
    "h5-decompress": ("h5_decompress", "h5_decompress_command", "Make an HDF5 file that needs no plugin."),
    "vis-compress": ("vis_compress", "vis_compress_command", "Compress visibilities: Measurement Sets, uvh5, uvfits."),
    "vis-decompress": ("vis_decompress", "vis_decompress_command", "Give Measurement Sets and uvh5 files back."),
    "plugin-path": ("plugin_path", "plugin_path_command", "Print the directory of the HDF5 plugin."),
    "info": ("info", "info_command", "List what FITS and HDF5 files hold and how it is compressed."),
    "verify": ("verify", "verify_command", "Check a compressed file, alone or against its original."),
    "analyze": ("analyze", "analyze_command", "Tell how much of files is noise and where the bits go."),
    "compare": ("compare", "compare_command", "Tell how two images differ, and whether it matters."),
    "bench": ("bench", "bench_command", "Measure lossy codecs, ours and others, on your images."),
    "models": ("models", "models_command", "List the models that are installed."),
    "tune": ("tune", "tune_command", "Fit a model to FITS files."),
    "train": ("train", "train_command", "Train a general model (needs torch)."),
    "simulate": ("simulate", "simulate_command", "Make a FITS frame as a camera would."),
}
_WHOLE = "inputs are whole, unfinished outputs were removed"


class LazyGroup(click.Group):
    """A group that imports a command when it runs, so that ``--help`` and ``--version`` are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of a newcomer's needs."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute, _ = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(f"astrocodec.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, _, summary) in _COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "-H", "--help"]})
@version_option
def cli() -> None:
    """Learned lossless compression for astronomy.

    Exit codes: 0 done; 2 wrong command line; 3 not FITS or HDF5, truncated or corrupt; 4 a model or package is missing;
    5 the output exists; 6 the system refused (space, permission, memory); 7 verification found a difference; 1 several
    files failed for different reasons; 70 internal error; 129, 130 and 143 ended by SIGHUP, Ctrl-C and
    SIGTERM, 138, 140 and 152 by what batch systems send.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line, by default with the arguments of the process, and exit."""
    with usable_streams():
        try:
            raise_on_signals()
            code = _run(arguments)
        except Interrupted as error:
            discard_unfinished()
            click.echo(f"astrocodec: ended by {error.signal.name}; {_WHOLE}", err=True)
            code = int(str(error.code))
        ignore_signals()
        code = tell_loss(code)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    """Run a command; give the exit code."""
    try:
        result = cli.main(arguments, prog_name="astrocodec", standalone_mode=False)
        return result if isinstance(result, int) else ExitCode.OK
    except click.ClickException as error:
        error.message = one_line(error.message)  # type: ignore[misc]  # names may hold anything
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo(f"astrocodec: interrupted; {_WHOLE}", err=True)
        return ExitCode.INTERRUPTED
    except Exception as error:  # of the command as a whole; what befalls single files is told with their names
        failure = explain(error, "astrocodec")
        click.echo(failure.message, err=True)
        if failure.code == ExitCode.INTERNAL and {"-v", "--verbose"}.intersection(arguments or sys.argv):
            click.echo(traceback.format_exc(), err=True)
        return failure.code
