"""Memory is bounded in bytes, whatever the shape of an image, beside what a small image takes."""

from __future__ import annotations

import os
import subprocess
import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import fits_tiles
from fits_tiles.layout.blocks import padded

_BOUND, _TUNING = 64, 192

# Each step by itself, after a first round with a small image that loads all that Python needs.
_PROGRAM = """
import re, sys
from pathlib import Path
import fits_tiles

def memory(name):
    return int(re.search(name + r":\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

def taken(step):
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    step()
    return memory("VmHWM") - before

def all_ways(source, folder, workers):
    packed, plain, rice, again = (folder / name for name in ("packed.fits", "plain.fits", "rice.fits", "again.fits"))
    options = {"workers": workers, "overwrite": True}
    yield lambda: fits_tiles.compress(source, packed, tune=False, **options)
    yield lambda: fits_tiles.verify(packed, source, workers=workers)
    yield lambda: fits_tiles.info(packed)
    yield lambda: fits_tiles.decompress(packed, plain, **options)
    yield lambda: fits_tiles.decompress(packed, rice, to="rice", **options)
    yield lambda: fits_tiles.compress(rice, again, tune=False, **options)
    yield lambda: fits_tiles.compress(source, packed, effort=1, **options)

small, large, folder = map(Path, sys.argv[1:4])
for source in (small, large):
    found = [taken(step) for step in all_ways(source, folder, int(sys.argv[4]))]
print(*found)
"""


def _image(path: Path, shape: tuple[int, ...], kind: str) -> None:
    """
    Rows of noise, then a hole that takes no room on the disk.

    Of a cube the same noise in every plane, so that its planes are a chain.
    """
    noise = np.random.default_rng(0).normal(1000, 30, 1 << 20).astype(kind)
    if len(shape) > 2 and prod(shape[-2:]) < noise.size:
        noise = np.tile(noise[: prod(shape[-2:])], shape[0])
    header = fits.PrimaryHDU(np.zeros((1,) * len(shape), kind)).header
    for number, length in enumerate(reversed(shape), 1):
        header[f"NAXIS{number}"] = length
    size = prod(shape) * noise.itemsize
    with path.open("wb") as file:
        file.write(header.tostring().encode("ascii"))
        start = file.tell()
        file.write(noise.tobytes()[:size])
        file.truncate(start + padded(size))


@pytest.mark.parametrize(
    ("shape", "kind", "workers"),
    [
        ((128, 300000), ">i2", 1),
        ((50000000,), ">i2", 2),
        ((2, 20, 700000), ">u1", 1),
        ((200, 40000), ">f8", 2),
        ((60, 900, 900), ">i2", 1),
    ],
)
def test_memory_is_bounded_whatever_the_shape(tmp_path: Path, shape: tuple[int, ...], kind: str, workers: int) -> None:
    small, large = tmp_path / "small.fits", tmp_path / "large.fits"
    _image(small, (512, 512) if len(shape) < 3 else (2, 512, 512), kind)
    _image(large, shape, kind)
    paths = os.pathsep.join([str(Path(fits_tiles.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", _PROGRAM, str(small), str(large), str(tmp_path), str(workers)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": paths})
    *steps, tuning = map(int, run.stdout.split())
    assert max(steps) < _BOUND * workers, run.stdout
    assert tuning < _TUNING + _BOUND * (workers - 1), run.stdout
    assert (tmp_path / "plain.fits").stat().st_size == large.stat().st_size
