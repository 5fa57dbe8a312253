"""Compress every FITS file of a directory, then give one of them back and compare it byte for byte.

python examples/compress_directory.py [DIRECTORY]

Without DIRECTORY, simulated frames in a temporary one. From the shell: astrocodec fits-compress -j 2 -r DIRECTORY
"""

import sys
import tempfile
from pathlib import Path

from astropy.io import fits

import fits_tiles
from astrocodec.simulate import simulate


def simulate_night(folder: Path) -> None:
    """Write a few frames of different kinds."""
    for seed, preset in enumerate(("bias", "flat", "ccd", "spectrum")):
        frame = simulate(preset, shape=(512, 544), seed=seed)
        fits.PrimaryHDU(frame.data, frame.header()).writeto(folder / f"{preset}.fits")


def compress_directory(folder: Path) -> None:
    """Compress `folder`/*.fits into `folder`/compressed."""
    target = folder / "compressed"
    target.mkdir(exist_ok=True)
    paths = sorted(folder.glob("*.fits"))
    for path in paths:
        report = fits_tiles.compress(path, target / f"{path.stem}.ac.fits", workers=2, effort=3, overwrite=True)
        checked = "verified" if report.verified else "not verified"
        print(f"{path.name}: {report.original_bytes} -> {report.compressed_bytes} bytes, {checked}")

    again = target / "again.fits"
    fits_tiles.decompress(target / f"{paths[0].stem}.ac.fits", again, overwrite=True)
    assert again.read_bytes() == paths[0].read_bytes()
    again.unlink()
    print(f"{paths[0].name} came back byte for byte")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compress_directory(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            simulate_night(Path(temporary))
            compress_directory(Path(temporary))
