"""`astrocodec tune`."""

import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from astrocodec.cli.failures import end_with
from astrocodec.cli.inputs import find_inputs
from astrocodec.cli.names import is_compressed_name, is_compressible_name
from astrocodec.cli.outputs import check_model_output

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@click.command("tune")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "-O", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Model file (.acm)."
)
@click.option("--base", metavar="NAME|FILE", default="default", show_default=True, help="Model to start from.")
@click.option("--max-bytes", type=click.IntRange(64, 944), default=944, show_default=True, help="Largest difference.")
@click.option("--effort", type=click.IntRange(1, 9), default=5, show_default=True, help="Time to spend: 1 to 9.")
@click.option("-r", "--recursive", is_flag=True, help="Take the files in directories and below.")
@click.option("--overwrite", is_flag=True, help="Replace the model file where it exists.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only.")
def tune_command(
    files: tuple[str, ...],
    output: Path,
    base: str,
    max_bytes: int,
    effort: int,
    recursive: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Fit one model to all integer images of FITS FILES, for `fits-compress --model` and other programs."""
    from astrocodec import tune

    wanted = [entry.path for entry in find_inputs(files, _is_fits, recursive)]
    check_model_output(output, overwrite, [*wanted, Path(base)])
    current = str(output)
    try:
        images = []
        for path in wanted:
            current = str(path)
            images += list(_integer_images(path))
        if not images:
            raise click.UsageError("the files hold no integer image to tune on.")
        current = str(output)
        start = time.perf_counter()
        model = tune(images, base, max_bytes=max_bytes, effort=effort)
        seconds = time.perf_counter() - start
        model.save(output)
    except click.UsageError:
        raise
    except Exception as error:  # becomes one line and an exit code
        end_with(error, current)
    if not quiet:
        result = f"{model.name}, which was written, is the best" if model.is_shipped else f"{len(model.delta())} bytes"
        click.echo(f"{output}: model {model.fingerprint}, {result}, {len(images)} images, {seconds:.2f} s")


def _is_fits(path: Path) -> bool:
    """Whether a file found in a directory is FITS."""
    return is_compressible_name(path) or is_compressed_name(path)


def _integer_images(path: Path) -> Iterator["NDArray[np.integer[Any]]"]:
    """Yield the stored integers of a file's images: what the tiles of a compressed file hold."""
    import numpy as np
    from astropy.io import fits

    import fits_tiles  # lets astropy read files that are compressed already

    fits_tiles.info(path)  # says what is wrong with a damaged file, which astropy may read in part
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # cards of real headers; pixels do not depend on them
        with fits.open(path, do_not_scale_image_data=True) as hdus:
            for hdu in hdus:
                if hdu.is_image and hdu.data is not None and hdu.data.dtype.kind in "iu":
                    yield np.array(hdu.data)
