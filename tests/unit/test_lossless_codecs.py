"""Learned lossless codecs through every door, with weights that have learned nothing yet."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("constriction")
pytest.importorskip("safetensors")

import torch
from astropy.io import fits
from click.testing import CliRunner
from numpy.typing import NDArray

import astrocodec
import fits_tiles
from astrocodec import codecs
from astrocodec.cli import cli
from astrocodec.codec import same_bits
from astrocodec.errors import CodecNotFoundError, CorruptError, FormatError, ModelNotFoundError
from astrocodec.learning.train_lossless import RECIPES, lossless_recipe, train_lossless
from astrocodec.lossless.patch_codec import PatchCodec, symbol_groups
from astrocodec.lossless.patches import cut, to_words
from astrocodec.lossless.pixel_format import PixelFormat
from astrocodec.lossy.weights import load_weights, save_weights

CODECS = [name for name, module in RECIPES.items() if find_spec(module)]
FOLDER = Path(astrocodec.__file__).parent / "lossless" / "weights"
each_codec = pytest.mark.parametrize("name", CODECS)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as these wait for their second thread longer than they work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of every codec, bytes of one frame."""
    made = tmp_path_factory.mktemp("weights")
    for name in CODECS:
        tiny(name, PixelFormat(), made)
    return made


@pytest.fixture(autouse=True)
def found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let codecs find these weights before the package's own."""
    monkeypatch.setenv("ASTROCODEC_MODELS", str(folder))


def tiny(name: str, form: PixelFormat, where: Path, seed: int = 0) -> Path:
    """Weights of a tiny network."""
    torch.manual_seed(seed)
    recipe = lossless_recipe(name, form, {"size": "tiny"})
    return recipe.save(recipe.network.eval(), where)


def frame(shape: tuple[int, ...] = (32, 32), dtype: str = "uint16", spread: float = 8) -> NDArray[Any]:
    """Noise around some level."""
    return np.random.default_rng(5).normal(100, spread, shape).astype(dtype)


def symbols_of(codec: PatchCodec, values: NDArray[Any], weights: Path | None = None) -> NDArray[np.int64]:
    """As the codec's network is given them."""
    form = codec.system(weights).format
    return next(symbol_groups(cut(to_words(values, 0), form.frames), form))[0]


@each_codec
@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint8", "int32", "uint64"])
def test_integers_come_back(name: str, dtype: str) -> None:
    """Of any width whose range fits 16 bits; the network codes them."""
    values = frame((32, 64), dtype)
    stream = astrocodec.encode(values, codec=name)
    info = astrocodec.inspect(stream)
    assert (info.codec, info.exact) == (name, True)
    if np.dtype(dtype).itemsize > 1:
        assert info.parameters["coded by"] == name
    assert same_bits(astrocodec.decode(stream), values)


@each_codec
def test_what_a_network_does_not_take_comes_back_too(name: str) -> None:
    """By the causal codec inside, which inspection tells."""
    for values in (
        frame(dtype="float32"),
        frame() > 100,
        np.arange(300, dtype=np.int64) ** 5,
        np.full((40, 40), 7, np.int16),
        np.zeros((0, 5), np.uint16),
        frame((500, 1, 2)),
        np.uint8(3),
        frame(dtype="int64") * 10**9,
        np.random.default_rng(0).integers(0, 65536, (33, 33)).astype(np.uint16),
    ):
        stream = astrocodec.encode(values, codec=name)
        assert astrocodec.inspect(stream).parameters == {"coded by": "causal"}
        assert same_bits(astrocodec.decode(stream), np.asarray(values))
        assert len(stream) < np.asarray(values).nbytes + 160


@each_codec
def test_odd_shapes_and_cubes(name: str) -> None:
    """Sides that are no multiples of 32, pictures smaller than a patch, several planes, residuals of planes."""
    for shape in ((33, 40), (20, 31), (3, 17, 32), (2, 2, 32, 20)):
        values = frame(shape)
        for planes in ("auto", "residuals"):
            stream = astrocodec.encode(values, codec=name, planes=planes)
            assert same_bits(astrocodec.decode(stream), values)


@each_codec
@pytest.mark.parametrize("form", [PixelFormat("words"), PixelFormat("bytes", 3), PixelFormat(centred=False)], ids=str)
def test_other_formats(name: str, form: PixelFormat, tmp_path: Path) -> None:
    """16 bits at a time, three frames together, and without taking medians off."""
    weights = tiny(name, form, tmp_path)
    codec = codecs.find_codec(name)
    assert isinstance(codec, PatchCodec)
    values = frame((form.frames, 32, 32))
    x = symbols_of(codec, values, weights)
    system = codec.system(weights)
    data = system.encode_patches(x)
    assert (system.decode_patches(memoryview(data), len(x)) == x).all()
    assert same_bits(astrocodec.decode(astrocodec.encode(values, codec=name, weights=weights)), values)


@each_codec
def test_a_stream_is_as_long_as_the_model_says(name: str) -> None:
    """But for the ends of coders."""
    codec = codecs.find_codec(name)
    assert isinstance(codec, PatchCodec)
    x = symbols_of(codec, frame((128, 128)))
    system = codec.system()
    data, bits = system.encode_patches(x), system.bits(x)
    assert bits.shape == (len(x),)
    if name != "vdm":  # whose bits are those of a bound
        assert abs(8 * len(data) / bits.sum() - 1) < 0.005


@each_codec
def test_bytes_do_not_depend_on_batches_threads_or_libraries(name: str) -> None:
    """Nor do decoded elements."""
    values = frame((64, 96))
    stream = astrocodec.encode(values, codec=name)
    assert astrocodec.encode(values, codec=name, batch=1) == stream
    torch.set_num_threads(2)
    torch.backends.mkldnn.set_flags(_enabled=False)
    try:
        assert astrocodec.encode(values, codec=name, batch=5) == stream
        assert same_bits(astrocodec.decode(stream), values)
    finally:
        torch.backends.mkldnn.set_flags(_enabled=True)


@each_codec
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_bytes_do_not_depend_on_the_device(name: str) -> None:
    """A stream of one device is read on another."""
    values = frame((64, 96))
    stream = astrocodec.encode(values, codec=name)
    assert astrocodec.encode(values, codec=name, device="cuda") == stream
    assert same_bits(astrocodec.decode(stream, device="cuda"), values)


@each_codec
def test_doors(name: str, tmp_path: Path) -> None:
    """FITS and HDF5 by the commands, and Zarr; floats beside."""
    h5py = pytest.importorskip("h5py")
    zarr = pytest.importorskip("zarr")
    from astrocodec.zarr.v3 import AstroCodec as ZarrCodec
    from hdf5_filter import AstroCodec

    values, floats = frame(), frame((8, 8), "float32")
    fits.HDUList([fits.PrimaryHDU(values), fits.ImageHDU(floats)]).writeto(tmp_path / "a.fits")
    run = CliRunner().invoke(cli, ["fits-compress", "--codec", name, str(tmp_path / "a.fits")])
    assert run.exit_code == 0, run.output
    fits_tiles.register()
    with fits.open(tmp_path / "a.ac.fits") as hdus:
        images = [hdu.data for hdu in hdus if hdu.data is not None]
    assert all(map(same_bits, images, (values, floats)))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=values.shape, **AstroCodec(codec=name))
        file.create_dataset("y", data=floats, chunks=floats.shape, **AstroCodec(codec=name))
    with h5py.File(tmp_path / "a.h5") as file:
        assert same_bits(file["x"][()], values)
        assert same_bits(file["y"][()], floats)
    array = zarr.create_array(
        store=zarr.storage.MemoryStore(),
        shape=values.shape,
        chunks=values.shape,
        dtype=values.dtype,
        serializer=ZarrCodec(codec=name),
        compressors=None,
    )
    array[:] = values
    assert same_bits(array[:], values)


@each_codec
def test_damage_is_told(name: str) -> None:
    """Whatever byte is changed, and wherever it is cut, is an error of the format."""
    values = frame()
    stream = astrocodec.encode(values, codec=name)
    places = np.random.default_rng(1).integers(0, len(stream), 24)
    for at in places:
        damaged = bytearray(stream)
        damaged[at] ^= 1 << int(at) % 8
        with pytest.raises((FormatError, ModelNotFoundError, CodecNotFoundError)):
            astrocodec.decode(bytes(damaged))
    for end in places:
        with pytest.raises(FormatError):
            astrocodec.decode(stream[:end])


@each_codec
def test_parameters_that_no_encoder_writes(name: str) -> None:
    """Data of another length, unknown modes, shapes of no pictures, a stream of something else inside."""
    codec = codecs.find_codec(name)
    values = frame()
    parameters, data, *_ = codec.encode(values)
    given = {"dtype": values.dtype, "shape": values.shape, "device": "cpu"}
    for changed in (parameters[:-1], parameters[:8] + b"\2" + parameters[9:], parameters[:9] + b"\2" + parameters[10:]):
        with pytest.raises(CorruptError):
            codec.decode(changed, memoryview(data), **given)
    for shape in ((1024,), (0, 32), (1024, 1, 1), (1 << 20, 1 << 19)):
        with pytest.raises(FormatError):
            codec.decode(parameters, memoryview(data), values.dtype, shape, device="cpu")
    with pytest.raises(FormatError):
        codec.decode(parameters, memoryview(data + bytes(4)), **given)
    with pytest.raises(CorruptError, match="found inside"):
        codec.decode(bytes(len(parameters)), memoryview(astrocodec.encode(values[:5])), **given)


@each_codec
def test_weights_that_are_not_there_or_not_its_own(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message says where they were looked for; a renamed file is found by its fingerprint."""
    weights = tiny(name, PixelFormat(), tmp_path, seed=9)
    stream = astrocodec.encode(frame(), codec=name, weights=weights)
    from astrocodec.lossy import weights as of_weights

    monkeypatch.setattr(of_weights, "_read", {})
    with pytest.raises(ModelNotFoundError, match="not found in"):
        astrocodec.decode(stream)
    weights.rename(tmp_path / "renamed.safetensors")
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path))
    assert same_bits(astrocodec.decode(stream), frame())
    with pytest.raises(ValueError, match="needs its own"):
        astrocodec.encode(frame(), codec=name, weights="vqvae")
    for wrong in ({"planes": "both"}, {"batch": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            astrocodec.encode(frame(), codec=name, **wrong)  # type: ignore[arg-type]


@each_codec
def test_devices_and_files_that_are_not_there(name: str, tmp_path: Path) -> None:
    """Are told as such, and so are weights that lack what the network needs; replaced ones are read again."""
    values = frame()
    for device in ("cuda:99", "here", "meta"):
        with pytest.raises(ValueError, match="device"):
            astrocodec.encode(values, codec=name, device=device)
    for weights in (tmp_path / "none.safetensors", str(tmp_path / "none.safetensors"), "/none"):
        with pytest.raises(FileNotFoundError):
            astrocodec.encode(values, codec=name, weights=weights)
    path = tiny(name, PixelFormat(), tmp_path)
    first = astrocodec.inspect(astrocodec.encode(values, codec=name, weights=str(path))).parameters["weights"]
    tiny(name, PixelFormat(), tmp_path / "other", seed=9).replace(path)
    assert astrocodec.inspect(astrocodec.encode(values, codec=name, weights=path)).parameters["weights"] != first
    about = {"system": name, "size": {}, "format": PixelFormat().about()}
    with pytest.raises(CorruptError, match="not those of a network"):
        astrocodec.encode(values, codec=name, weights=save_weights({"a": np.zeros(1)}, about, name, tmp_path))


@each_codec
def test_without_torch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    stream = astrocodec.encode(frame(), codec=name)
    monkeypatch.setattr(codecs, "_registered", {})
    monkeypatch.setattr(codecs, "_is_here", lambda module: module != "torch")
    with pytest.raises(CodecNotFoundError, match=rf"'{name}' .* needs torch"):
        astrocodec.decode(stream)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.safetensors")), ids=lambda path: path.stem)
def test_shipped_weights_have_a_card_and_a_curve(path: Path) -> None:
    """They are named by what they hold, and code better than without a model."""
    weights = load_weights(path)
    assert path.stem.endswith(weights.fingerprint.hex()[:8])
    card, curve = (path.with_suffix(suffix).read_text() for suffix in (".md", ".csv"))
    assert "--codec" in card
    assert curve.startswith("step,held back,")
    values = frame()
    codec = codecs.find_codec(weights.about["system"])
    assert isinstance(codec, PatchCodec)
    assert codec.system(path).bits(symbols_of(codec, values, path)).sum() < 6 * values.size  # of noise of 5.04 bits


@each_codec
def test_training_is_resumed_with_the_same_steps(name: str, tmp_path: Path) -> None:
    """And gives the same weights as one that was not stopped; the curve lies beside."""
    fits.writeto(tmp_path / "a.fits", frame((64, 64)))
    made = []
    for out, stops in (("one", (None,)), ("two", (2, None))):
        output = tmp_path / f"{out}.safetensors"
        for stop in stops:
            done = train_lossless(
                *(name, [tmp_path / "a.fits"], output),
                steps=4,
                options={"size": "tiny"},
                batch=2,
                every=2,
                resume=stop is None,
                stop_after=stop,
                log=lambda line: None,
            )
            assert (done is None) == (stop is not None)
        made.append((output.read_bytes(), output.with_suffix(".csv").read_text()))
    assert made[0] == made[1]
    rows = [line.split(",") for line in made[0][1].splitlines()]
    assert [row[0] for row in rows] == ["step", "2", "4"]
    assert all(math.isfinite(float(row[1])) for row in rows[1:])


def test_what_lies_beside_weights_is_not_replaced(tmp_path: Path) -> None:
    """A table that is no curve stays; a damaged checkpoint and a damaged input are told by their names."""
    fits.writeto(tmp_path / "a.fits", frame((64, 64)))
    output = tmp_path / "out.safetensors"
    options = {"steps": 1, "options": {"size": "tiny"}, "batch": 2, "log": lambda line: None}
    output.with_suffix(".csv").write_text("star,magnitude\n1,2\n")
    with pytest.raises(ValueError, match=r"out.csv: is no curve"):
        train_lossless("idf", [tmp_path / "a.fits"], output, **options)  # type: ignore[arg-type]
    output.with_suffix(".csv").unlink()
    output.with_suffix(".pt").write_bytes(b"x")
    with pytest.raises(CorruptError, match=r"out.pt: is no checkpoint"):
        train_lossless("idf", [tmp_path / "a.fits"], output, resume=True, **options)  # type: ignore[arg-type]
    output.with_suffix(".pt").unlink()
    (tmp_path / "b.fits").write_bytes(b"SIMPLE  =                    T".ljust(5000))
    run = CliRunner().invoke(
        cli, ["train", "--codec", "idf", str(tmp_path / "b.fits"), "-O", str(output), "--steps", "1"]
    )
    assert run.exit_code == 3, run.output
    assert run.output.startswith(f"astrocodec: {tmp_path / 'b.fits'}: ")
