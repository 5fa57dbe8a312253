from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

import astrocodec
from astrocodec import _native, tuning
from astrocodec.codec import same_bits
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, VersionError
from astrocodec.model import Model
from astrocodec.simulate import configure, observe
from astrocodec.stages.weights import Weights, limit_rows


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    rng = np.random.default_rng(3)
    smooth = np.cumsum(np.cumsum(rng.normal(0, 1, (300, 400)), 0), 1) / 40
    return (smooth - smooth.min() + rng.normal(20, 1.5, smooth.shape)).clip(0).astype(np.uint16)


@pytest.fixture(scope="module")
def tuned(frame: np.ndarray) -> Model:
    return astrocodec.tune(frame, effort=3)


def test_tuning_pays_for_itself(frame: np.ndarray, tuned: Model) -> None:
    general = astrocodec.encode(frame)
    assert len(astrocodec.encode(frame, tuned)) < len(general)
    assert len(tuned.delta()) <= 944


def test_embedded_and_separate_models(frame: np.ndarray, tuned: Model) -> None:
    assert (astrocodec.decode(astrocodec.encode(frame, tuned)) == frame).all()
    bare = astrocodec.encode(frame, tuned, embed_model=False)
    assert (astrocodec.decode(bare, models=[tuned]) == frame).all()
    with pytest.raises(ModelNotFoundError, match=tuned.fingerprint):
        astrocodec.decode(bare)


def test_delta_rebuilds_the_model(tuned: Model, tmp_path) -> None:
    again = Model.from_delta(tuned.delta())
    assert again.fingerprint == tuned.fingerprint
    tuned.save(tmp_path / "m.acm")
    assert astrocodec.load_model(tmp_path / "m.acm").fingerprint == tuned.fingerprint


def test_little_data_is_not_tuned() -> None:
    assert astrocodec.tune(np.zeros((16, 16), np.uint16)).is_shipped


def test_a_small_budget_is_kept(frame: np.ndarray) -> None:
    model = astrocodec.tune(frame, max_bytes=300, effort=2)
    assert model.is_shipped or len(model.delta()) <= 300


@pytest.mark.parametrize(("option", "value"), [("effort", 0), ("effort", 10), ("max_bytes", 3)])
def test_bad_options(frame: np.ndarray, option: str, value: int) -> None:
    with pytest.raises(ValueError, match=option):
        astrocodec.tune(frame, **{option: value})


def test_damaged_models(tuned: Model) -> None:
    data = tuned.to_bytes()
    for damaged, kind in (
        (data[:-3], CorruptError),
        (b"XYZ" + data[3:], FormatError),
        (data[:3] + b"\x02" + data[4:], VersionError),
        (data[:20] + bytes([data[20] ^ 1]) + data[21:], CorruptError),
    ):
        with pytest.raises(kind):
            astrocodec.load_model(damaged)
    with pytest.raises(ModelNotFoundError, match=f"its base {'00' * 8} is "):
        Model.from_delta(tuned.delta()[:1] + bytes(8) + tuned.delta()[9:])


def test_shipped_models() -> None:
    assert "default" in astrocodec.list_models()
    model = astrocodec.load_model()
    assert model.is_shipped
    assert Model.from_bytes(model.to_bytes()).fingerprint == model.fingerprint


@pytest.mark.parametrize("make", [lambda a: a.astype("c8") * (1 + 2j), lambda a: a.astype("f2"), lambda a: a > 300])
def test_other_types_are_tuned(frame: np.ndarray, make: Callable[[np.ndarray], np.ndarray]) -> None:
    array = make(frame)
    model = astrocodec.tune(array, effort=1)
    assert same_bits(astrocodec.decode(astrocodec.encode(array, model)), array)
    assert (model == astrocodec.load_model()) == (array.dtype == bool)


def fit(frame: np.ndarray, **options: float) -> _native.Fitted:
    general = _native.native_model(astrocodec.load_model())
    places = np.random.default_rng(1).permutation(frame.size // 2).astype(np.uint32)
    contexts = np.empty(places.size, _native.CONTEXT)
    _native.piece_contexts(frame, np.arange(0, frame.size, 2, dtype=np.uint32), contexts, places)
    chosen = {"steps": 3000, "first_round": 200, "batch": 64, "outputs_only": False, "seed": 0}
    rates = {"rate": 6e-3, "least": 1e-3, "charge": 0.0}
    return _native.tune_weights(general, general, contexts, **chosen | rates | options)


def test_steps_end_where_nothing_is_gained(frame: np.ndarray) -> None:
    new = exposure(3)
    much, little = fit(new), fit(new, least=0.05)
    assert much.steps == 3000
    assert little.steps < 2000
    assert max(much.end, little.end) < 0.8 * little.start
    noise = np.random.default_rng(4).normal(500, 9, (300, 400)).astype(np.uint16)
    assert fit(noise).steps < 2000


def test_a_fit_is_given_up_where_a_rival_is_ahead() -> None:
    new = exposure(3)
    whole = fit(new)
    assert whole.end < whole.early < whole.start
    given_up = fit(new, rival=whole.early * 0.99)
    assert given_up.steps == 400
    assert given_up.early == given_up.end == whole.early
    assert fit(new, rival=whole.early) == whole


def test_inputs_that_are_much_alike_slow_nothing_down() -> None:
    """Steps go along directions in which they vary alone; 600 of them along the inputs come to 0.786."""
    found = fit(exposure(3), steps=600, batch=256)
    assert found.end < 0.782 * found.start


def test_what_gains_nothing_on_samples_held_back_is_not_taken() -> None:
    noise = np.random.default_rng(5).normal(500, 9, (64, 64)).astype(np.uint16)
    found = fit(noise, rate=30.0)
    assert found.weights == astrocodec.load_model().weights
    assert found.steps == 2 * 200  # at the rate given, and at a lower one


def test_sums_stay_within_what_kernels_can_hold() -> None:
    steps = np.add.outer(np.arange(200) // 7 * 900, np.arange(300) // 5 * 777).astype(np.uint16)
    weights = Weights.from_bytes(fit(steps, rate=0.2, least=-1.0).weights)
    assert limit_rows(weights).to_bytes() == weights.to_bytes()
    assert weights.to_bytes() != astrocodec.load_model().weights


@pytest.mark.parametrize("level", _native.SIMD_LEVELS)
def test_a_processor_gives_the_same_weights_each_time(
    level: str, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASTROCODEC_SIMD", level)
    try:
        first = astrocodec.tune(frame, effort=1)
    except ValueError:
        pytest.skip(f"no {level} here")
    assert astrocodec.tune(frame, effort=1) == first
    stream = astrocodec.encode(frame, first)
    monkeypatch.setenv("ASTROCODEC_SIMD", "portable")
    assert (astrocodec.decode(stream) == frame).all()
    assert len(stream) < len(astrocodec.encode(frame))


def test_more_effort_is_more_of_everything() -> None:
    efforts = [tuning._EFFORTS[effort] for effort in range(1, 10)]
    for less, more in pairwise(efforts):
        assert sum(fit.steps for fit in more.fits) > sum(fit.steps for fit in less.fits)
        assert min(fit.least for fit in more.fits) <= min(fit.least for fit in less.fits)
        assert more.look >= less.look
    assert [any(fit.wide for fit in effort.fits) for effort in efforts] == 6 * [False] + 3 * [True]
    assert [effort.race for effort in efforts] == 4 * [False] + 2 * [True] + 3 * [False]


def test_more_effort_is_never_larger() -> None:
    new = exposure(3)
    sizes = [len(astrocodec.encode(new, astrocodec.tune(new, effort=effort))) for effort in (1, 3, 5, 7)]
    assert all(later <= 1.001 * earlier for earlier, later in pairwise(sizes))
    assert sizes[-1] < 0.996 * sizes[0]


def test_the_wide_model_is_tuned_where_a_frame_is_large_and_its_difference_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide, asked = astrocodec.load_model("wide"), []
    real = _native.tune_weights

    def noted(base: object, *arguments: object, **options: int) -> _native.Fitted:
        asked.append(base is _native.native_model(wide))
        return real(base, *arguments, **options | {"steps": 300})

    monkeypatch.setattr(_native, "tune_weights", noted)
    new = exposure(5)
    for effort, room, expected in ((7, 4096, True), (9, 4096, True), (7, 944, False), (4, 4096, False)):
        asked.clear()
        model = astrocodec.tune(new, effort=effort, max_bytes=room)
        assert any(asked) == expected
        assert model.is_shipped or len(model.delta()) <= room


def test_the_wide_model_is_taken_untuned_where_that_is_smaller() -> None:
    new = observe(configure("bias", shape=(400, 640)), seed=1).data
    model = astrocodec.tune(new, max_bytes=64, effort=1)
    assert model == astrocodec.load_model("wide")
    stream = astrocodec.encode(new, model)
    assert len(stream) < len(astrocodec.encode(new))
    assert (astrocodec.decode(stream) == new).all()


def test_a_small_image_is_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    small, asked = np.random.default_rng(6).poisson(40, (80, 80)).astype(np.uint16), []
    real = _native.tune_weights

    def counted(*arguments: object, **options: int) -> _native.Fitted:
        asked.append((arguments[2].size, options["steps"]))
        return real(*arguments, **options)

    monkeypatch.setattr(_native, "tune_weights", counted)
    astrocodec.tune(small, effort=7)
    assert asked
    assert min(steps for _, steps in asked) < tuning._EFFORTS[5].fits[0].steps  # the short fit is among them
    for contexts, steps in asked:
        assert contexts <= small.size
        assert steps < tuning._EFFORTS[7].fits[0].steps / 10


def exposure(seed: int) -> np.ndarray:
    """Of one camera, whose noise runs along rows and whose columns repeat by three."""
    noise = np.random.default_rng(seed).normal(0, 9, (300, 402))
    smeared = noise[:, :-2] + noise[:, 1:-1] + noise[:, 2:]
    return (1000 + 40 * (np.arange(400) % 3) + smeared).astype(np.uint16)


def test_the_last_model_of_a_camera_is_a_start() -> None:
    last, new = astrocodec.tune(exposure(1), effort=3), exposure(2)
    again = astrocodec.tune(new, last, effort=1)
    assert again.base == last.base
    assert len(astrocodec.encode(new, again)) < 0.998 * len(astrocodec.encode(new, astrocodec.tune(new, effort=1)))


def test_bands_are_of_pieces_as_they_are_cut_and_by_area() -> None:
    frame = np.random.default_rng(3).normal(1000, 2, (1500, 1400)).astype(np.uint16)
    frame[:, :3] = 0, 5405, 60000
    frame[:, 400:] += 300
    bands = tuning._bands(frame[None], False, np.random.default_rng(0), 24, astrocodec.load_model())
    widths = [band.samples.shape[1] for band in bands]
    assert max(widths) <= 512
    assert all(np.ptp(band.samples) < 100 for band in bands if band.samples.shape[1] > 2), "none crosses a break"
    assert sum(widths) > 20 * 300, "nearly all are of wide pieces"


def test_the_model_of_a_small_frame_costs_its_bytes_once() -> None:
    """It stands in the stream or tile; in the cards of several tiles each byte takes half as much again."""
    noise = np.random.default_rng(5).normal(0, 40, (100, 101))
    frame = (3000 + noise[:, 1:] - 0.38 * noise[:, :-1]).astype(np.uint16)
    model = astrocodec.tune(frame)
    assert model.base is not None
    saved = len(astrocodec.encode(frame)) - len(astrocodec.encode(frame, model, embed_model=False))
    assert len(model.delta()) < saved < 1.5 * len(model.delta())
