"""`astrocodec fits-decompress`."""

from pathlib import Path
from typing import Any

import click

from astrocodec.cli.formats import FITS
from astrocodec.cli.names import is_unpacked_fits_name, stem
from astrocodec.cli.option_types import extension_list
from astrocodec.cli.run_options import RunOptions, fits_options
from astrocodec.cli.treating import treat_files

# Tiles of the FITS standard get the suffix by which funpack knows them; so does what was such a file.
_SUFFIXES = {"image": ".fits", "original": ".fits.fz", "rice": ".fits.fz", "gzip2": ".fits.fz"}


@click.command("fits-decompress")
@click.argument("files", nargs=-1, required=True)
@fits_options
@click.option(
    "--to",
    type=click.Choice(list(_SUFFIXES)),
    default="image",
    show_default=True,
    help="image: plain images, as they were. original: of a file of fpack or the like, that very file. "
    "rice, gzip2: tiles of the FITS standard, for programs without astrocodec.",
)
@click.option(
    "-E",
    "--extensions",
    metavar="LIST",
    type=extension_list,
    help="Numbers or names of HDUs, with commas; the others stay.",
)
@click.option("-P", "--prefix", default="", help="Put this before the output's name.")
@click.option(
    "--edited",
    is_flag=True,
    help="Take what other programs changed in the file since as it is now, where it cannot be told from damage.",
)
@click.option(
    "--variance-hdu",
    is_flag=True,
    help="Append images of the variance that a lossy compression within a bound added to each pixel.",
)
@click.option("--reference", metavar="FILE[HDU]", help="A file with what images were coded beside, if it is lost.")
def fits_decompress_command(
    files: tuple[str, ...],
    run: RunOptions,
    to: str,
    extensions: list[int | str] | None,
    prefix: str,
    edited: bool,
    variance_hdu: bool,
    reference: str | None,
) -> None:
    """Give back the FITS files that were compressed to FILES, as NAME.fits, standard tiles as NAME.fits.fz.

    Pixels, types and header cards are those of the original. FILES may be patterns; directories with -r; '-' for stdin,
    which goes to stdout.
    """

    def name_output(path: Path) -> str:
        name = prefix + stem(path)
        becomes_plain = to == "original" and not _is_for_original(path, (run.outdir or path.parent) / name)
        return name + _SUFFIXES["image" if becomes_plain else to]

    def _is_for_original(path: Path, output: Path) -> bool:
        from fits_tiles.files.check import keeps_tiles

        if not path.exists():  # an earlier run deleted it, and what it wrote then tells
            return Path(f"{output}{_SUFFIXES['original']}").exists()
        return keeps_tiles(path, edited=edited)

    options: dict[str, Any] = {"to": to, "extensions": extensions, "checksums": run.checksums, "edited": edited}
    if variance_hdu and to != "image":
        raise click.UsageError(f"--variance-hdu and --to {to} contradict each other; give one of them.")
    if variance_hdu:
        options["variance_hdu"] = True
    if reference:
        options["reference"] = reference
    treat_files(FITS, "decompress", files, run, is_unpacked_fits_name, name_output, options)
