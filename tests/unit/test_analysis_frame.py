"""Frames of every kind give useful output or a clear note, and JSON."""

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import astrocodec

pytest.importorskip("photutils", reason="photutils is not installed")

from astrocodec.analysis import analyse_frame, bits_map
from astrocodec.analysis.compare.comparison import compare
from astrocodec.analysis.extra import require
from astrocodec.simulate import simulate

RNG = np.random.default_rng(5)
NOISE = RNG.normal(100, 5, (160, 200))

# Image, and what a note says; none where everything can be measured.
ODD: dict[str, tuple[Any, str]] = {
    "all NaN": (np.full((50, 60), np.nan, np.float32), "all are NaN"),
    "all infinite": (np.full((50, 60), np.inf), "all are NaN, infinite"),
    "all masked": (np.ma.array(np.ones((50, 60)), mask=True), "masked"),
    "constant": (np.full((50, 60), 3, np.int16), "all pixels are equal"),
    "constant but for NaN": (np.where(NOISE > 100, np.nan, 3.0), "all pixels are equal"),
    "tiny": (RNG.integers(0, 9, (3, 4)).astype(np.int16), "too few"),
    "a pixel": (np.zeros((1, 1), np.uint8), "equal"),
    "hardly a pixel": (np.where(np.arange(3600).reshape(60, 60) < 90, np.arange(60.0), np.nan), "too few"),
    "a line": (RNG.normal(0, 1, 100), "1 axes"),
    "a number": (np.array(5.0), "0 axes"),
    "no pixels": (np.zeros((0, 5)), "no pixels"),
    "texts": (np.array([["a", "b"]]), "numbers"),
    "complex": (np.ones((30, 30), complex), "numbers"),
    "half precision": (NOISE.astype(np.float16), ""),
    "floats": (NOISE, "between integers"),
    "half NaN": (np.where(RNG.random(NOISE.shape) < 0.5, np.nan, NOISE), "do not count"),
    "some infinite": (np.where(RNG.random(NOISE.shape) < 0.01, np.inf, NOISE), "do not count"),
    "masked": (np.ma.array(NOISE.round().astype(np.int32), mask=RNG.random(NOISE.shape) < 0.3), "do not count"),
    "cube": (RNG.normal(100, 5, (5, 70, 80)).astype(np.int16), "5 planes"),
    "four axes, big-endian": (
        RNG.normal(100, 5, (2, 3, 64, 64)).astype(">i2"),
        "6 planes: maps are those of plane 1, 1",
    ),
    "narrow": (RNG.normal(100, 5, (900, 17)).astype(np.int16), ""),
    "wide": (RNG.normal(100, 5, (16, 900)).astype(np.int16), ""),
    "64 bits of noise": (RNG.integers(0, 2**64, (64, 64), dtype=np.uint64), ""),
    "large integers": (RNG.normal(1e12, 1e6, (60, 60)).astype(np.int64), ""),
    "huge floats": (NOISE * 1e140, ""),
    "tiny floats": (NOISE * 1e-30, ""),
    "hardly a count": ((RNG.random(NOISE.shape) < 1e-3).astype(np.uint8), ""),
    "half constant": (np.where(np.arange(200) < 100, 0, NOISE).astype(np.int16), ""),
    "half blank": (np.where(np.arange(200) < 100, -32768, NOISE).astype(np.int16), ""),
    "mostly NaN": (np.where(np.arange(200) < 140, np.nan, NOISE).astype(np.float32), "do not count"),
    "a slope": (np.add.outer(np.arange(160), np.arange(200)).astype(np.int16), ""),
    "rescaled": ((NOISE.round() * 7.3).astype(np.uint16), "apart"),
    "logical": (NOISE > 100, ""),
}


def disc(side: int, radius: float, level: float, noise: float, *, outside: float = 0.0, shift: float = 0.0) -> Any:
    """The Sun in an image that has one value outside of it; radius and shift in sides."""
    y, x = np.indices((side, side)) / side
    distance = np.hypot(y - 0.5 + shift, x - 0.5 - shift / 2)
    bright = level * (1 - 0.5 * (distance / radius) ** 2) + np.random.default_rng(1).normal(0, noise, (side, side))
    return np.where(distance < radius, bright, outside).round().astype(np.int32)


# Each of these stopped the analysis: no box with pixels enough, regions or patches without any noise, no source.
CONSTANT_OUTSIDE: dict[str, Any] = {
    "a disc beside the middle": disc(64, 0.35, 5000, 0, shift=0.13),
    "a bright disc beside the middle": disc(64, 0.35, 1e6, 50, shift=0.13),
    "a disc without a source": disc(64, 0.45, 100, 50),
    "a small disc below zero": disc(500, 0.2, 5000, 1, outside=-1),
    "a smooth disc": disc(500, 0.45, 100, 0, shift=0.13),
    "a disc that fills the image": disc(64, 0.49, 5000, 0),
    "blank outside": np.ma.masked_equal(disc(200, 0.1, 5000, 20, outside=-(2**31)), -(2**31)),
    "one column of noise": NOISE[:, :1].round().astype(np.int16),
    "stripes": np.kron(RNG.integers(0, 1000, (1, 60)), np.ones((200, 40))).astype(np.int32),
    "a masked frame with one row left": np.ma.array(
        np.resize(NOISE, (400, 400)).round(), mask=np.arange(400 * 400).reshape(400, 400) // 400 != 50
    ),
    "values that cannot be squared": np.resize(NOISE, (200, 200)) * 1e-200,
}


@pytest.mark.parametrize("name", CONSTANT_OUTSIDE)
def test_constant_surroundings_are_no_crash(name: str) -> None:
    """Warnings are errors."""
    image = CONSTANT_OUTSIDE[name]
    json.dumps(analyse_frame(image).to_dict(), allow_nan=False)
    json.dumps(compare(image, np.roll(image, 1, axis=0)).to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", ODD)
def test_odd_frames_give_output_and_a_note(name: str) -> None:
    """Warnings are errors, and JSON has no NaN."""
    image, note = ODD[name]
    found = analyse_frame(image)
    numbers = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert any(note in line for line in found.notes) or not note
    assert numbers["shape"] == list(np.shape(image))
    assert found.raw_bytes == np.asarray(image).nbytes
    if found.snr is not None:
        assert found.snr.shape == np.shape(image)[-2:]
        assert found.bits is None or found.bits.bits.shape == found.snr.shape


def test_a_frame_of_noise_is_nearly_all_noise() -> None:
    """And a source is not."""
    frame = NOISE.round().astype(np.int16)
    found = analyse_frame(frame)
    assert found.share_noise is not None
    assert 0.95 < found.share_noise < 1
    assert found.share_sources == 0
    frame[40:80, 40:80] += 400
    found = analyse_frame(frame)
    assert found.share_sources is not None
    assert 0.02 < found.share_sources < 0.4


def test_what_is_known_of_a_simulated_frame() -> None:
    """The numbers of a table, from one call."""
    frame = simulate("ccd", shape=(600, 700), seed=2)
    stream = astrocodec.encode(frame.data)
    found = analyse_frame(frame.data, stream=stream)
    assert found.stored_bytes == len(stream)
    assert found.ratio == pytest.approx(frame.data.nbytes / len(stream))
    assert found.efficiency is not None
    assert 0.93 < found.efficiency < 1
    assert found.suggested_step is not None
    assert found.suggested_step.step == 5
    assert found.suggested_step.saved_bits == pytest.approx(np.log2(5), abs=0.05)
    numbers = found.to_dict()
    assert [round(one["gain"], 1) for one in numbers["amplifiers"]] == [1.6, 1.5]
    assert numbers["sources"]["count"] > 10
    assert numbers["overscan"] == [[0, 600, 318, 350], [0, 600, 350, 382]]
    assert numbers["allocation"]["total_bits"] == 8 * len(stream)


def test_bits_and_stored_size_may_be_given() -> None:
    """As of a file whose header costs something too."""
    frame = NOISE.round().astype(np.int16)
    bits = bits_map(astrocodec.encode(frame))
    found = analyse_frame(frame, bits=bits, stored_bytes=50_000)
    assert found.bits is bits
    assert found.ratio == frame.nbytes / 50_000
    assert analyse_frame(frame, encode_missing=False).bits is None


def test_a_mosaic_of_colours_is_told() -> None:
    found = analyse_frame(simulate("cmos", shape=(512, 512), seed=1, bayer=True).data)
    assert found.bayer is not None
    assert found.bayer.is_mosaic
    assert any("mosaic" in note for note in found.notes)
    assert found.efficiency is not None
    assert 0.7 < found.efficiency < 1.02


def test_a_missing_library_is_named() -> None:
    with pytest.raises(ImportError, match=r"pip install astrocodec\[analysis\]"):
        require("no_such_library.part")


def test_importing_the_analysis_loads_no_library_of_it() -> None:
    """They are imported when they are called."""
    program = (
        "import sys, astrocodec.analysis; "
        "print(sorted({'photutils', 'scipy', 'astropy', 'skimage', 'matplotlib'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
