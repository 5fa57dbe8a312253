"""Simulated ramps: what was put in is found again by measurement, and a seed fixes them."""

import doctest
import importlib
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astrocodec.simulate.hxrg import ReadNoise, Readout, active_area, couple, fixed_pattern, output_strips
from astrocodec.simulate.pink_noise import PinkNoise
from astrocodec.simulate.ramp import expose_ramp, reset_noise, simulate_ramp
from astrocodec.simulate.ramp_settings import INSTRUMENTS, configure_ramp, group_times
from astrocodec.simulate.read_patterns import READ_PATTERNS
from astrocodec.simulate.sky import Scene, Sky

NO_RAYS = replace(INSTRUMENTS["nircam"].detector, cosmic_rate=0.0, hot_pixels=0.0, prnu=0.0, dust=0.0)
SILENT = Readout(
    gain=1.0, pattern=0.0, output_offset=0.0, ktc_noise=0.0, read_noise=0.0, common_pink=0.0, output_pink=0.0,
    alternating=0.0, drift=0.0, coupling=0.0, nonlinearity=0.0,
)  # fmt: skip
DARK = Scene(Sky(0.0, 0.0, vignetting=0.0))


def lamp(level):
    return Scene(Sky(level, 0.0, vignetting=0.0))


def quiet(name="RAPID", scene=DARK, shape=(128, 128), detector=NO_RAYS, groups=10, integrations=1, **readout):
    """Settings with nothing on but what is named."""
    plain = configure_ramp(name, scene=scene, shape=shape, groups=groups, integrations=integrations)
    return replace(plain, detector=detector, readout=replace(SILENT, **readout))


def inner(data, readout=SILENT):
    """The pixels that see light."""
    rows, columns = active_area(data.shape[-2:], readout)
    return data[..., rows, columns].astype(float)


# Patterns


def test_patterns_have_the_published_numbers():
    published = {
        "RAPID": (1, 0), "BRIGHT1": (1, 1), "BRIGHT2": (2, 0), "SHALLOW2": (2, 3), "SHALLOW4": (4, 1),
        "MEDIUM2": (2, 8), "MEDIUM8": (8, 2), "DEEP2": (2, 18), "DEEP8": (8, 12),
        "NRSRAPID": (1, 0), "NRS": (4, 0), "NRSIRS2RAPID": (1, 0), "NRSIRS2": (5, 0),
    }  # fmt: skip
    assert {name: (p.frames, p.gap) for name, p in READ_PATTERNS.items()} == published
    assert READ_PATTERNS["DEEP8"].frame_time == pytest.approx(10.73677, abs=1e-4)
    assert READ_PATTERNS["NRSIRS2"].frame_time == pytest.approx(14.5889, abs=1e-3)


def test_groups_lie_where_their_patterns_put_them():
    frame = READ_PATTERNS["MEDIUM2"].frame_time
    assert group_times(configure_ramp("MEDIUM2", groups=3)) == pytest.approx([1.5 * frame, 11.5 * frame, 21.5 * frame])
    ramp = simulate_ramp(quiet("MEDIUM2", lamp(20.0), groups=4))
    slope = np.diff(inner(ramp.data).mean(axis=(1, 2)))
    assert slope == pytest.approx(10.0 * frame * 20.0, rel=0.01)
    first = inner(ramp.data[0]).mean() - SILENT.pedestal
    assert first == pytest.approx(1.5 * frame * 20.0, rel=0.01)


# 1/f noise


def test_pink_noise_has_the_same_power_everywhere_and_a_slope_of_minus_one():
    noise = PinkNoise(4.0, 64, 4096, np.random.default_rng(1))
    noise.take(1000)  # so that the joints of blocks lie anywhere in what follows
    samples = np.concatenate([noise.take(3000) for _ in range(3)], axis=1)[:, :8192].astype(float)
    # Octaves from 1/8192 to half a cycle per sample: 12 of the 20 to which the deviation refers.
    assert samples.var() == pytest.approx(4.0**2 * 12.0 / 20.0, rel=0.15)
    assert samples[:, ::500].var(axis=0) == pytest.approx(samples.var(), rel=0.9)
    piece = samples[:, :4096] * np.hanning(4096)
    power = (np.abs(np.fft.rfft(piece)) ** 2).mean(axis=0)
    band = np.arange(8, 1500)
    slope = np.polyfit(np.log(band), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.05)
    steps = np.abs(np.diff(samples)).mean(axis=0)
    assert steps.max() < 2.0 * steps.mean()  # no jump where blocks meet


def test_lanes_of_pink_noise_are_independent_and_pieces_are_of_one_sequence():
    whole = PinkNoise(1.0, 2, 256, np.random.default_rng(3)).take(1000)
    source = PinkNoise(1.0, 2, 256, np.random.default_rng(3))
    assert np.array_equal(np.concatenate([source.take(n) for n in (1, 700, 0, 299)], axis=1), whole)
    lanes = PinkNoise(1.0, 2, 64, np.random.default_rng(4)).take(200_000)
    assert abs(np.corrcoef(lanes)[0, 1]) < 0.05


def test_skipping_little_is_taking_and_skipping_much_costs_little():
    taken, skipped = (PinkNoise(1.0, 1, 256, np.random.default_rng(5)) for _ in range(2))
    taken.take(300)
    skipped.skip(300)
    assert np.array_equal(taken.take(50), skipped.take(50))
    tracemalloc.start()
    skipped.skip(10**9)
    assert skipped.take(5).shape == (1, 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def spectrum_along_rows(readout, reads=6, shape=(64, 256)):
    noise = ReadNoise(shape, readout, READ_PATTERNS["RAPID"], np.random.default_rng(6))
    rows = np.concatenate([noise.read() for _ in range(reads)])[:, : output_strips(shape, readout)[0].stop].astype(
        float
    )
    rows *= np.hanning(rows.shape[1])
    return (np.abs(np.fft.rfft(rows)) ** 2).mean(axis=0)


def test_correlated_noise_of_a_read_falls_as_1_over_f_along_the_fast_axis():
    power = spectrum_along_rows(replace(SILENT, common_pink=5.0, outputs=1))
    band = np.arange(4, 100)
    slope = np.polyfit(np.log(band), np.log(power[band]), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.12)


def test_common_noise_falls_on_all_outputs_in_the_order_of_reading():
    shape = (32, 64)
    noise = ReadNoise(shape, replace(SILENT, common_pink=5.0), READ_PATTERNS["RAPID"], np.random.default_rng(7)).read()
    first, second, third, _ = (noise[:, strip] for strip in output_strips(shape, SILENT))
    assert np.array_equal(first, third)
    assert np.array_equal(first, second[:, ::-1])


def test_noise_of_each_output_is_its_own():
    noise = ReadNoise((64, 256), replace(SILENT, output_pink=5.0), READ_PATTERNS["RAPID"], np.random.default_rng(8))
    reads = np.stack([noise.read() for _ in range(8)])
    first, third = reads[:, :, :64], reads[:, :, 128:192]
    assert abs(np.corrcoef(np.diff(first).ravel(), np.diff(third).ravel())[0, 1]) < 0.05


def test_alternating_noise_has_opposite_signs_in_even_and_odd_columns():
    noise = ReadNoise(
        (64, 256), replace(SILENT, alternating=2.0), READ_PATTERNS["RAPID"], np.random.default_rng(9)
    ).read()
    even, odd = noise[:, 0:64:2], noise[:, 1:64:2]
    assert np.array_equal(even, -odd)
    assert np.std(even) > 0.3


def test_interleaved_reads_pause_after_sixteen_pixels():
    pattern = READ_PATTERNS["NRSIRS2RAPID"]
    assert pattern.column_samples(34).tolist() == [*range(16), *range(22, 38), 44, 45]
    assert pattern.row_samples(34) > pattern.column_samples(34)[-1]
    noise = ReadNoise((64, 256), replace(SILENT, common_pink=5.0, outputs=1), pattern, np.random.default_rng(11))
    steps = np.abs(np.diff(np.concatenate([noise.read() for _ in range(8)]), axis=1)).mean(axis=0)
    pauses = np.arange(255) % 16 == 15
    assert steps[pauses].min() > 1.15 * steps[~pauses].max()


def test_levels_of_outputs_drift_from_read_to_read():
    noise = ReadNoise((16, 64), replace(SILENT, drift=20.0), READ_PATTERNS["RAPID"], np.random.default_rng(10))
    levels = np.stack([[noise_[:, s].mean() for s in output_strips((16, 64), SILENT)] for noise_ in _reads(noise, 40)])
    assert (levels.std(axis=0) > 1.0).all()
    assert abs(np.corrcoef(levels[:, 0], levels[:, 1])[0, 1]) < 0.9


def _reads(noise, count):
    for _ in range(count):
        read = noise.read()
        assert np.ptp(read[:, :16]) < 1e-3
        yield read


def test_levels_drift_through_dropped_reads_too():
    steps = {}
    for name in ("BRIGHT2", "DEEP2"):
        still = replace(NO_RAYS, dark_current=0.0)
        ramp = simulate_ramp(quiet(name, shape=(8, 64), detector=still, groups=80, drift=60.0, outputs=16, border=0))
        steps[name] = np.diff(ramp.data[:, 0, ::4].astype(float), axis=0).std()
    assert steps["DEEP2"] > 1.25 * steps["BRIGHT2"] > 1.0


# Pixels


def test_differences_of_dark_reads_give_the_read_noise():
    ramp = simulate_ramp(quiet(read_noise=9.0, gain=1.5, ktc_noise=40.0, pattern=300.0))
    differences = np.diff(inner(ramp.data), axis=0)
    assert differences.std() / np.sqrt(2.0) * 1.5 == pytest.approx(9.0, rel=0.02)


def test_reference_pixels_see_no_light_and_are_quieter():
    readout = replace(SILENT, read_noise=10.0, reference_noise=0.5)
    ramp = simulate_ramp(quiet(scene=lamp(50.0), read_noise=10.0, reference_noise=0.5, groups=30))
    mask = np.ones((128, 128), bool)
    mask[active_area((128, 128), readout)] = False
    border = ramp.data[:, mask].astype(float)
    assert mask.sum() == 4 * 4 * (128 - 4)
    assert border.mean() == pytest.approx(SILENT.pedestal, abs=0.2)
    assert border.std() == pytest.approx(5.0, rel=0.02)
    assert np.array_equal(ramp.truth["rate"] == 0.0, mask)


def test_photon_transfer_over_the_ramp_gives_the_gain():
    ramp = simulate_ramp(quiet(scene=lamp(40.0), gain=2.05, read_noise=4.0, groups=20))
    steps = np.diff(inner(ramp.data), axis=0)
    variance = steps.var(axis=(1, 2)).mean() - 2.0 * (4.0 / 2.05) ** 2 - 2.0 / 12.0
    assert steps.mean() / variance == pytest.approx(2.05, rel=0.02)
    assert steps.mean() * 2.05 / READ_PATTERNS["RAPID"].frame_time == pytest.approx(40.0, rel=0.01)


def test_charge_only_grows_so_that_noise_of_photons_is_shared_by_later_reads():
    ramp = simulate_ramp(quiet(scene=lamp(40.0), groups=6))
    values = inner(ramp.data)
    assert (np.diff(values, axis=0) >= 0).all()
    steps = np.diff(values, axis=0)
    assert abs(np.corrcoef(steps[0].ravel(), steps[1].ravel())[0, 1]) < 0.03


def test_noise_of_a_reset_stays_within_a_ramp_and_changes_with_the_next():
    settings_ = quiet(ktc_noise=30.0, groups=4, integrations=3)
    ramp = simulate_ramp(settings_, seed=4)
    values = ramp.data.astype(float)
    assert ramp.data.shape == (3, 4, 128, 128)
    assert np.abs(values - values[:, :1]).max() <= 3.0  # dark current alone
    for integration in range(3):
        drawn = reset_noise(settings_, 4, 0, integration)
        assert np.abs(values[integration, 0] - SILENT.pedestal - drawn).max() < 3.0
    offsets = values[1, 0] - values[0, 0]
    assert offsets.std() == pytest.approx(30.0 * np.sqrt(2.0), rel=0.03)


def test_the_fixed_pattern_belongs_to_the_serial_number():
    first, second = (simulate_ramp(quiet(pattern=400.0, output_offset=200.0), seed=seed).data[0] for seed in (1, 2))
    assert np.abs(first.astype(int) - second).max() <= 3
    level = fixed_pattern((128, 128), replace(SILENT, pattern=400.0, output_offset=200.0), 0)
    assert np.abs(first - level).max() < 4.0
    assert (level[:, :32] - level[:, :32].mean()).std() == pytest.approx(400.0, rel=0.05)
    other = configure_ramp("RAPID", serial=1, shape=(128, 128), groups=1)
    assert abs(np.corrcoef(simulate_ramp(other).truth["level"].ravel(), level.ravel())[0, 1]) < 0.1


def test_jumps_are_where_the_truth_says():
    rays = replace(NO_RAYS, cosmic_rate=20.0, dark_current=0.0)
    ramp = simulate_ramp(quiet("SHALLOW2", shape=(200, 200), detector=rays, groups=8, integrations=2), seed=3)
    steps = np.diff(ramp.data.astype(int), axis=1, prepend=int(SILENT.pedestal))
    hits = ramp.truth["hits"]
    assert hits.size > 300
    gathered = np.zeros(steps.shape)
    np.add.at(gathered, tuple(hits[name] for name in ("integration", "group", "y", "x")), hits["electrons"])
    # What comes with the second read of a group shows half of itself, and the rest in the next group.
    assert ((steps > 0) <= (gathered + np.roll(gathered, 1, axis=1) > 0)).all()
    settled = gathered[:, -1] == 0.0
    total = ramp.data[:, -1].astype(float) - SILENT.pedestal
    assert total[settled] == pytest.approx(np.minimum(gathered.sum(axis=1), NO_RAYS.full_well)[settled], abs=1.0)
    assert (total[settled] > 0).sum() > 200
    assert np.isin(hits["read"] - 5 * hits["group"], (0, 1)).all()


def test_inter_pixel_capacitance_spreads_a_pixel_over_its_neighbours_and_keeps_the_sum():
    charge = np.zeros((5, 6), np.float32)
    charge[2, 3] = 1000.0
    shown = couple(charge, 0.01)
    assert shown[2, 3] == pytest.approx(960.0)
    assert [shown[1, 3], shown[3, 3], shown[2, 2], shown[2, 4]] == pytest.approx([10.0] * 4)
    assert shown.sum() == pytest.approx(1000.0, rel=1e-6)
    ramp = simulate_ramp(quiet(scene=lamp(100.0), coupling=0.02, groups=8))
    noise = inner(ramp.data[-1])[10:-10, 10:-10]
    noise -= noise.mean()
    correlation = (noise[:, 1:] * noise[:, :-1]).mean() / noise.var()
    assert correlation == pytest.approx(2 * 0.02 / (1 - 4 * 0.02), abs=0.015)


def test_response_falls_with_charge():
    ramp = simulate_ramp(quiet(scene=lamp(240.0), nonlinearity=0.06, groups=20))
    signal = inner(ramp.data).mean(axis=(1, 2)) - SILENT.pedestal
    charge = 240.0 * ramp.truth["times"]
    assert 1.0 - signal / charge == pytest.approx(0.06 * charge / NO_RAYS.full_well, abs=2e-3)


def test_full_wells_and_the_converter_saturate():
    well = replace(NO_RAYS, full_well=30_000.0)
    ramp = simulate_ramp(quiet(scene=lamp(2000.0), detector=well, groups=4))
    assert (inner(ramp.data[-1]) == SILENT.pedestal + 30_000.0).all()
    ramp = simulate_ramp(quiet(scene=lamp(5000.0), groups=4))
    assert (inner(ramp.data[-1]) == 65535).all()
    assert (ramp.data[-1, 0] == SILENT.pedestal).all()


@pytest.mark.parametrize("name", ["BRIGHT2", "SHALLOW4", "MEDIUM8", "NRSIRS2"])
def test_averages_have_the_noise_that_theory_says(name):
    ramp = simulate_ramp(quiet(name, read_noise=12.0, groups=12, detector=replace(NO_RAYS, dark_current=0.0)))
    frames = READ_PATTERNS[name].frames
    # White noise and the rounding of each read shrink with their number; the mean is rounded once more.
    theory = (12.0**2 + 1.0 / 12.0) / frames + 1.0 / 12.0
    assert inner(ramp.data).var() == pytest.approx(theory, rel=0.03)
    assert inner(ramp.data).mean() == pytest.approx(SILENT.pedestal + 0.5 / frames * (frames % 2 == 0), abs=0.1)


@pytest.mark.parametrize(("name", "rate"), [("MEDIUM8", 30.0), ("SHALLOW4", 60.0)])
def test_photon_noise_of_averaged_groups_is_correlated_as_theory_says(name, rate):
    """Reads of a group share what came before them: Rauscher et al. 2007, equation 1."""
    ramp = simulate_ramp(quiet(name, scene=lamp(rate), groups=8))
    reads, electrons = READ_PATTERNS[name], rate * READ_PATTERNS[name].frame_time
    m, stride = reads.frames, reads.frames + reads.gap
    # Weights of the charge of each read's interval in the difference of two groups' means.
    weights = [
        sum(f >= r for f in range(stride, stride + m)) / m - sum(f >= r for f in range(m)) / m
        for r in range(stride + m)
    ]
    steps = np.diff(inner(ramp.data), axis=0)
    assert steps.var(axis=(1, 2)).mean() == pytest.approx(electrons * np.sum(np.square(weights)) + 1.0 / 6.0, rel=0.03)


def test_persistence_glows_after_a_bright_ramp():
    bright = quiet(scene=lamp(1000.0), groups=3, integrations=1)
    settings_ = replace(
        bright, integrations=2, readout=replace(bright.readout, persistence=0.02, persistence_time=100.0)
    )
    plain = simulate_ramp(replace(bright, integrations=2)).data.astype(float)
    trapped = simulate_ramp(settings_).data.astype(float)
    frame = bright.reads.frame_time
    held = 0.02 * 1000.0 * 3 * frame * np.exp(-frame / 100.0)
    glow = inner(trapped - plain)[1].mean(axis=(1, 2))
    assert np.abs(inner(trapped - plain)[0].mean()) < 5.0
    assert glow == pytest.approx(held * -np.expm1(-np.arange(1, 4) * frame / 100.0), abs=6.0)


# Whole ramps


@pytest.mark.parametrize("name", ["SHALLOW2", "NRSIRS2RAPID"])
def test_a_seed_fixes_a_ramp(name):
    first, again = (simulate_ramp(name, shape=(48, 64), groups=3, seed=7) for _ in range(2))
    other, exposure = (
        simulate_ramp(name, shape=(48, 64), groups=3, **seeds) for seeds in ({"seed": 8}, {"seed": 7, "exposure": 1})
    )
    assert np.array_equal(first.data, again.data)
    assert np.array_equal(first.truth["hits"], again.truth["hits"])
    assert not np.array_equal(first.data, other.data)
    assert not np.array_equal(first.data, exposure.data)
    assert np.array_equal(first.truth["rate"], exposure.truth["rate"])
    assert not np.array_equal(first.truth["rate"], other.truth["rate"])


def test_groups_come_one_after_the_other():
    settings_ = configure_ramp("BRIGHT1", shape=(40, 40), groups=3, integrations=2)
    whole = simulate_ramp(settings_, seed=5).data
    for group in expose_ramp(settings_, seed=5):
        assert np.array_equal(group.data, whole[group.integration, group.group])


def test_long_ramps_need_no_more_memory_than_short_ones():
    peaks = []
    for groups in (2, 12):
        tracemalloc.start()
        for group in expose_ramp(configure_ramp("RAPID", shape=(256, 256), groups=groups)):
            assert group.data.dtype == np.uint16
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.15 * peaks[0]


def test_reads_of_a_default_ramp_are_far_more_alike_than_pixels():
    ramp = simulate_ramp("RAPID", shape=(256, 256), groups=4, seed=2)
    in_time = np.median(np.abs(np.diff(ramp.data.astype(int), axis=0)))
    in_space = np.median(np.abs(np.diff(ramp.data.astype(int), axis=2)))
    assert in_space > 50 * in_time > 50


@given(
    name=st.sampled_from(sorted(READ_PATTERNS)),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 70)),
    groups=st.integers(1, 3),
    integrations=st.integers(1, 3),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=40, deadline=None)
def test_any_shape_gives_a_ramp_of_that_shape(name, shape, groups, integrations, seed):
    ramp = simulate_ramp(name, shape=shape, groups=groups, integrations=integrations, seed=seed)
    assert ramp.data.dtype == np.uint16
    assert ramp.data.shape == ((integrations,) if integrations > 1 else ()) + (groups, *shape)
    assert ramp.truth["rate"].shape == ramp.truth["level"].shape == shape
    header = ramp.header()
    assert len(header.tostring()) % 2880 == 0
    assert (header["SIMSEED"], header["NGROUPS"], header["READPATT"]) == (seed, groups, name)


@given(shape=st.tuples(st.integers(1, 300), st.integers(1, 300)), outputs=st.integers(1, 32), border=st.integers(0, 64))
@settings(max_examples=60, deadline=None)
def test_strips_cover_all_columns_and_some_pixels_see_light(shape, outputs, border):
    readout = replace(SILENT, outputs=outputs, border=border)
    strips = output_strips(shape, readout)
    assert [x for strip in strips for x in range(strip.start, strip.stop)] == list(range(shape[1]))
    assert len(strips) <= outputs
    rows, columns = active_area(shape, readout)
    assert 0 <= rows.start < rows.stop <= shape[0]
    assert 0 <= columns.start < columns.stop <= shape[1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: simulate_ramp("FASTR1"), "pattern is 'FASTR1'; allowed are RAPID"),
        (lambda: simulate_ramp(groups=0), "groups is 0"),
        (lambda: simulate_ramp(integrations=0), "integrations is 0"),
        (lambda: simulate_ramp(shape=(0, 3)), r"shape is \(0, 3\)"),
        (lambda: simulate_ramp(shape=(4096, 4096), groups=1000), "pixels of the ramp is"),
        (lambda: simulate_ramp(seed=-1), "seed is -1"),
        (lambda: expose_ramp(configure_ramp(), exposure=-1), "exposure is -1"),
        (lambda: Readout(coupling=0.3), "Readout.coupling is 0.3; allowed is 0.0 to 0.2"),
        (lambda: Readout(ktc_noise=float("nan")), "Readout.ktc_noise is nan"),
    ],
)
def test_wrong_parameters_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_header_tells_the_pattern_and_that_nothing_was_observed():
    header = simulate_ramp("SHALLOW4", shape=(64, 64), groups=2, seed=3).header()
    assert (header["NFRAMES"], header["GROUPGAP"], header["NINTS"]) == (4, 1, 1)
    assert header["TGROUP"] == pytest.approx(5 * 10.73676)
    assert header["DATASEC"] == "[5:60,5:60]"
    assert "not an observation" in str(header["HISTORY"])


@pytest.mark.parametrize("name", ["converter", "hxrg", "pink_noise", "ramp", "ramp_settings", "read_patterns"])
def test_examples_in_docstrings(name):
    outcome = doctest.testmod(importlib.import_module(f"astrocodec.simulate.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
