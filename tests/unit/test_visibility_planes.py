"""ELIC and QH-VAE on visibilities: what comes back, what is left out, damage, sizes, and how they learn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")
pytest.importorskip("constriction")

import torch

import astrocodec
from astrocodec.bench.visibilities.paper_columns import paper_columns
from astrocodec.bench.visibilities.peer import Coded
from astrocodec.bench.visibilities.sets import VisSet
from astrocodec.errors import FormatError
from astrocodec.learning.count_sizes import counted
from astrocodec.learning.visibility_parts import PARTS, part_of
from astrocodec.lossy import elic_network, elic_tiles, qhvae_network, qhvae_tiles, visibility_training
from astrocodec.lossy.exchange import Exchange
from astrocodec.lossy.plane_filling import filled
from astrocodec.lossy.plane_mosaic import Mosaic
from astrocodec.lossy.plane_scales import Scales, of_rms
from astrocodec.lossy.weights import FOLDER, load_weights, save_weights
from astrocodec.stages.stream import read_header

NAMES = ("elic_visibility", "qhvae_visibility")


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Small networks that learned nothing, where streams find them."""
    folder = tmp_path_factory.mktemp("weights")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASTROCODEC_MODELS", str(folder))
        torch.manual_seed(4)
        elic = elic_network.ElicNetwork(elic_network.Size(8, (2, 4, 6), 6, heads=(2,)))
        qhvae = qhvae_network.QhvaeNetwork(qhvae_network.Size(8, 8, ((4,), (4, 4), (12,)), heads=(2,)))
        yield {
            "elic_visibility": elic_tiles.save(elic, folder, "elic_visibility"),
            "qhvae_visibility": qhvae_tiles.save(qhvae, folder, "qhvae_visibility"),
        }
    torch.set_num_threads(threads)


def visibilities(shape: tuple[int, ...] = (12, 9, 8, 2), seed: int = 1) -> NDArray[np.complex64]:
    """Fringes and noise of 2."""
    rng = np.random.default_rng(seed)
    time, baseline, channel, _ = (np.arange(n).reshape(-1, *[1] * (3 - i)) for i, n in enumerate(shape))
    fringe = 7 * np.exp(0.1j * time + 0.7j * baseline + 0.05j * channel)
    noise = 2 * rng.standard_normal((*shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    return (fringe + noise).astype(np.complex64)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("dtype", "shape"),
    [
        *(("c8", shape) for shape in ((12, 9, 8, 2), (1, 30, 20, 1), (40, 1, 3, 2), (1, 1, 1, 1), (3, 0, 4, 2))),
        ("c16", (5, 600, 1, 1)),
    ],
)
def test_shapes_come_back(name: str, dtype: str, shape: tuple[int, ...], weights: dict[str, Path]) -> None:
    """A single time, baseline or channel among them; planes beside each other and larger than a tile."""
    vis = visibilities(shape).astype(dtype)
    stream = astrocodec.encode(vis, codec=name, quality=7, weights=weights[name])
    decoded = astrocodec.decode(stream, device="cpu")
    assert (decoded.dtype, decoded.shape) == (vis.dtype, vis.shape)
    assert np.isfinite(decoded).all()
    assert astrocodec.inspect(stream).parameters["quality"] == 7


@pytest.mark.parametrize("name", NAMES)
def test_what_is_left_out_comes_back_as_zero_and_costs_little(name: str, weights: dict[str, Path]) -> None:
    """Flagged samples, whatever stands in them, and exact zeros."""
    vis = visibilities()
    flags = np.zeros(vis.shape, bool)
    flags[3:7, 2], flags[:, 4, 1], flags[:, :, 5] = True, True, True
    options = {"codec": name, "quality": 5, "weights": weights[name]}
    wild = np.where(flags, np.complex64(complex(np.nan, 1e30)), vis)
    stream = astrocodec.encode(wild, flags=flags, **options)
    decoded = astrocodec.decode(stream)
    assert stream == astrocodec.encode(np.where(flags, 0, vis), flags=flags, **options)
    assert not decoded[flags].any()
    assert np.isfinite(decoded).all()
    bright = np.where(flags, np.complex64(50 - 70j), vis)
    assert len(stream) < len(astrocodec.encode(bright, **options))
    zeros = astrocodec.encode(vis, flags=np.ones(vis.shape, bool), **options)
    assert len(zeros) < 150
    assert not astrocodec.decode(zeros).any()
    vis[..., 1] = 0
    assert not astrocodec.decode(astrocodec.encode(vis, **options))[..., 1].any()


def test_what_is_not_finite_stays_as_it_is(weights: dict[str, Path]) -> None:
    """Bit for bit, as do numbers far beyond the scale; nothing beside them is lost."""
    vis = visibilities()
    vis[0, 0, 0, 0], vis[1, 2, 3, 1] = complex(np.nan, 3), complex(-np.inf, np.inf)
    vis[5, 5, 5, 0] = 3e38
    name = NAMES[0]
    decoded = astrocodec.decode(astrocodec.encode(vis, codec=name, quality=7, weights=weights[name]))
    same = decoded.view(np.uint32).reshape(*vis.shape, 2) == vis.view(np.uint32).reshape(*vis.shape, 2)
    assert same.all(-1)[[0, 1, 5], [0, 2, 5], [0, 3, 5], [0, 1, 0]].all()
    assert np.abs(decoded[~same.all(-1)]).max() < 100


@pytest.mark.parametrize("name", NAMES)
def test_d_is_told(name: str, weights: dict[str, Path]) -> None:
    """What the encoder measured, against the noise that it was given; NaN where none is known."""
    vis = visibilities()
    stream = astrocodec.encode(vis, codec=name, quality=6, weights=weights[name], sigma=2.0)
    error = (astrocodec.decode(stream) - vis).astype(complex)
    said = astrocodec.inspect(stream).parameters["added_variance"]
    assert said == pytest.approx(np.mean(np.abs(error / 2) ** 2) / 2, rel=1e-4)
    alone = astrocodec.encode(vis[:1, :1, :1], codec=name, weights=weights[name])
    assert np.isnan(astrocodec.inspect(alone).parameters["added_variance"])
    coarse = astrocodec.encode(vis, codec=name, quality=6, weights=weights[name], sigma=2.0, scale="rms")
    assert len(coarse) < len(stream)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_changes_the_bytes(name: str, weights: dict[str, Path]) -> None:
    """Threads and oneDNN."""
    vis, options = visibilities((20, 30, 6, 2)), {"codec": name, "quality": 6, "weights": weights[name]}
    stream = astrocodec.encode(vis, **options)
    decoded = astrocodec.decode(stream)
    try:
        for threads, onednn in ((2, True), (1, False)):
            torch.set_num_threads(threads)
            torch.backends.mkldnn.set_flags(onednn)
            other = astrocodec.encode(vis, **options)
            assert read_header(memoryview(other))[1] == read_header(memoryview(stream))[1]
            assert np.abs(astrocodec.decode(stream) - decoded).max() < 1e-3
            assert np.abs(astrocodec.decode(other) - decoded).max() < 1e-3
    finally:
        torch.set_num_threads(1)
        torch.backends.mkldnn.set_flags(True)


@pytest.mark.parametrize("name", NAMES)
def test_size_is_within_a_percent_of_the_likelihood(
    name: str, weights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tables say that the symbols cost."""
    said = 0.0
    whole = Exchange.symbols

    def listen(self: Exchange, wanted: Any, numbers: Any, tables: Any) -> Any:
        nonlocal said
        found = whole(self, wanted, numbers, tables)
        for number in np.unique(numbers) if wanted is not None else ():
            first, frequencies = tables.table(int(number))
            symbols = found[numbers == number]
            inside = (symbols >= first) & (symbols < first + len(frequencies) - 1)
            far = np.where(symbols < 0, -2 * symbols, 2 * symbols + 1)[~inside]
            said += float((16 + 6 + np.floor(np.log2(far))).sum())
            said += float((24 - np.log2(frequencies[symbols[inside] - first])).sum())
        return found

    monkeypatch.setattr(Exchange, "symbols", listen)
    _, data = astrocodec.codecs.find_codec(name).encode(visibilities((60, 64, 6, 2)), quality=7, weights=weights[name])
    assert said < 8 * len(data) < 1.01 * said + 1200


@pytest.mark.parametrize("name", NAMES)
def test_damage_is_told(name: str, weights: dict[str, Path]) -> None:
    """Cut or changed data are a `FormatError`, or decode to something finite."""
    vis = visibilities((6, 5, 4, 1))
    vis[2, 2, 2] = np.nan
    flags = np.zeros(vis.shape, bool)
    flags[1, :3] = True
    codec = astrocodec.codecs.find_codec(name)
    parameters, data = codec.encode(vis, flags=flags, weights=weights[name])
    decoded = codec.decode(parameters, memoryview(data), vis.dtype, vis.shape, device="cpu")
    assert np.isnan(decoded).sum() == 1
    for cut in {*range(0, len(data), 9), len(data) - 1}:
        with pytest.raises(FormatError):
            codec.decode(parameters, memoryview(data[:cut]), vis.dtype, vis.shape, device="cpu")
    rng = np.random.default_rng(3)
    for _ in range(40):
        changed = bytearray(parameters + data)
        changed[rng.integers(8, len(changed))] ^= 1 << rng.integers(8)
        front, rest = bytes(changed[: len(parameters)]), memoryview(changed)[len(parameters) :]
        try:
            codec.decode(front, rest, vis.dtype, vis.shape, device="cpu")
        except FormatError:
            continue
    for dtype, shape in ((np.dtype("c8"), (1 << 20, 1 << 10, 4, 4)), (np.dtype("f4"), vis.shape), (vis.dtype, (5, 4))):
        with pytest.raises(FormatError):
            codec.decode(parameters, memoryview(data), dtype, shape, device="cpu")
    with pytest.raises(FormatError):
        codec.inspect(parameters[:-1])
    with pytest.raises(FormatError):
        codec.decode(parameters, memoryview(data), vis.dtype, (0, 1, 1, 1), device="cpu")


@pytest.mark.parametrize(
    ("vis", "options", "error", "said"),
    [
        (np.zeros((2, 2, 2, 2)), {}, TypeError, "complex64"),
        (np.zeros((2, 2), np.complex64), {}, ValueError, "time, baseline"),
        (visibilities((2, 2, 2, 1)), {"quality": 8}, ValueError, "0 to 7"),
        (visibilities((2, 2, 2, 1)), {"scale": "mean"}, ValueError, "noise, rms"),
        (visibilities((2, 2, 2, 1)), {"flags": np.zeros((2, 2), bool)}, ValueError, "flags have shape"),
    ],
)
def test_bad_arguments(
    vis: NDArray[Any], options: dict[str, Any], error: type[Exception], said: str, weights: dict[str, Path]
) -> None:
    with pytest.raises(error, match=said):
        astrocodec.encode(vis, codec=NAMES[0], **{"weights": weights[NAMES[0]], **options})


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 171, 16, 2), (600, 5, 3, 1), (2, 700, 3, 1), (20, 30, 7, 3)])
def test_planes_lie_side_by_side(shape: tuple[int, ...]) -> None:
    """And come back out of their pictures."""
    values = np.arange(np.prod(shape)).reshape(shape)
    mosaic, back = Mosaic.of(shape), np.zeros_like(values)
    count = 0
    for number in range(mosaic.pictures):
        picture = mosaic.picture(values, number)
        assert picture.shape == mosaic.sides(number)
        count += len(list(mosaic.tiles(number)))
        mosaic.put(picture, number, back)
    assert np.array_equal(back, values)
    assert count == mosaic.tile_count()


def test_scales_are_near_what_is_wanted() -> None:
    """Products of what is of baselines and of channels; what is not known is typical."""
    rng = np.random.default_rng(2)
    wanted = 3e-4 * np.exp2(rng.normal(size=(7, 1, 2)) + rng.normal(size=(1, 9, 2)))
    wanted[3, 4, 1] = np.nan
    found = Scales.fitted(wanted).of()
    assert np.nanmax(np.abs(np.log2(found / wanted))) < 0.2
    assert not Scales.fitted(np.full((2, 3, 1), np.nan)).base
    vis = visibilities()
    rms = of_rms(vis, np.ones(vis.shape, bool))
    assert rms[0, 2, 1] == pytest.approx(np.sqrt(np.mean(np.abs(vis[:, :, 2, 1]) ** 2) / 2), rel=1e-5)


def test_filling() -> None:
    """In time, then over baselines, else zeros."""
    vis, known = visibilities((6, 5, 3, 1)), np.ones((6, 5, 3, 1), bool)
    known[2:4, 0, 0], known[:, 3, 0], known[:, :, 1] = False, False, False
    known[0, 1, 2] = False
    found = filled(vis, known)
    assert np.array_equal(found[known], vis[known])
    assert found[2, 0, 0, 0] == pytest.approx((2 * vis[1, 0, 0, 0] + vis[4, 0, 0, 0]) / 3, rel=1e-5)
    assert found[1, 3, 0, 0] == pytest.approx((vis[1, 2, 0, 0] + vis[1, 4, 0, 0]) / 2, rel=1e-5)
    assert not found[:, :, 1].any()
    assert found[0, 1, 2, 0] == vis[1, 1, 2, 0]


@pytest.mark.parametrize("shape", [(3, 200, 64, 4), (2, 8001, 1, 4)])
def test_parts_share_nothing(shape: tuple[int, ...]) -> None:
    """Seven, two and one of ten runs."""
    found = [part_of("a set", shape, name)[1] for name in PARTS]
    axis = part_of("a set", shape, "test")[0]
    assert sorted(np.concatenate(found).tolist()) == list(range(shape[axis]))
    assert [round(10 * len(part) / shape[axis]) for part in found] == [7, 2, 1]


def test_magnitudes_and_phases_count() -> None:
    """Gradients are finite where there is nothing, and point the right way."""
    x = torch.tensor([[3.0, 0.0, 0.0], [4.0, 0.0, 2.0]])[None, :, None]
    made = torch.tensor([[3.0, 0.0, 1.0], [4.0, 0.0, 0.0]])[None, :, None].requires_grad_()
    angles = visibility_training.phase_error(made, x)[0, 0, 0]
    assert angles[0] == 0
    assert float(angles[2].detach()) == pytest.approx(np.pi / 2 * 2 / 2.1)
    (angles.sum() + visibility_training.magnitudes(made).sum()).backward()
    assert torch.isfinite(made.grad).all()
    assert made.grad[0, 1, 0, 2] < 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: elic_network.ElicNetwork(elic_network.Size(8, (2, 4, 6), 6, heads=(2,))),
        lambda: qhvae_network.QhvaeNetwork(qhvae_network.Size(8, 8, ((4,), (12,)), heads=(2,))),
    ],
)
def test_a_step_is_learned(make: Callable[[], torch.nn.Module]) -> None:
    """The loss of a batch falls with the terms of magnitude and phase."""
    torch.manual_seed(1)
    network = make()
    x = 0.5 + torch.randn(2, 2, 64, 64) / 8
    batch = (x, torch.ones(2, 1, 64, 64), torch.tensor([2, 5]))
    loss = visibility_training.loss_of(5.0, 5.0)
    optimiser = torch.optim.Adam(network.parameters(), 2e-3)
    seen = []
    for _ in range(4):
        value, shown = loss(network, batch)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        seen.append(sum(shown[key] for key in ("bits", "magnitude", "phase")))
    assert seen[-1] < seen[0]


@pytest.mark.parametrize("system", [visibility_training.elic, visibility_training.qhvae])
def test_recipes_have_the_published_sizes(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """And refuse options that they have not."""
    monkeypatch.setattr(visibility_training, "VisibilityPictures", lambda *_, **__: None)
    with torch.device("meta"):
        network = system({"size": "published", "lambda1": "10"}, 1).network
    assert sum(parameter.numel() for parameter in network.parameters()) > 10e6
    with pytest.raises(ValueError, match="lambda3"):
        system({"lambda3": "1"}, 1)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_weights_keep_what_is_bright(name: str) -> None:
    """At the best quality errors are a small part of the noise."""
    (shipped,) = FOLDER.glob(f"{name}-*.safetensors")
    vis = visibilities((32, 32, 4, 1))
    streams = [astrocodec.encode(vis, codec=name, quality=quality, sigma=2.0, weights=shipped) for quality in (1, 4, 7)]
    added = [float(str(astrocodec.inspect(stream).parameters["added_variance"])) for stream in streams]
    assert added[0] > added[1] > added[2]
    assert added[2] < 0.05
    assert len(streams[0]) < len(streams[1]) < len(streams[2]) < 0.3 * vis.nbytes


@pytest.mark.parametrize("name", NAMES)
def test_counts_of_sizes_make_streams_shorter(name: str, weights: dict[str, Path], tmp_path: Path) -> None:
    bare = load_weights(weights[name])
    vis = visibilities((12, 9, 16, 2), 5)
    unit = visibilities((64, 64, 1, 1))[..., 0, 0] / 16
    picture = (0.5 + np.stack([unit.real, unit.imag])).astype(np.float32)
    tensors = {**bare.tensors, **counted(bare, 3 * [picture], 1)}
    assert any(key.startswith("sizes.") for key in tensors)
    made = save_weights(tensors, bare.about, name, tmp_path)
    sizes = [len(astrocodec.encode(vis, codec=name, sigma=2.0, weights=path)) for path in (made, weights[name])]
    assert sizes[0] < sizes[1]


def test_the_paper_columns_say_what_zeros_are_worth() -> None:
    """A codec that gives back zeros has an error of 1, one that turns phases one of phases only."""
    vis = visibilities((20, 15, 12, 2))
    flags = np.zeros(vis.shape, bool)
    flags[2] = True
    data = VisSet(
        "made", "simulated", np.where(flags, 0, vis), flags, np.full(vis.shape[1:], 2, np.float32),
        np.zeros((20, 15, 3)), np.arange(12.0), np.arange(20.0), np.zeros(15, np.int32), np.ones(15, np.int32), False,
    )  # fmt: skip
    zeros = paper_columns(data, Coded(np.zeros_like(vis), 1000, 1.0, 6.0))
    assert (zeros.mse, zeros.decode_channel) == (pytest.approx(1, rel=1e-5), 0.5)
    assert zeros.bpp == pytest.approx(8000 / (19 * 15 * 12))
    turned = paper_columns(data, Coded((data.vis * np.exp(0.2j)).astype(np.complex64), 1000, 1.0, 6.0))
    assert turned.magnitude_error < 1e-5
    assert turned.phase_error == pytest.approx(0.2, rel=1e-4)
