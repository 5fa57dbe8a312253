"""The VQ-VAE and the VAE of radio galaxies: shipped weights, damage, portability, and a step of learning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("constriction")
pytest.importorskip("safetensors")

import torch
from astropy.io import fits
from numpy.typing import NDArray

import astrocodec
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError
from astrocodec.learning.radio_galaxies import draw, held_back, simulated_noise
from astrocodec.learning.train_lossy import find_recipe, fit
from astrocodec.lossy import stretch, trunk, vae, vqvae
from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder
from astrocodec.lossy.phase_context import ExactContext, PhaseContext, at

CODECS = {"vqvae": 7, "vae": 6}  # and their highest quality


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these wait for their second thread longer than they work, where others work beside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def sky(shape: tuple[int, ...] = (40, 51), seed: int = 0) -> NDArray[np.float32]:
    """Noise of an interferometer and two sources, in Jy per beam."""
    rng = np.random.default_rng(seed)
    noise = simulated_noise(rng, (1, *shape))[0]
    y, x = np.indices(shape)
    for row, column, flux in ((0.5, 0.4, 60.0), (0.55, 0.6, 25.0)):
        noise += flux * np.exp(-((y - row * shape[0]) ** 2 + (x - column * shape[1]) ** 2) / 3.2)
    return (1.5e-4 * noise).astype(np.float32)


@pytest.mark.parametrize("codec", CODECS)
def test_more_bits_are_less_error(codec: str) -> None:
    """Sizes grow and errors fall with quality; the highest is far below the noise, and sources stay."""
    image = sky((64, 64))
    scale = stretch.measure(image)

    def seen(values: NDArray[Any]) -> NDArray[np.float32]:
        return stretch.stretch(values, *scale)

    sizes, errors = [], []
    for quality in range(CODECS[codec] + 1):
        stream = astrocodec.encode(image, codec=codec, quality=quality)
        decoded = astrocodec.decode(stream)
        assert (decoded.dtype, decoded.shape) == (image.dtype, image.shape)
        sizes.append(len(stream))
        errors.append(float(np.std(seen(decoded) - seen(image))))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert sizes[-1] < 1.6 * image.size / 8 + 100
    assert errors[-1] < 0.1 < errors[0] < 0.36  # of a third for nothing but noise
    bright = image > 5 * 1.5e-4  # whose flux is measured on real cut-outs too
    assert abs(decoded[bright].sum() / image[bright].sum() - 1) < 0.1


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_planes_of_any_size(codec: str, dtype: str) -> None:
    """Cubes, planes smaller than a vector, a plane without noise, and none."""
    low = np.iinfo(dtype).min if dtype == "int16" else 0
    for shape in ((2, 3, 21, 9), (1, 1), (3, 5), (0, 7), (2, 0, 8)):
        cube = (np.random.default_rng(3).normal(200, 30, shape) + low).clip(low).astype(dtype)
        decoded = astrocodec.decode(astrocodec.encode(cube, codec=codec, quality=CODECS[codec]))
        assert (decoded.dtype, decoded.shape) == (cube.dtype, shape)
        if min(shape[-2:]) >= 9:
            assert np.std(decoded.astype(float) - cube) < 25
    flat = np.full((20, 20), 7, dtype)
    assert np.abs(astrocodec.decode(astrocodec.encode(flat, codec=codec)) - flat.astype(float)).max() <= 1.5


@pytest.mark.parametrize("codec", CODECS)
def test_ends_of_a_range(codec: str) -> None:
    """Integers are cut to their type, floats stay finite."""
    ends = np.where(np.indices((24, 24)).sum(0) % 2, 65535, 0).astype(np.uint16)
    assert astrocodec.decode(astrocodec.encode(ends, codec=codec)).dtype == np.uint16
    for huge in (3e38, 1e-40):
        image = (sky((24, 24)) / 0.01 * huge).clip(-3.4e38, 3.4e38).astype(np.float32)
        assert np.isfinite(astrocodec.decode(astrocodec.encode(image, codec=codec))).all()


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_refused(codec: str) -> None:
    """Not-a-number, other types, lines, qualities that there are not, weights of another."""
    image = sky()
    image[3, 4] = np.nan
    with pytest.raises(ValueError, match="1 pixels are no finite numbers"):
        astrocodec.encode(image, codec=codec)
    with pytest.raises(TypeError, match="float64"):
        astrocodec.encode(sky().astype(float), codec=codec)
    with pytest.raises(ValueError, match=r"\[..., y, x\]"):
        astrocodec.encode(sky()[0], codec=codec)
    for quality in (-1, CODECS[codec] + 1):
        with pytest.raises(ValueError, match=f"quality {quality} found, 0 to {CODECS[codec]} allowed"):
            astrocodec.encode(sky(), codec=codec, quality=quality)
    with pytest.raises(ModelNotFoundError, match="nowhere"):
        astrocodec.encode(sky(), codec=codec, weights="nowhere")
    with pytest.raises(ValueError, match="needs its own"):
        astrocodec.encode(sky(), codec=codec, weights=min(set(CODECS) - {codec}))


@pytest.mark.parametrize("codec", CODECS)
def test_damage_is_told(codec: str) -> None:
    """Whatever is changed or cut, with a checksum that fits or without, is an error of the format or other pixels."""
    image = sky((24, 24))
    stream = astrocodec.encode(image, codec=codec, quality=1)
    for length in range(0, len(stream), 7):
        with pytest.raises(FormatError):
            astrocodec.decode(stream[:length])
    made = {"vqvae": vqvae.vqvae, "vae": vae.vae}[codec]()
    parameters, data = made.encode(image, quality=1)
    rng = np.random.default_rng(1)
    found = []
    for _ in range(40):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
        try:
            found.append(made.decode(parameters, memoryview(changed), image.dtype, image.shape, device="cpu"))
        except FormatError:
            continue
    assert len(found) < 40
    for bad, message in ((data[:5], "5 bytes found"), (data + bytes(4), "last word is 0")):
        with pytest.raises(CorruptError, match=message):
            made.decode(parameters, memoryview(bad), image.dtype, image.shape, device="cpu")
    with pytest.raises(CorruptError, match="99"):
        made.decode(parameters[:-1] + b"\x63", memoryview(data), image.dtype, image.shape, device="cpu")
    assert "not for photometry" in made.inspect(parameters)["loss"]
    with pytest.raises(CorruptError, match="not 9"):
        made.inspect(parameters[:-1])
    with pytest.raises(ModelNotFoundError, match="0000000000000000"):
        made.decode(bytes(8) + b"\x01", memoryview(data), image.dtype, image.shape, device="cpu")


@pytest.mark.parametrize("codec", CODECS)
def test_bytes_and_pixels_do_not_depend_on_how_they_are_computed(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread or two, oneDNN or not, alone or in a stack, whole or in panels."""
    image = sky((56, 60))
    stream = astrocodec.encode(image, codec=codec)
    pixels = stretch.stretch(astrocodec.decode(stream), *stretch.measure(image))
    monkeypatch.setattr(trunk, "PANEL", 4)
    try:
        torch.set_num_threads(2)
        torch.backends.mkldnn.set_flags(_enabled=False)
        assert astrocodec.encode(image, codec=codec) == stream
        other = stretch.stretch(astrocodec.decode(stream), *stretch.measure(image))
    finally:
        torch.backends.mkldnn.set_flags(_enabled=True)
        torch.set_num_threads(1)
    assert np.abs(other - pixels).max() < 1e-4
    stack = astrocodec.encode(np.stack([image, image[::-1]]), codec=codec)
    first = stretch.stretch(astrocodec.decode(stack)[0], *stretch.measure(image))
    assert np.abs(first - pixels).max() < 1e-4


@pytest.mark.parametrize(
    ("codec", "stream"),
    [
        (
            "vqvae",
            "ac0d014183021010ff09fbde0651fe8b3084010000c040917e55411975c68721affc1f3b55000085edaf0b",
        ),
        (
            "vae",
            "ac0d014283021010ff090b332405a7ddeef7010000c040917e5541bf7adf350954cc8cda12bc20a7b247b10d0100001036c2fd",
        ),
    ],
)
def test_streams_stay(codec: str, stream: str) -> None:
    """What was written is read, and written, the same on any machine; pixels to the nearest integer."""
    y, x = np.indices((16, 16))
    image = ((y * 7 + x * 13) % 11 + 40 * ((y - 8) ** 2 + (x - 7) ** 2 < 9)).astype(np.int16)
    assert astrocodec.encode(image, codec=codec, quality=1).hex() == stream
    middle = {
        "vqvae": [[30, 55, 73, 62], [38, 66, 81, 72], [34, 52, 59, 54]],
        "vae": [[33, 49, 56, 57], [38, 56, 64, 64], [35, 57, 66, 60]],
    }
    assert np.abs(astrocodec.decode(bytes.fromhex(stream))[7:10, 5:9] - middle[codec]).max() <= 1


def test_a_context_runs_as_it_learned() -> None:
    """Floats that hold whole numbers, and whole numbers, phase by phase; the other phases change nothing."""
    torch.manual_seed(2)
    context = PhaseContext(2, 3, 5, 7)
    rng = np.random.default_rng(0)
    for height, width in ((5, 6), (1, 1), (1, 4), (2, 1)):
        seen = rng.integers(-300, 300, (2, 3, height, width))
        exact = ExactContext(context.tensors(), context)
        for phase in range(4):
            found = [outputs for _, outputs in exact.run(seen, 1, phase)]
            if at(phase, seen).size == 0:
                assert not found
                continue
            with torch.no_grad():
                learned = context(torch.from_numpy(seen).float(), 1, phase).permute(0, 2, 3, 1).reshape(-1, 7)
            assert np.array_equal(np.concatenate(found), learned.numpy())


def test_a_phase_sees_its_neighbours() -> None:
    """The middle of a kernel is the place itself, in each phase."""
    context = PhaseContext(1, 1, 1, 1)
    for layer in context.hidden:
        layer.conv.weight.data.zero_()
        layer.conv.bias.data.zero_()
        layer.conv.weight.data[0, 0, 1, 1] = 0.25
    context.out[0].conv.weight.data.fill_(0.25)
    context.out[0].conv.bias.data.zero_()
    seen = 16 * torch.arange(15.0).reshape(1, 1, 3, 5)
    for phase in range(4):
        assert torch.equal(context(seen, 0, phase), at(phase, seen) / 16)


def test_frequencies_of_outputs() -> None:
    """They sum to 2^24, halve with each 32 units, and code what they were made for."""
    outputs = np.array([[0, -32, -64, -2047], [5, 5, 5, 5], [-2047, 2047, 0, 0]])
    rows = vqvae.frequencies(outputs)
    assert (rows.sum(1) == 1 << 24).all()
    assert rows.min() >= 1
    assert np.abs(rows[0, 0] / rows[0, 1] - 2) < 1e-5
    assert rows[1].tolist() == [1 << 22] * 4
    powers = vqvae._powers()
    assert powers[0] == 1 << 28
    assert np.abs(powers / 2.0 ** (28 - np.arange(32) / 32) - 1).max() < 1e-8
    coder = LatticeEncoder()
    for symbols in ([3, 2, 1], [0, 1, 0], [2, 3, 3]):
        coder.put_rows(np.array(symbols), rows)
    decoder = LatticeDecoder(coder.to_bytes())
    for symbols in ([3, 2, 1], [0, 1, 0], [2, 3, 3]):
        assert decoder.take_rows(np.asfortranarray(rows)).tolist() == symbols
    decoder.finish()
    with pytest.raises(ValueError, match="rows sum to 16777216"):
        coder.put_rows(np.array([0]), rows[:1] + 1)


def test_a_stretch_comes_back() -> None:
    """Floats nearly, integers exactly."""
    image = sky()
    middle, unit = stretch.measure(image)
    y = stretch.stretch(image, middle, unit)
    assert 0.3 < np.median(np.abs(y)) * 1.4826 < 0.35
    assert np.allclose(stretch.unstretch(y, middle, unit, image.dtype), image, rtol=1e-5, atol=1e-10)
    counts = np.arange(0, 60000, 7, dtype=np.uint16).reshape(2, -1)
    scale = stretch.measure(counts)
    assert np.array_equal(stretch.unstretch(stretch.stretch(counts, *scale), *scale, counts.dtype), counts)


def test_cutouts_that_are_held_back() -> None:
    """A third, none of which is trained on."""
    paths = [Path(f"{number}.fits") for number in range(10)]
    learned, tested = held_back(paths[::-1])
    assert (len(learned), len(tested)) == (6, 4)
    assert not set(learned) & set(tested)


@pytest.mark.parametrize("system", CODECS)
@pytest.mark.parametrize("size", ["small", "published"])
def test_configurations_learn_a_step(system: str, size: str, tmp_path: Path) -> None:
    """The network, then the context, which alone changes; what is saved codes."""
    for number in range(2):
        fits.writeto(tmp_path / f"{number}.fits", sky((40, 40), number))
    options = {"data": str(tmp_path), "size": size, "side": "16", "count": "1"}
    kept: dict[str, Any] = {"steps": 1, "seed": 1, "log": lambda line: None}
    recipe = find_recipe(system, options, 1)
    before = recipe.network.decoder[0].weight.detach().clone()  # type: ignore[index, union-attr, operator]
    assert fit(recipe, checkpoint=tmp_path / "network.pt", **kept)
    after = recipe.network.decoder[0].weight.detach().clone()  # type: ignore[index, union-attr, operator]
    assert not torch.equal(before, after)
    with pytest.raises(ValueError, match="options colour and part 'context' found"):
        find_recipe(system, {**options, "part": "context", "colour": "red"}, 1)
    context = find_recipe(system, {**options, "part": "context"}, 1)
    context.network.load_state_dict(recipe.network.state_dict())
    assert fit(context, checkpoint=tmp_path / "context.pt", **kept)
    assert torch.equal(after, context.network.decoder[0].weight)  # type: ignore[index, union-attr, operator]
    assert not torch.equal(
        context.network.context.out[0].conv.bias,  # type: ignore[index, union-attr, operator]
        recipe.network.context.out[0].conv.bias,  # type: ignore[index, union-attr, operator]
    )
    assert context.save(context.network, tmp_path).name.startswith(f"{system}-")


def test_squares_to_learn_from_are_the_same_each_time() -> None:
    """And of the noise that they are measured in."""
    skies = np.stack([sky((60, 60), seed) / 1.5e-4 for seed in range(2)])
    first, second = (draw(np.random.default_rng(4), skies, 6, 32) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == (6, 1, 32, 32)
    assert 0.25 < 1.4826 * np.median(np.abs(first - np.median(first))) < 0.45
