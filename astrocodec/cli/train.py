"""`astrocodec train`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import Failure, end, end_with
from astrocodec.cli.inputs import find_inputs
from astrocodec.cli.names import is_compressible_name, is_learnable_name
from astrocodec.cli.outputs import check_model_output, check_weights_output

_CODECS = ("causal", "idf", "pixelcnn", "l3c", "vdm")


@click.command("train")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-O", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Model or weights."
)
@click.option("--codec", type=click.Choice(_CODECS), default="causal", show_default=True, help="What to train.")
@click.option("--steps", type=click.IntRange(1), default=25_000, show_default=True, help="Optimiser steps.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of weights and sampling.")
@click.option("--hidden", type=click.IntRange(1), default=16, show_default=True, help="Width of hidden layers.")
@click.option("--batch", type=click.IntRange(1), help="Pixels, or patches, of a step.  [default: 3600, or 64 patches]")
@click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, help="Of a learned codec, such as size=small.")
@click.option("--symbols", type=click.Choice(["bytes", "words"]), help="Learned codecs: 2 x 8 bits or 16 bits a pixel.")
@click.option("--frames", type=click.IntRange(1, 8), help="Learned codecs: planes that are coded together.")
@click.option("--bare", is_flag=True, help="Learned codecs: do not take each patch's median off.")
@click.option("--planes", type=click.Choice(["auto", "residuals"]), help="Learned codecs: differences of planes.")
@click.option("--resume", is_flag=True, help="Learned codecs: go on with OUT.pt of a run that was stopped.")
@click.option("--stop-after", type=click.IntRange(1), metavar="N", help="Learned codecs: end after N steps.")
@click.option("--patience", type=click.IntRange(1), help="Learned codecs: judgements without a better one.")
@click.option("--exclude", metavar="GROUP", multiple=True, help="Leave this instrument out; repeat.")
@click.option("--device", default="cpu", show_default=True, help="Device of torch.")
@click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below.")
@click.option("--overwrite", is_flag=True, help="Replace the model file where it exists.")
def train_command(
    files: tuple[str, ...],
    output: Path,
    steps: int,
    seed: int,
    codec: str,
    hidden: int,
    batch: int | None,
    settings: tuple[str, ...],
    symbols: str | None,
    frames: int | None,
    bare: bool,
    planes: str | None,
    resume: bool,
    stop_after: int | None,
    patience: int | None,
    exclude: tuple[str, ...],
    device: str,
    recursive: bool,
    overwrite: bool,
) -> None:
    """Train a general model on the integer images of FITS FILES, with equal weight for each group of files.

    A file's group is named by a MANIFEST.csv beside it (columns `file` and `group`), otherwise it is its directory.

    With --codec a learned lossless codec: of FITS and HDF5 files 15 of 100 of each group are held back; beside the
    weights, which are the best on these, lies the curve, OUT.csv.
    """
    learned = {
        "--set": settings,
        "--symbols": symbols,
        "--frames": frames,
        "--bare": bare,
        "--planes": planes,
        "--resume": resume,
        "--stop-after": stop_after,
        "--patience": patience,
    }
    if codec != "causal":
        if exclude or hidden != 16:
            raise click.UsageError(f"--exclude and --hidden are of the causal codec, not of {codec}: leave them out")
        if output.suffix != ".safetensors":
            raise click.UsageError(f"{output}: weights of {codec} are a file NAME.safetensors")
        paths = [entry.path for entry in find_inputs(files, is_learnable_name, recursive)]
        check_weights_output(output, overwrite or resume, paths)
        _require_torch()
        _train_learned(codec, paths, output, steps, seed, batch, device, learned)
        return
    if given := [name for name, value in learned.items() if value]:
        raise click.UsageError(f"{', '.join(given)}: of learned codecs, which --codec names")
    paths = [entry.path for entry in find_inputs(files, is_compressible_name, recursive)]
    check_model_output(output, overwrite, paths)
    _require_torch()
    import fits_tiles
    from astrocodec.learning.training import train

    current = str(output)
    try:
        for path in paths:
            current = str(path)
            fits_tiles.info(path)  # says what is wrong with a damaged file
        current = str(output)
        train(
            paths,
            output,
            steps=steps,
            seed=seed,
            hidden=hidden,
            batch=batch or 3600,
            device=device,
            exclude=exclude,
            log=click.echo,
        )
    except Exception as error:  # becomes one line and an exit code
        if type(error) is ValueError:
            raise click.UsageError(str(error)) from error
        end_with(error, current)


def _train_learned(
    codec: str,
    paths: list[Path],
    output: Path,
    steps: int,
    seed: int,
    batch: int | None,
    device: str,
    given: Mapping[str, Any],
) -> None:
    """Train a learned lossless codec."""
    import fits_tiles
    from astrocodec.files.file_kind import file_kind
    from astrocodec.learning.train_lossless import train_lossless
    from astrocodec.lossless.pixel_format import PixelFormat

    if wrong := [setting for setting in given["--set"] if "=" not in setting]:
        raise click.UsageError(f"--set {wrong[0]}: NAME=VALUE is needed, such as size=small")
    current = str(output)
    try:
        for path in paths:
            current = str(path)
            if file_kind(path) != "HDF5":
                fits_tiles.info(path)  # says what is wrong with a damaged file
        current = str(output)
        made = train_lossless(
            codec,
            paths,
            output,
            steps=steps,
            seed=seed,
            form=PixelFormat(given["--symbols"] or "bytes", given["--frames"] or 1, not given["--bare"]),
            options=dict(setting.split("=", 1) for setting in given["--set"]),
            batch=batch or 64,
            planes=given["--planes"] or "auto",
            resume=given["--resume"],
            stop_after=given["--stop-after"],
            patience=given["--patience"] or 10,
            device=device,
            log=click.echo,
        )
    except Exception as error:  # becomes one line and an exit code
        if type(error) is ValueError:
            raise click.UsageError(str(error)) from error
        end_with(error, current)
    if made:
        click.echo(f"weights saved as {made}")


def _require_torch() -> None:
    """Say what to install where torch is missing."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        end(Failure("training needs torch: pip install astrocodec[torch]", ExitCode.NEEDS_INSTALL))
