"""``astrocodec simulate``: write simulated frames, a ramp, epochs of a field, a radio image or visibilities."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from click.core import ParameterSource

from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.failures import end_with
from astrocodec.cli.outputs import check_output
from astrocodec.cli.simulated_cubes import epoch_cube, ramp_cube, write_cube
from astrocodec.cli.simulated_visibilities import write_observation
from astrocodec.files.target import Target
from astrocodec.simulate import PRESETS, Preset, configure, observe
from astrocodec.simulate.layouts import NAMES
from astrocodec.simulate.radio_sky import KINDS, simulate_radio
from astrocodec.simulate.read_patterns import READ_PATTERNS
from astrocodec.simulate.sky import MAX_PIXELS
from astrocodec.simulate.visibilities import VisibilitySettings

if TYPE_CHECKING:
    from astropy.io.fits import HDUList, Header


def frame_shape(value: str) -> tuple[int, int]:
    """Parse ``NYxNX``, rows and columns; `click.BadParameter` for anything else."""
    rows, _, columns = value.lower().partition("x")
    if not (rows.isdecimal() and columns.isdecimal()):
        raise click.BadParameter(f"{value!r} is no shape; give rows, x, columns, such as 1024x1088")
    return int(rows), int(columns)


class RefusalError(click.ClickException):
    """A request that cannot be granted as it stands."""

    exit_code = ExitCode.USAGE


def _seed(seed: int, extension: int) -> int:
    """Seed of an extension: the first has the seed given, the others independent ones that their headers record."""
    return seed if extension == 0 else int(np.random.SeedSequence([seed, extension]).generate_state(1)[0])


def _image(preset: Preset, seed: int, planes: int | None) -> "tuple[np.ndarray[Any, Any], Header]":
    """Return pixels, [y, x] or [plane, y, x], and the header of the first exposure."""
    frame = observe(preset, seed=seed)
    if planes is None:
        return frame.data, frame.header()
    cube = np.empty((planes, *preset.shape), frame.data.dtype)
    cube[0] = frame.data
    for exposure in range(1, planes):
        cube[exposure] = observe(preset, seed=seed, exposure=exposure).data
    header = frame.header()
    header["HISTORY"] = "Planes are exposures of one scene, numbered from SIMEXPOS on."
    return cube, header


def _hdus(preset: Preset, seed: int, extensions: int, planes: int | None, changes: dict[str, Any]) -> "HDUList":
    from astropy.io import fits

    if extensions == 0:
        return fits.HDUList([fits.PrimaryHDU(*_image(preset, seed, planes))])
    hdus = fits.HDUList([fits.PrimaryHDU()])
    for extension in range(extensions):
        chip = configure(preset.name, **changes, serial=extension)
        data, header = _image(chip, _seed(seed, extension), planes)
        hdus.append(fits.ImageHDU(data, header, name=f"CHIP{extension + 1}"))
    return hdus


# Options that only one kind of file has; all kinds have the others.
_OPTIONS = {
    "frame": (
        "preset", "exptime", "bits", "uneven_codes", "left_justify", "bayer", "arc", "dtype", "extensions", "planes",
    ),
    "ramp": ("ramp", "groups", "integrations"),
    "epochs": ("epochs", "filters"),
    "radio": ("radio",),
    "visibilities": ("visibilities", "stations", "times", "channels"),
}  # fmt: skip


def _kind(context: click.Context) -> str:
    """What the options ask for; `RefusalError` for options of two kinds."""
    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    kind = next((kind for kind in tuple(_OPTIONS)[1:] if kind in given), "frame")
    if kind == "visibilities" and "shape" in given:
        raise RefusalError("--shape is of images, not of --visibilities; give --stations, --times and --channels")
    for name in given:
        other = next((other for other in _OPTIONS if name in _OPTIONS[other]), kind)
        if other != kind:
            plural = {"frame": "frames", "ramp": "ramps", "radio": "radio images"}.get(other, other)
            fault = f"goes with {plural}, not with --{kind}" if kind != "frame" else f"needs --{other}"
            raise RefusalError(f"--{name.replace('_', '-')} {fault}; leave it out or see the command's --help")
    return kind


def _frames(preset: str, seed: int, extensions: int, planes: int | None, changes: dict[str, Any]) -> "HDUList":
    """Frames as they are given: one, a cube of exposures, several extensions."""
    settings = configure(preset, **changes)
    pixels = settings.shape[0] * settings.shape[1] * (planes or 1) * max(extensions, 1)
    if pixels > MAX_PIXELS:
        raise ValueError(f"the file has {pixels} pixels; allowed are {MAX_PIXELS}. Give a smaller shape or count.")
    return _hdus(settings, seed, extensions, planes, changes)


def _radio(kind: str, seed: int, shape: dict[str, tuple[int, int]]) -> "HDUList":
    """A radio image, and behind it the sky without noise."""
    from astropy.io import fits

    image = simulate_radio(kind, seed=seed, **shape)
    header = image.header()
    truth = header.copy()
    truth["NOISE"], truth["SIMKIND"] = 0.0, "sky"
    return fits.HDUList([fits.PrimaryHDU(image.data, header), fits.ImageHDU(image.sky, truth, name="SKY")])


def _write(hdus: "HDUList", target: Path) -> None:
    """Write the file; no reader and no power cut ever sees half of it."""
    with Target(target, overwrite=True) as out:
        try:
            hdus.writeto(out.file)
        except AttributeError as error:
            if not isinstance(error.__context__, OSError):
                raise
            # astropy stumbles over what it wants to say of a full disk, and NumPy keeps the system's reason to itself.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
        out.commit()


@click.command("simulate", epilog="Presets: " + "; ".join(f"{p.name}: {p.summary}" for p in PRESETS.values()) + ".")
@click.argument("out", type=click.Path(path_type=Path), metavar="OUT.fits")
@click.option("--preset", type=click.Choice(list(PRESETS)), default="ccd", show_default=True, help="What to simulate.")
@click.option("--shape", type=frame_shape, metavar="NYxNX", help="Rows x columns of a frame, overscan included.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Scene and noise.")
@click.option("--exptime", type=float, metavar="S", help="Exposure time in seconds.")
@click.option("--bits", type=click.IntRange(12, 16), help="Resolution of the converter.")
@click.option("--uneven-codes", is_flag=True, help="Code widths that vary with code modulo 4.")
@click.option("--left-justify", is_flag=True, help="Shift the codes to the upper end of 16 bits.")
@click.option("--bayer", is_flag=True, help="RGGB colour filters.")
@click.option("--arc", is_flag=True, help="A calibration lamp (preset spectrum).")
@click.option("--dtype", type=click.Choice(["uint16", "int16", "int32"]), help="Type of the pixels.")
@click.option("--extensions", type=click.IntRange(0, 1000), default=0, help="Image extensions after an empty primary.")
@click.option("--planes", type=click.IntRange(1, 10_000), help="Exposures of one scene, in a cube.")
@click.option("--ramp", type=click.Choice(list(READ_PATTERNS)), help="Up-the-ramp reads in this pattern, as a cube.")
@click.option("--groups", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Groups of a ramp.")
@click.option(
    "--integrations", type=click.IntRange(1, 100_000), default=1, show_default=True, help="Ramps, each reset."
)
@click.option("--epochs", type=click.IntRange(1, 100_000), help="Epochs of one field, as a cube.")
@click.option("--filters", default="r", show_default=True, help="Filters of the epochs, letters of ugriz.")
@click.option("--radio", type=click.Choice(KINDS), help="A radio image in Jy/beam, and its sky as an extension.")
@click.option("--visibilities", type=click.Choice(NAMES), help="Visibilities, to .ms, .uvh5, .uvfits or .npz.")
@click.option("--stations", type=click.IntRange(2, 512), help="First stations of the array.  [default: all]")
@click.option("--times", type=click.IntRange(1, 10_000_000), default=10, show_default=True, help="Integrations.")
@click.option("--channels", type=click.IntRange(1, 1_000_000), default=64, show_default=True, help="Channels.")
@click.option("--overwrite", is_flag=True, help="Replace OUT.fits if it exists.")
@click.pass_context
def simulate_command(
    context: click.Context, /, out: Path, preset: str, seed: int, extensions: int, planes: int | None, ramp: str | None,
    groups: int, integrations: int, epochs: int | None, filters: str, radio: str | None, visibilities: str | None,
    stations: int | None, times: int, channels: int, overwrite: bool, **changes: Any,
) -> None:  # fmt: skip
    """Write simulated detector frames to OUT.fits, or with --ramp, --epochs, --radio or --visibilities other data.

    The header holds the true gain, read noise and sky, so that a measurement on the file can be checked.
    """
    check_output(out, overwrite)
    kind = _kind(context)
    shape = {} if changes["shape"] is None else {"shape": changes["shape"]}
    try:
        if kind == "visibilities":
            settings = VisibilitySettings(str(visibilities), stations, times, channels, seed=seed)
            write_observation(settings, out, overwrite)
            return
        if kind == "ramp":
            cube = ramp_cube(str(ramp), seed, groups=groups, integrations=integrations, **shape)
        elif kind == "epochs":
            cube = epoch_cube(filters, seed, epochs=epochs, **shape)
        elif kind == "radio":
            hdus = _radio(str(radio), seed, shape)
        else:
            hdus = _frames(preset, seed, extensions, planes, changes)
    except (ValueError, ImportError) as error:
        raise RefusalError(str(error)) from None
    except OSError as error:
        end_with(error, str(out))
    try:
        if kind in ("ramp", "epochs"):
            write_cube(cube, out)
        else:
            _write(hdus, out)
    except OSError as error:
        end_with(error, str(out))
