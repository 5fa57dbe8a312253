import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astrocodec.errors import CorruptError
from astrocodec.stages.valueset import fit_lattice, lattice_value, pack_set, set_pays, unpack_set


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


@given(st.sets(st.one_of(st.integers(0, 300), st.integers(0, 2**62 - 1)), min_size=1, max_size=300))
def test_set_round_trip(members: set[int]) -> None:
    values = np.array(sorted(members), np.uint64)
    assert (unpack_set(pack_set(values), values.size) == values).all()


def test_one_wide_gap_costs_a_set_few_bytes() -> None:
    values = np.append(np.arange(900, 1000, 2), 60000).astype(np.uint16)
    assert len(pack_set(values)) < 40


def test_steps_that_grow_slowly_take_little() -> None:
    """Sums that were rounded to a share of their noise: the steps follow the square root of the value."""
    values = np.cumsum(np.repeat(np.arange(10, 60), 40)) + 421868
    kept = values[np.random.default_rng(2).random(values.size) < 0.9]
    assert len(pack_set(kept)) * 8 < 1.8 * kept.size


def test_damaged_set() -> None:
    packed = pack_set(np.arange(0, 600, 7))
    with pytest.raises(CorruptError, match="too few"):
        unpack_set(packed[:-4], 86)
    with pytest.raises(CorruptError, match="follow"):
        unpack_set(packed + b"\0", 86)


def test_values_from_2_62_on_are_refused() -> None:
    top = pack_set(np.array([2**62 - 1]))
    assert unpack_set(top, 1) == [2**62 - 1]
    with pytest.raises(CorruptError, match=f"{2**62 + 6} found, at most {2**62 - 1} allowed"):
        unpack_set(pack_set(np.array([2**62 - 1, 2**62 + 6], np.uint64)), 2)


def test_a_set_pays_only_with_many_pixels() -> None:
    values = np.cumsum(np.random.default_rng(3).integers(4, 12, 1000))
    assert set_pays(values, np.full(values.size, 100))
    assert not set_pays(values, np.full(values.size, 1))
    assert not set_pays(np.arange(1000), np.full(1000, 100))
