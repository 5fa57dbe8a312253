"""Arrays of the golden streams, and the options that encode them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
from made_models import made_samples, made_table
from numpy.typing import NDArray

from astrocodec.model import Model, load_model
from astrocodec.stages.flags import encode_flags
from astrocodec.stages.quantise import NULL_STEP, Quantised, Tiling, find_steps, restore
from astrocodec.stages.reference import encode_steps, encode_stream
from astrocodec.stages.stream import CHECKSUM_SIZE, Section, read_header, seal
from astrocodec.stages.widths import pack_tables

Array = NDArray[Any]
FINGERPRINT = "e15e5f01d16e2896"


@cache
def default_model() -> Model:
    """The shipped model that the golden streams name, by its fingerprint: it stays when the default moves on."""
    return load_model(FINGERPRINT)


@cache
def nearly_default() -> Model:
    """A tuned model, made without tuning: some weights of the default one step away from where they were."""
    base = default_model()
    weights = base.arrays()
    for field in fields(weights):
        flat = np.array(getattr(weights, field.name))
        flat.flat[::7] -= np.sign(flat.flat[::7])
        weights = replace(weights, **{field.name: flat})
    return Model(weights.to_bytes(), base.shapes, "nearly default", base)


@cache
def uneven() -> Model:
    """That model with the code widths of two converters."""
    tables = [made_table(np.random.default_rng(m), m, reach) for m, reach in ((4, 9), (6, 40))]
    return replace(nearly_default(), name="uneven", widths=pack_tables(tables))


@dataclass(frozen=True)
class Case:
    """One golden stream.

    Attributes
    ----------
    make : callable
        The array.
    piece_shape : tuple of int, optional
    thorough, tuned, uneven : bool
        Other options; a tuned model travels inside the stream, uneven if it has code widths.
    self_contained : bool
        The general model travels too.
    beside : bool
        The array has planes of one pattern, which stands in the stream as its reference.
    quantised : Quantised, optional
        The array is made of steps, and coded by these.
    flags : bool
        The array is one of flags, and coded as such.
    sections : tuple of Section
        Put into the stream behind the encoder's back: what no encoder of this version writes.
    """

    make: Callable[[np.random.Generator], Array]
    piece_shape: tuple[int, int] | None = None
    thorough: bool = False
    tuned: bool = False
    uneven: bool = False
    self_contained: bool = False
    sections: tuple[Section, ...] = ()
    beside: bool = False
    quantised: Quantised | None = None
    flags: bool = False

    def array(self) -> Array:
        """The array of this case."""
        return self.make(np.random.default_rng(1))

    def reference(self) -> dict[str, Any]:
        """Options of what the array is coded beside, if it is."""
        if not self.beside:
            return {}
        pattern = _pattern(np.random.default_rng(1))
        return {"reference": pattern.astype("f4") / 4, "reference_name": "pattern.fits", "embed_reference": True}

    @property
    def model(self) -> Model:
        """The model that the stream names."""
        if self.tuned:
            return uneven() if self.uneven else nearly_default()
        return default_model()

    def encode(self, array: Array) -> bytes:
        """The stream of an array, by the reference."""
        if self.flags:
            return encode_flags(array)
        model = self.model
        file = model.to_bytes(whole=self.self_contained) if self.tuned or self.self_contained else b""
        values = array.astype(array.dtype.newbyteorder("="))
        if self.quantised:
            return encode_steps(*find_steps(values, self.quantised), values.dtype, [(model, file)])
        coded = encode_stream(
            values, [(model, file)], piece_shape=self.piece_shape, thorough=self.thorough, **self.reference()
        )
        return self.with_sections(coded, values)

    def with_sections(self, coded: bytes, values: Array) -> bytes:
        """A stream that an encoder wrote, and this case's sections in it."""
        if not self.sections:
            return coded
        header, at = read_header(memoryview(coded))
        more = sorted((*header.sections, *self.sections), key=lambda section: section.id)
        return seal(replace(header, sections=tuple(more)).to_bytes(), coded[at:-CHECKSUM_SIZE], values)


def _sky(rng: np.random.Generator, shape: tuple[int, ...], level: float, sigma: float) -> Array:
    """A sky of normal noise with stars."""
    y, x = np.indices(shape)[-2:]
    sky = rng.normal(level, sigma, shape)
    for _ in range(8):
        at, wide = rng.random(2) * shape[-2:], rng.uniform(1, 3)
        sky += rng.exponential(40 * sigma) * np.exp(-((y - at[0]) ** 2 + (x - at[1]) ** 2) / (2 * wide**2))
    return sky


def _uneven(rng: np.random.Generator, shape: tuple[int, int], level: float, sigma: float) -> Array:
    """A sky as a converter gives it whose codes are as wide as the second table of `uneven` says."""
    codes = np.arange(level - 20 * sigma, level + 20 * sigma).astype(int)
    below = codes + uneven().code_widths()[1][codes % 64] / 64
    return codes[np.searchsorted(below, rng.normal(level, sigma, shape)) - 1]


def _with_blank(rng: np.random.Generator) -> Array:
    values = _sky(rng, (36, 41), 2e6, 3e5).astype(np.int32)
    values[5:9, 30:] = -(2**31)
    return values


def _pattern(rng: np.random.Generator) -> Array:
    """Levels of the pixels of a line, some of them hot."""
    return rng.normal(9000, 900, (180, 1)).round() + np.where(rng.random((180, 1)) < 0.05, 12000, 0)


def _beside(rng: np.random.Generator) -> Array:
    """Lines of one pattern, whose last axis has one element: coded as one plane beside a plane of one row."""
    return np.asarray(_pattern(rng) / 4 + rng.normal(0, 3, (40, 180, 1)), np.int32)


def _float_bits(rng: np.random.Generator) -> Array:
    values = _sky(rng, (24, 37), 0.01, 2.5).astype("f4")
    bits = values.view("u4")
    bits[0, :4] = 0x7FC00000, 0x7F800001, 0xFFC12345, 0xFFFFFFFF
    values[3, 3:7] = np.inf, -np.inf, 0.0, -0.0
    bits[4, :2] = 1, 0x80000001
    return values


def _lattice(rng: np.random.Generator) -> Array:
    # All indices occur.
    k = np.clip(_sky(rng, (40, 44), 60, 9).round().astype(int), 0, 119)
    k.flat[:120] = np.arange(120)
    return np.asarray(np.floor(1.6 * k + 0.3 - 300), np.int16)


def _wide_floats(rng: np.random.Generator) -> Array:
    """Those in twice the bits, but for the signalling NaN."""
    values = _float_bits(rng)
    values[0, 1] = np.nan
    return values.astype("f8")


def _multiples(rng: np.random.Generator) -> Array:
    """Of 48 frames, and a BLANK that is none."""
    values = np.asarray(_sky(rng, (30, 41), 9e4, 300).round() * 48, np.int32)
    values[3, 5:9] = -(2**31) + 1
    return values


def _lattice_with_holes(rng: np.random.Generator) -> Array:
    k = np.sort(rng.choice(150, 100, replace=False))[np.clip(_sky(rng, (70, 80), 50, 12).round().astype(int), 0, 99)]
    return np.asarray(np.floor(181.5 * k + 3.2), np.uint16)


def _flags(rng: np.random.Generator) -> Array:
    """Bad channels, times, baselines, and bursts, which most polarisations share."""
    found = rng.random((7, 5, 33, 4)) < 0.01
    found |= rng.random((7, 5, 33, 1)) < 0.03
    found[:, :, 9:12] = found[3] = found[:, 2] = True
    return found


def _value_set(rng: np.random.Generator) -> Array:
    allowed = np.cumsum(rng.geometric(0.04, 60)) + 5000
    rank = np.clip(_sky(rng, (90, 50), 20, 6), 0, 59).astype(int)
    return np.asarray(np.sort(allowed)[rank], np.uint16)


def _companded(rng: np.random.Generator) -> Array:
    """Reads of a small target, sums of many frames that were rounded to the square root of their noise; -1: none."""
    allowed = np.cumsum(np.repeat(np.arange(10, 60, 3), 70)) + 421868
    rank = rng.integers(40, 1000, (5, 6)) + rng.normal(0, 2, (150, 5, 6)).round().astype(int)
    reads = allowed[np.clip(rank, 0, allowed.size - 1)].astype(np.int32)
    reads[:, 0, 0] = reads[:, 4, 5] = -1
    return np.asarray(reads)


def _unlike(rng: np.random.Generator) -> Array:
    """Planes of very different ranges and precision, two of them alike."""
    scales = np.array([1, 3000, 1, 1e-3])[:, None, None]
    planes = (_sky(rng, (4, 34, 41), 50, 3) * scales).astype("f4")
    planes[2] = planes[2].round()
    return np.concatenate([planes, planes[2:3, ::-1]])


def _mask(rng: np.random.Generator) -> Array:
    """Saturated stars and what bleeds from them."""
    mask = _sky(rng, (40, 53), 0, 1) > 9
    mask[:, 17] |= rng.random(40) < 0.7
    return mask


def _broken(rng: np.random.Generator, planes: int = 1) -> Array:
    """A dead and a hot column, and two amplifiers with an overscan."""
    values = rng.normal(994, 2, (planes, 56, 70))
    values[:, 40:] += 300
    values[:, :, 60:] -= 500
    values[..., :2] = 0, 5405
    return np.asarray(values.round().squeeze(), np.uint16)


def _visibilities(rng: np.random.Generator) -> Array:
    """Fringes with noise, in steps as a correlator gives them: of 12 times and 64 channels."""
    phase = np.add.outer(np.arange(12) / 5, np.arange(64) / 9)
    noise = rng.normal(0, 9, (2, 12, 64))
    values = np.round(40 * np.cos(phase) + noise[0]) + 1j * np.round(40 * np.sin(phase) + noise[1])
    return np.asarray(values / 64, "c8")


def _complex_integers(rng: np.random.Generator) -> Array:
    parts = np.stack([_sky(rng, (26, 30), 9, 4), _sky(rng, (26, 30), -5, 6)], -1).round() + 0
    return parts.view("c16")[..., 0]


def _reads(rng: np.random.Generator, shape: tuple[int, ...], integrations: int = 1) -> Array:
    """Reads of pixels of their own levels and rates, some hit by particles; each integration begins anew."""
    found = []
    for _ in range(integrations):
        rate = np.cumsum(rng.poisson(rng.exponential(30, shape[1:]), shape), 0)
        rate[shape[0] // 2 :] += np.where(rng.random(shape[1:]) < 0.01, 900, 0).astype(rate.dtype)
        found.append(rate + rng.normal(0, 4, shape).astype(rate.dtype))
    return np.stack(found) + np.random.default_rng(9).integers(2000, 4000, shape[1:])


def _around_zero(rng: np.random.Generator) -> Array:
    """A sky around zero, and floats of all kinds far from it."""
    sky = _sky(rng, (41, 52), 0, 1.3).astype("f4")
    sky[7, 3:9] = np.float32([np.nan, -np.inf, -0.0, 1e-42, -3e-39, 0])
    sky[20, 11] = np.uint32(0xFFC12345).view("f4")
    return sky


def _in_field(sky: Array, blank: float) -> Array:
    """A round field, with one value outside of it."""
    y, x = np.indices(sky.shape)[-2:]
    sky[(y - sky.shape[-2] // 2) ** 2 + (x - sky.shape[-1] // 2) ** 2 > (sky.shape[-1] // 2) ** 2] = blank
    return sky


def _with_blanks(rng: np.random.Generator) -> Array:
    """A sky around zero in a round field outside of which it is NaN, with a hole of zeros."""
    sky = _in_field(_sky(rng, (43, 54), 0, 1.3).astype("f4"), np.nan)
    sky[10:15, 20:24] = 0
    return sky


def _blank_reads(rng: np.random.Generator) -> Array:
    """Reads of a detector with reference pixels of one value, that of the last reads another."""
    reads = _reads(rng, (5, 24, 31))[0].astype("f4") + rng.normal(0, 1, (5, 24, 31)).astype("f4")
    reads[:, :, :4] = np.nan
    reads[3:, :4] = -1e30
    return reads


def _tiles(shape: tuple[int, ...], **how: Any) -> Quantised:
    """Tiles of an array, each with a scale and a zero."""
    rng, one = np.random.default_rng(2), Quantised(np.ones(1), np.zeros(1), **how)
    scale = rng.uniform(0.9, 1.1, Tiling.of(one, shape).number).astype("f4").astype("f8")
    if one.dither == 1:  # as fpack finds them, but for one
        scale[1:] = scale[1:] * rng.choice([0.6052697, 1.0483579, 0.1772048], scale.size - 1) / 4
    lowest = scale * 2147483637.0 + rng.normal(40, 3, scale.size).astype("f4")
    zero = rng.integers(-900, 900, scale.size) * scale + np.where(rng.random(scale.size) < 0.2, 0.1, 0)
    if one.dither == 1:  # and some with nulls
        zero[::3] = lowest[::3]
    return Quantised(scale, zero, **how)


def _of_steps(q: Quantised, shape: tuple[int, ...], dtype: str) -> Callable[[np.random.Generator], Array]:
    """A sky that was quantised, some of it processed afterwards."""

    def make(rng: np.random.Generator) -> Array:
        values = restore(_sky(rng, shape, 50, 4).round().astype(np.int32), q, np.dtype(dtype))
        values[..., 3, 3:9] = np.nan, np.inf, -0.0, 0.0, 0.1, 0.1
        values[..., 5, :2] = np.nan
        values[..., 6, :] = 7
        return values

    return make


ROWS = _tiles((30, 41), tile_shape=(1, 0), dither=1, seed=9990, origin=(3, 5), whole=(0, 60), null=NULL_STEP)
BLOCKS = _tiles((2, 20, 30), tile_shape=(25, 13), dither=2, seed=7, stacked=True, null=-9999, null_bits=0x7FF8 << 48)
GAIN = _tiles((22, 31), arithmetic=7)
WIDE = _tiles((25, 36, 6), tile_shape=(30, 0), arithmetic=9)

CASES = {
    "uint16_edges": Case(lambda rng: _sky(rng, (45, 71), 1000, 12).astype(np.uint16), (32, 40)),
    "int16_big_endian": Case(lambda rng: _sky(rng, (31, 40), -20, 8).astype(">i2")),
    "int32_blank": Case(_with_blank),
    "float32_bits": Case(_float_bits),
    "float32_around_zero": Case(_around_zero),
    "float32_blanks": Case(_with_blanks, (20, 30)),
    "float32_blanks_of_reads": Case(_blank_reads),
    "uint16_blanks": Case(lambda rng: _in_field(_sky(rng, (3, 40, 30), 5000, 9).astype("u2"), 0)),
    "int16_blanks_of_small_planes": Case(
        lambda rng: np.pad(_sky(rng, (30, 8, 7), 30, 9), ((0, 9), (1, 2), (0, 1)), constant_values=-32768).astype("i2")
    ),
    "float32_integers": Case(lambda rng: _sky(rng, (30, 33), -7, 40).round().astype("f4") + 0),
    "float16_bits": Case(lambda rng: _sky(rng, (25, 34), 2, 0.3).astype("f2")),
    "float32_half_floats": Case(lambda rng: _sky(rng, (31, 42), 0, 2).astype("f2").astype("f4")),
    "float64_of_float32": Case(_wide_floats),
    "float64_around_zero": Case(lambda rng: _sky(rng, (24, 33), 0, 3)),
    "float16_integers": Case(lambda rng: _sky(rng, (22, 31), 90, 7).round().astype("f2") + 0),
    "bool_mask": Case(_mask),
    "bool_flags": Case(_flags, flags=True),
    "complex64_visibilities": Case(_visibilities),
    "complex128_integers": Case(_complex_integers),
    "int16_lattice": Case(_lattice, thorough=True),
    "int32_multiples": Case(_multiples),
    "uint16_lattice_with_holes": Case(_lattice_with_holes),
    "uint16_set": Case(_value_set),
    "int32_companded_reads": Case(_companded),
    "float32_few_values": Case(lambda rng: (_sky(rng, (50, 60), 3, 0.4) * 16).round().astype("f4") ** 3 / 100),
    "uint64_stored": Case(lambda rng: rng.integers(0, 2**64, (9, 7), np.uint64)),
    "uint64_low_bits": Case(lambda rng: rng.integers(2**63, 2**63 + 2**30, (12, 14), np.uint64)),
    "uint32_low_bits_of_pieces": Case(lambda rng: (_sky(rng, (20, 37), 4e6, 2e5).astype("u4") << 3) | 5, (11, 20)),
    "int16_cube": Case(lambda rng: _sky(rng, (3, 17, 29), 300, 6).astype(np.int16)),
    "uint16_small_planes": Case(lambda rng: _sky(rng, (70, 6, 7), 300, 6).astype(np.uint16)),
    "int16_planes_three_by_three": Case(lambda rng: _sky(rng, (7, 10, 12), 30, 3).astype(np.int16), (30, 12)),
    "uint16_large_planes": Case(lambda rng: _sky(rng, (2, 2, 33, 41), 700, 9).astype(np.uint16), (20, 41)),
    "uint16_reads": Case(lambda rng: _reads(rng, (6, 25, 36))[0].astype(np.uint16), (30, 20)),
    "uint16_reads_last": Case(lambda rng: _reads(rng, (6, 25, 36))[0].astype(np.uint16).transpose(1, 2, 0).copy()),
    "int32_integrations": Case(lambda rng: _reads(rng, (4, 19, 24), 3).astype(np.int32) * 96 + rng.integers(0, 96)),
    "int32_reads_of_few_small_planes": Case(lambda rng: _reads(rng, (50, 10, 9))[0].astype("i4")),
    "float32_reads_of_small_planes": Case(lambda rng: _reads(rng, (90, 7, 8))[0].astype("f4")),
    "float32_maps_of_planes": Case(_unlike),
    "int32_maps_of_cut_planes": Case(lambda rng: (_unlike(rng) * 7).round().astype("i4"), (20, 30)),
    "int8_line": Case(lambda rng: (rng.normal(0, 9, 700) + 60 * np.sin(np.arange(700) / 40)).astype(np.int8)),
    "float64_constant": Case(lambda rng: np.full((20, 30), np.pi)),
    "uint8_none": Case(lambda rng: np.zeros((3, 0), np.uint8)),
    "int64_scalar": Case(lambda rng: np.array(-(2**40))),
    "int32_counts": Case(lambda rng: rng.poisson(0.03, (60, 70)).astype(np.int32)),
    "uint16_blocks": Case(lambda rng: made_samples("blocks", 60, 66) + rng.integers(0, 3000, 66, np.uint16), (40, 66)),
    "uint32_thorough": Case(lambda rng: made_samples("sparse", 1, 900).astype(np.uint32), thorough=True),
    "uint16_tuned": Case(lambda rng: _sky(rng, (33, 50), 500, 5).astype(np.uint16), tuned=True),
    "uint8_uneven": Case(lambda rng: _uneven(rng, (60, 70), 120, 1.5).astype(np.uint8), tuned=True, uneven=True),
    "int16_uneven_wide": Case(
        lambda rng: _uneven(rng, (60, 70), -3000, 40).astype(np.int16), (33, 40), tuned=True, uneven=True
    ),
    "uint16_self_contained": Case(lambda rng: _sky(rng, (150, 160), 50, 0.6).astype(np.uint16), self_contained=True),
    "uint16_cuts": Case(_broken, thorough=True),
    "int32_cuts_of_planes": Case(lambda rng: _broken(rng, 2).astype(np.int32) * 2000 - 9, (30, 41), thorough=True),
    "int32_beside": Case(_beside, beside=True),
    "float32_dithered_rows": Case(_of_steps(ROWS, (30, 41), "f4"), quantised=ROWS),
    "float64_dithered_blocks": Case(_of_steps(BLOCKS, (2, 20, 30), "f8"), quantised=BLOCKS),
    "float32_gain": Case(_of_steps(GAIN, (22, 31), "f4"), quantised=GAIN),
    "float64_steps_in_float32": Case(
        lambda rng: restore(_reads(rng, (6, 25, 36))[0].astype("i4").transpose(1, 2, 0).copy(), WIDE, np.dtype("f8")),
        quantised=WIDE,
    ),
    "uint8_unknown_section": Case(
        lambda rng: _sky(rng, (18, 23), 100, 4).astype(np.uint8), sections=(Section(7, b"not known"), Section(126, b""))
    ),
}
