"""`astrocodec fits-compress`."""

from typing import Any

import click

from astrocodec.cli.bound_options import BOUND_NAMES, bound_arguments, bound_options
from astrocodec.cli.formats import FITS
from astrocodec.cli.names import compressed_name, is_fits_name
from astrocodec.cli.option_types import coding_options, extension_option, tile_shape
from astrocodec.cli.run_options import RunOptions, fits_options
from astrocodec.cli.sequence import beside_first
from astrocodec.cli.treating import treat_files

_WHOLE_IMAGE = (2**31 - 1, 2**31 - 1)  # larger than any; tiles are cut to the image


@click.command("fits-compress", context_settings={"show_default": False})
@click.argument("files", nargs=-1, required=True)
@fits_options
@click.option("-t", "--tile", metavar="NX,NY", type=tile_shape, help="Tile in FITS axis order, as in fpack.")
@click.option("-w", "--whole", is_flag=True, help="Each whole image is one tile.")
@extension_option("Compress this HDU only; repeat.")
@click.option(
    "--container",
    type=click.Choice(["zimage", "table"]),
    default="zimage",
    show_default=True,
    help="zimage: tile convention, astropy reads it as an image. table: a plain table, all FITS programs step over it.",
)
@coding_options("image", cost="about 50 kB an image")
@bound_options(asks_header=True)
@click.option(
    "--lossy",
    "quantize_level",
    metavar="Q",
    type=float,
    help="LOSSY, astropy's way: quantise floats in steps of noise/Q, with subtractive dither. Integers stay lossless.",
)
@click.option(
    "--reference", metavar="FILE[HDU]", help="Code images beside this file's, kept in astrocodec-references/."
)
@click.option("--sequence", is_flag=True, help="Code files of a directory with equal images beside the first of them.")
@click.option(
    "--original/--no-original",
    default=True,
    help="Keep what gives .fz files back (fits-decompress --to original); without, only their pixels and cards.",
)
@click.option("--embed-reference", is_flag=True, help="Put the reference into the file, where that is smaller.")
def fits_compress_command(
    files: tuple[str, ...],
    run: RunOptions,
    tile: tuple[int, ...] | None,
    whole: bool,
    extensions: tuple[int | str, ...],
    container: str,
    quantize_level: float | None,
    reference: str | None,
    sequence: bool,
    embed_reference: bool,
    original: bool,
    **coding: Any,
) -> None:
    """Compress the images of FITS FILES to NAME.ac.fits, without loss unless a bound or --lossy is given.

    FILES may be plain, .gz, .bz2 or .fz; patterns; directories with -r; '-' for stdin, which goes to stdout. Tables and
    headers are kept byte for byte. Every output is decoded and compared with its input before it gets its name. Files
    that are compressed already are skipped; -D and -F leave files as they are that would not become smaller.
    """
    if tile and whole:
        raise click.UsageError("-t and -w contradict each other; give one of them.")
    if quantize_level is not None and quantize_level <= 0:
        raise click.UsageError(f"--lossy {quantize_level:g}: Q must be positive; leave --lossy out for lossless.")
    if reference and sequence:
        raise click.UsageError("--reference and --sequence contradict each other; give one of them.")
    if embed_reference and not reference:
        raise click.UsageError("--embed-reference needs --reference FILE.")
    given = {name: coding.pop(name) for name in BOUND_NAMES}
    others = {
        "--lossy": quantize_level is not None,
        "--reference": reference is not None,
        "--sequence": sequence,
        "--codec": coding["codec"] != "causal",
    }
    options: dict[str, Any] = coding | bound_arguments(given, contradicts=others, asks_header=True)
    options |= {
        "container": container,
        "tile_shape": _WHOLE_IMAGE if whole else tile,
        "extensions": list(extensions) or None,
        "checksums": run.checksums,
    }
    if not original:
        options["original"] = False
    if quantize_level is not None:
        options |= {"quantize_level": quantize_level, "dither": "SUBTRACTIVE_DITHER_1"}
    if reference:
        options |= {"reference": reference, "embed_reference": embed_reference}
    arrange = beside_first if sequence else list
    treat_files(FITS, "compress", files, run, is_fits_name, compressed_name, options, arrange)
