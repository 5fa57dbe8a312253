import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import astrocodec
from astrocodec.errors import CorruptError
from astrocodec.stages.valueset import fit_lattice, lattice_value, pack_set, set_pays, set_saves, unpack_set


def on_lattice(values: np.ndarray, lattice: tuple[int, int]) -> bool:
    step, phase = lattice
    k = ((values.astype(object) * 2**32) + 2**32 - 1 - phase) // step
    return bool((lattice_value(k.astype(np.uint64), step, phase) == values).all())


def rescaled(a: float, b: float, n: int) -> np.ndarray:
    values = np.floor(a * np.arange(n) + b + 0.5).astype(np.int64)
    return values[values < 65536]


@settings(deadline=None)
@given(st.floats(1.0, 400.0), st.floats(0, 50.0), st.integers(20, 150))
def test_an_offered_lattice_holds_every_value(a: float, b: float, n: int) -> None:
    values = np.unique(rescaled(a, b, n))
    lattice = fit_lattice(values)
    assert lattice is None or on_lattice(values, lattice)


@pytest.mark.parametrize("a", [1.5, 1.87, 2.0, 2.5, 3.999, 16.25, 37.77, 181.5])
@pytest.mark.parametrize("n", [60, 130, 350])
def test_rescaled_integers_are_recognised(a: float, n: int) -> None:
    values = rescaled(a, 7.3, n)
    lattice = fit_lattice(values)
    assert lattice is not None
    assert on_lattice(values, lattice)


def test_lattice_with_missing_members() -> None:
    rng = np.random.default_rng(0)
    k = np.sort(rng.choice(256, 180, replace=False))
    values = np.rint(181.5 * k + 3.2).astype(np.int64)
    lattice = fit_lattice(values)
    assert lattice is not None
    assert on_lattice(values, lattice)


def test_common_divisor() -> None:
    assert fit_lattice(np.arange(5, 1000, 16)) == (16 << 32, (5 << 32) + (1 << 31))


def test_random_values_are_no_lattice() -> None:
    values = np.unique(np.random.default_rng(1).integers(0, 65536, 3000))
    assert fit_lattice(values) is None


@given(st.sets(st.one_of(st.integers(1, 300), st.integers(1, 2**64 - 1)), max_size=300))
def test_set_round_trip(members: set[int]) -> None:
    values = np.array([0, *sorted(members)], np.uint64)
    assert (unpack_set(pack_set(values), values.size) == values).all()


@pytest.mark.parametrize(
    "values",
    [
        [0],
        [0, 2**64 - 1],
        [0, 1, 2**64 - 1],
        # One and a half units, of which two would lie beyond 64 bits.
        [0, 2**63 - 2**62, 2**64 - 1],
        [0, 2**32, 2**33 + 1, 2**63, 2**63 + 1, 2**64 - 1],
    ],
)
def test_sets_of_the_whole_range(values: list[int]) -> None:
    assert unpack_set(pack_set(np.array(values, np.uint64)), len(values)).tolist() == values


def test_one_wide_gap_costs_a_set_few_bytes() -> None:
    values = np.append(np.arange(0, 100, 2), 60000).astype(np.uint16)
    assert len(pack_set(values)) < 40


def test_steps_that_grow_slowly_take_little() -> None:
    """Sums that were rounded to a share of their noise: the steps follow the square root of the value."""
    values = np.cumsum(np.repeat(np.arange(10, 60), 40)) - 10
    kept = values[np.random.default_rng(2).random(values.size) < 0.9]
    assert len(pack_set(kept - kept[0])) * 8 < 0.8 * kept.size


@pytest.mark.parametrize(
    ("values", "most"),
    [
        # Integers times a gain, which float32 and float64 round: by octaves other steps, each one more or less.
        (np.arange(1, 4000) * np.float32(1.37), 1100),
        (np.arange(-900, 4000) * 0.01, 1600),
        (np.random.default_rng(3).normal(0, 30, 30000).astype("f2").astype("f4"), 1750),
        (np.random.default_rng(4).normal(0, 30, 30000).astype("f2").astype("f8"), 1980),
    ],
    ids=["gain", "hundredths", "half floats", "half floats in float64"],
)
def test_numbers_in_disguise_take_little(values: np.ndarray, most: int) -> None:
    bits = values.view(f"u{values.itemsize}")
    top = np.array(1 << (8 * values.itemsize - 1), bits.dtype)
    ordered = np.unique(np.where(bits & top, ~bits, bits | top))
    assert len(pack_set(ordered - ordered[0])) < most


def test_damaged_set() -> None:
    packed = pack_set(np.arange(0, 600, 7))
    with pytest.raises(CorruptError, match="too few"):
        unpack_set(packed[:-4], 86)
    with pytest.raises(CorruptError, match="left over"):
        unpack_set(packed + b"\0", 86)


def test_values_from_2_64_on_are_refused() -> None:
    """Twice the first distance, or what stands in the place of twice, leads beyond 64 bits."""
    far = pack_set(np.array([0, 2**63 - 1, 2**64 - 2], np.uint64))
    assert unpack_set(far, 3).tolist() == [0, 2**63 - 1, 2**64 - 2]
    beyond = pack_set(np.array([0, 2**63, 2**64], object))
    with pytest.raises(CorruptError, match=f"{2**64} found, at most {2**64 - 1} allowed"):
        unpack_set(beyond, 3)


def test_a_set_pays_only_with_many_pixels() -> None:
    values = np.cumsum(np.random.default_rng(3).integers(4, 12, 1000))

    def pays(values: np.ndarray, often: int) -> bool:
        counts = np.full(values.size, often)
        return set_pays(set_saves(values, counts), values.size * often, len(pack_set(values - values[0])))

    assert pays(values, 100)
    assert not pays(values, 1)
    assert not pays(np.arange(1000), 100)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_counts_over_a_gain_are_a_set_up_to_the_largest(dtype: str) -> None:
    """Of some ten thousand values a sample shows nearly as many as it has numbers."""
    y, x = np.mgrid[:600, :600] - 300
    counts = np.random.default_rng(2).poisson(60000 * np.exp(-(y * y + x * x) / 70000.0))
    values = (counts / 1.7).astype(dtype)
    assert len(astrocodec.encode(values)) < 1.1 * len(astrocodec.encode(counts.astype(np.uint16)))
