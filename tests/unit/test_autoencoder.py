"""The denoising autoencoder: its numbers, its networks, its codec, its training."""

from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")
pytest.importorskip("constriction", reason="constriction is not installed")

import torch
from astropy.io import fits

import astrocodec
import fits_tiles
from astrocodec.bounds import Bound
from astrocodec.errors import CorruptError, FormatError, ModelNotFoundError, TruncatedError
from astrocodec.learning import exposure_pairs, train_lossy
from astrocodec.lossy import autoencoder_network, autoencoder_training
from astrocodec.lossy.autoencoder import Autoencoder as Codec
from astrocodec.lossy.autoencoder import uncertainty_map
from astrocodec.lossy.autoencoder_model import in_bands
from astrocodec.lossy.autoencoder_network import CONFIGURATIONS, Autoencoder, Configuration
from astrocodec.lossy.autoencoder_pixels import Span, from_tiles, to_tiles
from astrocodec.lossy.denoised_file import write_denoised
from astrocodec.lossy.flux_scale import RESOLUTION, TOP, from_levels, level_values, to_levels
from astrocodec.lossy.latent_contexts import (
    CONTEXTS,
    REACH,
    count_symbols,
    put_latents,
    tables_of,
    take_latents,
    thinned,
    to_even_weights,
    to_weights,
)
from astrocodec.lossy.lattice_coder import LatticeDecoder, LatticeEncoder
from astrocodec.lossy.weights import load_weights, save_weights
from astrocodec.simulate.radio_sky import simulate_radio
from astrocodec.stages.stream import read_header

TINY = {"tiny": Configuration((4, 4, 4), 3), "tiny_dense": Configuration((2, 2), 5, 4)}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights that were not trained, of one network of each kind."""
    monkeypatch.setattr(autoencoder_network, "CONFIGURATIONS", CONFIGURATIONS)
    for name, configuration in TINY.items():
        monkeypatch.setitem(CONFIGURATIONS, name, configuration)
        torch.manual_seed(1)
        network = Autoencoder(configuration)
        tensors = {
            **network.encoder.exact(network.reach).tensors("encoder"),
            **network.decoder.exact(255).tensors("decoder"),
            "tables": (to_even_weights if configuration.is_dense else to_weights)(
                np.zeros((configuration.latent, CONTEXTS, 2 * REACH + 1), np.int64)
            ),
        }
        about = {
            "system": "autoencoder",
            "size": name,
            "task": "noise",
            "measured": [
                {"flux_bias_by_snr": {"1 to 3": bias, "3 to 10": bias, "10 to 30": 0.5}} for bias in (0.5, 0.25, 0.125)
            ],
        }
        save_weights(tensors, about, name, tmp_path)
    monkeypatch.setenv("ASTROCODEC_MODELS", str(tmp_path))
    return tmp_path


def image(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Noise with a source in it."""
    values = np.random.default_rng(seed).normal(0, 1e-4, shape).astype(np.float32)
    values[..., shape[-2] // 2, shape[-1] // 2] += 0.01
    return values


def test_levels_are_what_the_format_says() -> None:
    """On every machine the same, and within half a level of the flux."""
    values = level_values()
    first = int(Decimal(2) ** (Decimal(1) / RESOLUTION) * 2**40) - 2**40
    assert values[[0, 1, RESOLUTION, 2 * RESOLUTION]].tolist() == [0.0, first / 2**40, 1.0, 3.0]
    assert values[TOP] == 2.0**24 - 1
    fluxes = np.concatenate([-np.geomspace(1e-3, 1e6, 50), [0.0], np.geomspace(1e-3, 1e6, 50)])
    again = from_levels(to_levels(fluxes, 0.25), 0.25)
    assert np.abs(again - fluxes).max() < 0.5 * (2 ** (1 / RESOLUTION) - 1) * 1.01 * (1e6 + 0.25)
    assert (np.abs(again - fluxes) <= 0.004 * (np.abs(fluxes) + 0.25)).all()
    assert to_levels([1e300, -np.finfo(float).max], 1e-300).tolist() == [TOP, -TOP]


def test_latents_come_back_whatever_they_are() -> None:
    """Escapes beyond the tables too."""
    rng = np.random.default_rng(2)
    latents = (rng.integers(-255, 256, (4, 7, 9)) * (rng.random((4, 7, 9)) < 0.2)).astype(np.int64)
    tables = tables_of(to_weights(rng.integers(0, 9, (4, CONTEXTS, 2 * REACH + 1))))
    coder = LatticeEncoder()
    put_latents(coder, latents, tables)
    decoder = LatticeDecoder(coder.to_bytes())
    assert np.array_equal(take_latents(decoder, (4, 7, 9), tables), latents)
    decoder.finish()


@pytest.mark.parametrize("size", list(TINY))
def test_what_runs_is_what_learned_on_any_number_of_threads(size: str) -> None:
    """In one piece or in many, with oneDNN or without."""
    torch.manual_seed(3)
    network = Autoencoder(TINY[size])
    side = 128 if TINY[size].is_dense else 48
    x = np.random.default_rng(4).integers(0, 255, (2, 1, side, side))
    with torch.no_grad():
        learned = network.double()(torch.from_numpy(x).double())  # float32 may round sums while it learns
    encoder, decoder = network.encoder.exact(network.reach), network.decoder.exact(255)
    before = torch.get_num_threads()
    try:
        for threads, is_mkldnn in ((1, True), (2, True), (1, False)):
            torch.set_num_threads(threads)
            with torch.backends.mkldnn.flags(enabled=is_mkldnn, allow_tf32=None):
                latent = encoder.run(x)
                assert np.array_equal(latent, np.concatenate([encoder.run(one[None]) for one in x]))
                picture = decoder.run(latent)
            assert np.array_equal(latent, learned[0].numpy())
            assert np.array_equal(picture, learned[1].numpy())
    finally:
        torch.set_num_threads(before)


def test_bands_change_nothing() -> None:
    """Of an image that is taller than one."""
    torch.manual_seed(3)
    network = Autoencoder(TINY["tiny"])
    encoder, decoder = network.encoder.exact(network.reach), network.decoder.exact(255)
    picture = np.random.default_rng(1).integers(-300, 300, (1, 8 * 70, 40))
    latent = in_bands(encoder, picture, 8, 1, "cpu")
    assert np.array_equal(latent, encoder.run(picture[None])[0])
    assert np.array_equal(in_bands(decoder, latent, 1, 8, "cpu"), decoder.run(latent[None])[0])


@pytest.mark.parametrize("model", list(TINY))
@pytest.mark.parametrize(
    ("shape", "dtype"), [((30, 30), "f4"), ((1, 1), "f8"), ((2, 70, 129), "f4"), ((40, 300), "u2"), ((33, 20), ">i4")]
)
def test_streams_decode_to_one_image(folder: Path, model: str, shape: tuple[int, ...], dtype: str) -> None:
    """Of any shape and type, always the same."""
    values = image(shape)
    if np.dtype(dtype).kind in "iu":
        values = np.clip(values * 1e6, 0, 60000)
    values = values.astype(dtype)
    stream = astrocodec.encode(values, codec="autoencoder", model=model)
    assert stream == astrocodec.encode(values, codec="autoencoder", model=model)
    found = astrocodec.decode(stream)
    assert (found.dtype, found.shape) == (values.dtype.newbyteorder("="), values.shape)
    assert np.array_equal(found, astrocodec.decode(stream))
    assert np.isfinite(found).all()


def test_the_stream_says_what_it_is_not_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And by how much fluxes are wrong."""
    stream = astrocodec.encode(image((40, 40)), codec="autoencoder", model="tiny", noise=2e-4, encodings=3)
    info = astrocodec.inspect(stream)
    assert not info.exact
    said = dict(info.parameters)
    assert (info.layers, said["label"]) == (("denoised",), "denoised, not for photometry")
    assert (said["encodings"], said["noise"], said["flux_bias_by_snr"]) == (
        3,
        [np.float32(2e-4)],
        {
            "1 to 3": 0.5,
            "3 to 10": 0.5,
            "10 to 30": 0.5,
        },
    )
    monkeypatch.setenv("ASTROCODEC_MODELS", "")  # without the weights, the label stays
    assert astrocodec.inspect(stream).parameters["label"] == said["label"]
    monkeypatch.setenv("ASTROCODEC_MODELS", str(folder))
    spread = uncertainty_map(stream)
    assert spread.shape == (40, 40)
    assert spread.min() >= 0
    with pytest.raises(ValueError, match="codec 1, not of autoencoder"):
        uncertainty_map(astrocodec.encode(np.zeros((4, 4), np.int16) + np.arange(4, dtype=np.int16)))


@pytest.mark.parametrize("model", list(TINY))
def test_encodings_are_stacked(folder: Path, model: str) -> None:
    """The mean of two is that of the image and of the image turned by a quarter."""
    values = image((64, 40))

    def decoded(shown: np.ndarray, encodings: int) -> np.ndarray:
        stream = astrocodec.encode(shown, codec="autoencoder", model=model, noise=1e-4, encodings=encodings)
        return astrocodec.decode(stream)

    one, other, both = decoded(values, 1), decoded(np.rot90(values), 1), decoded(values, 2)
    assert np.allclose(both, (one + np.rot90(other, -1)) / 2, rtol=1e-6)
    eight = astrocodec.encode(values, codec="autoencoder", model=model, encodings=8)
    assert astrocodec.decode(eight).shape == values.shape


def test_tiles_overlap_by_half_and_give_their_middles() -> None:
    """Of a plane of any size."""
    plane = np.random.default_rng(0).random((150, 64))
    tiles = to_tiles(plane)
    assert tiles.shape == (3, 128, 128)
    assert np.array_equal(tiles[1, :64], tiles[0, 64:])
    assert np.array_equal(from_tiles(tiles, (150, 64)), plane)


def test_dense_networks_see_logarithms_from_0_to_255() -> None:
    """Above a floor of less than a hundredth of the noise; what is below is the floor."""
    plane = np.array([[-3.0, 0.0, 1.0, 1000.0]])
    span = Span.of(plane, 1.0)
    assert span.seen(plane)[0, [0, 1, 3]].tolist() == [0, 0, 255]
    assert span.given(np.array([0, 4095])).tolist() == pytest.approx([0.0, 1000.0], rel=0.01)


@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (np.full((4, 4), np.nan, np.float32), {}, "NaN or infinite"),
        (np.zeros((4, 0), np.float32), {}, r"float32 of shape \(4, 0\)"),
        (np.zeros(4, np.float32), {}, r"shape \(4,\)"),
        (np.zeros((4, 4), np.complex64), {}, "complex64"),
        (np.zeros((4, 4), np.float32), {"encodings": 9}, "encodings is 9, allowed are 1 to 8"),
        (np.zeros((4, 4), np.float32), {"noise": 0.0}, "noise is 0.0"),
        (np.zeros((4, 4), np.float32), {"noise": np.nan}, "noise is nan"),
    ],
)
def test_what_cannot_be_coded_is_named(folder: Path, values: np.ndarray, options: dict[str, float], words: str) -> None:
    """Before anything is coded."""
    with pytest.raises(ValueError, match=words):
        astrocodec.encode(values, codec="autoencoder", model="tiny", **options)


def test_damage_is_a_format_error(folder: Path) -> None:
    """Never a crash, never an image."""
    values, codec = image((50, 60)), Codec()
    parameters, data = codec.encode(values, model="tiny")
    for n in range(len(parameters)):
        with pytest.raises(FormatError):
            codec.decode(parameters[:n], memoryview(data), values.dtype, values.shape, device="cpu")
    for start in (0, 8, 9, 10, 14, 16):
        bad = parameters[:start] + b"\xff\xff\xff\xff"[: len(parameters) - start] + parameters[start + 4 :]
        with pytest.raises((FormatError, ModelNotFoundError)):
            codec.decode(bad, memoryview(data), values.dtype, values.shape, device="cpu")
    with pytest.raises(CorruptError):
        codec.decode(parameters, memoryview(data + b"\1\0\0\0"), values.dtype, values.shape, device="cpu")
    with pytest.raises(CorruptError):
        codec.decode(parameters, memoryview(data), values.dtype, (2, *values.shape), device="cpu")


@pytest.mark.parametrize("dtype", ["f4", "u2", "f8"])
def test_a_residual_brings_the_image_back(folder: Path, dtype: str) -> None:
    """Within a bound or wholly, and the base stays what it is, also of a stream that is cut."""
    values = image((64, 70))
    if dtype == "u2":
        values = np.clip(values * 1e5 + 100, 0, 65535)
    values = values.astype(dtype)
    base = astrocodec.decode(astrocodec.encode(values, codec="autoencoder", model="tiny"))
    options = {"codec": "autoencoder", "model": "tiny", "base_share": 9.0}
    whole = astrocodec.encode(values, **options, lossless=True)
    assert np.array_equal(astrocodec.decode(whole), values)
    limit = 3.0 if dtype == "u2" else 5e-5
    bounded = astrocodec.encode(values, **options, max_error=limit)
    errors = np.abs(astrocodec.decode(bounded).astype(float) - values.astype(float))
    assert 0 < errors.max() <= limit
    assert len(bounded) < len(whole)
    assert astrocodec.inspect(whole).layers == ("denoised", "lossless")
    info = astrocodec.inspect(bounded)
    assert (info.layers, info.parameters["max_error"]) == (("denoised", "bounded"), pytest.approx(limit))
    assert (info.exact, astrocodec.inspect(whole).exact) == (False, True)
    assert info.loss is not None
    assert (info.loss.kind, info.loss.asked) == ("absolute", limit)
    assert info.loss.largest_error == errors.max()
    assert info.loss.variance == pytest.approx((errors**2).mean(), rel=0.01)
    assert astrocodec.inspect(whole).loss is None
    assert info.parameters["label"] == "layer denoised: denoised, not for photometry"
    for stream in (whole, bounded, bounded[:-20]):
        assert np.array_equal(astrocodec.decode(stream, layer="denoised"), base)
    assert np.array_equal(astrocodec.decode(bounded, layer="bounded"), astrocodec.decode(bounded))
    assert np.array_equal(astrocodec.decode(whole, layer="lossless"), values)
    assert uncertainty_map(bounded[:-20]).shape == values.shape
    for options in ({}, {"layer": "bounded"}):
        with pytest.raises(FormatError):
            astrocodec.decode(bounded[:-20], **options)
    with pytest.raises(ValueError, match="codec autoencoder has denoised and bounded"):
        astrocodec.decode(bounded, layer="lossless")
    with pytest.raises(ValueError, match="layer is 'base', allowed are denoised"):
        astrocodec.decode(bounded, layer="base")


def test_a_base_that_is_not_right_is_refused_without_its_residual(folder: Path) -> None:
    """Whatever of it, of what it says of itself, and of the shape was changed."""
    stream = astrocodec.encode(image((64, 70)), codec="autoencoder", model="tiny", max_error=5e-5)
    _, at = read_header(memoryview(stream))
    end = at + 8 + int.from_bytes(stream[at : at + 4], "little")
    assert astrocodec.decode(stream[:end], layer="denoised").shape == (64, 70)
    with pytest.raises(TruncatedError, match="the base ends at"):
        astrocodec.decode(stream[: end - 1], layer="denoised")
    loss = astrocodec.inspect(stream).loss
    assert loss is not None
    first = stream.index(loss.to_bytes())  # not of the base; the checksum of the whole stream has it
    section = range(first - 2, first + len(loss.to_bytes()))
    for place in sorted({*range(4, at + 8), *range(at + 8, end, 41)} - set(section)):
        changed = bytearray(stream[:end])
        changed[place] ^= 1
        with pytest.raises((FormatError, ModelNotFoundError, ValueError)):
            astrocodec.decode(bytes(changed), layer="denoised")
    residual = bytearray(stream)
    residual[end + 20] ^= 1
    assert np.array_equal(
        astrocodec.decode(bytes(residual), layer="denoised"), astrocodec.decode(stream, layer="denoised")
    )


def test_other_codecs_have_no_layers() -> None:
    """Whichever layer is asked for, with the same words."""
    frame = np.random.default_rng(1).normal(9, 2, (40, 40)).astype(np.float32)
    for options in ({}, {"max_error": 0.5}, {"codec": "vae"}):
        stream = astrocodec.encode(frame, **options)
        assert astrocodec.inspect(stream).layers == ()
        for layer in ("denoised", "bounded", "lossless"):
            with pytest.raises(ValueError, match=rf"layer '{layer}' is asked for, .* has no layers: leave it out"):
                astrocodec.decode(stream, layer=layer)


def test_files_of_denoised_images_say_so(folder: Path, tmp_path: Path) -> None:
    """In the header, with the bias of fluxes, and the uncertainties beside."""
    options = {"codec": "autoencoder", "model": "tiny", "max_error": 5e-5}
    stream = astrocodec.encode(image((40, 50)), **options, base_share=9.0)
    kept = fits.Header([("BUNIT", "JY/BEAM"), ("OBJECT", "M 1")])
    write_denoised(stream[:-20], tmp_path / "a.fits", header=kept)
    with fits.open(tmp_path / "a.fits", checksum=True) as hdus:
        assert np.array_equal(hdus[0].data, astrocodec.decode(stream, layer="denoised"))
        assert np.array_equal(hdus["UNCERTAINTY"].data, uncertainty_map(stream))
        header = hdus[0].header
        assert header["ACLABEL"] == hdus[0].header["ACLABEL"] == "denoised, not for photometry"
        assert (header["ACSNR1"], header["ACBIAS1"], header["OBJECT"]) == ("1 to 3", 0.5, "M 1")
        assert [header[f"ACSNR{number}"] for number in (1, 2, 3)] == ["1 to 3", "3 to 10", "10 to 30"]
        assert hdus["UNCERTAINTY"].header["BUNIT"] == "JY/BEAM"
    thin = astrocodec.encode(image((40, 50)), **options)
    write_denoised(thin, tmp_path / "c.fits")
    with fits.open(tmp_path / "c.fits") as hdus:
        assert (header["ACTHIN"], hdus[0].header["ACTHIN"], "ACBIAS1" in hdus[0].header) == (0, 3, False)
        assert "flux_bias_by_snr" not in astrocodec.inspect(thin).parameters
    fits_tiles.compress(tmp_path / "a.fits", tmp_path / "a.ac.fits", tune=False)
    for name in ("a.fits", "a.ac.fits"):
        notes = [hdu.note for hdu in fits_tiles.info(tmp_path / name).hdus]
        assert any("denoised, not for photometry" in note for note in notes)
    with pytest.raises(FileExistsError):
        write_denoised(stream, tmp_path / "a.fits")
    dense = astrocodec.encode(image((40, 50)), codec="autoencoder", model="tiny_dense")
    write_denoised(dense, tmp_path / "a.fits", overwrite=True)
    with fits.open(tmp_path / "a.fits") as hdus:
        assert len(hdus) == 1
    with pytest.raises(ValueError, match="of codec stored, not of autoencoder"):
        write_denoised(astrocodec.encode(np.zeros((1, 1), np.int16)), tmp_path / "b.fits")


def test_a_base_takes_no_more_than_its_share() -> None:
    """Of a stream whose residual is what costs: with it, it is 3 % larger at most than the image alone."""
    field = simulate_radio("noise", shape=(160, 160), seed=13, galaxies=None).data
    bound = Bound(max_error="0.5sigma")
    alone = astrocodec.encode(field, astrocodec.tune([field], bound=bound), bound=bound)
    whole, thin = (
        astrocodec.encode(field, codec="autoencoder", bound=bound, base_share=share) for share in (1.0, 0.03)
    )
    assert len(whole) > 1.03 * len(alone) > len(thin)
    said = [astrocodec.inspect(stream).parameters for stream in (whole, thin)]
    assert [one["thinned"] for one in said] == [0, 2]
    assert said[0]["flux_bias_by_snr"]["3 to 10"] > said[1]["flux_bias_by_snr"]["3 to 10"]
    bases = [astrocodec.decode(stream, layer="denoised").astype(float) for stream in (whole, thin)]
    assert np.corrcoef(*(base.ravel() for base in bases))[0, 1] > 0.9
    with pytest.raises(ValueError, match="base_share is 0"):
        astrocodec.encode(field, codec="autoencoder", bound=bound, base_share=0.0)


def test_thinning_takes_what_is_not_worth_its_bits() -> None:
    """More of the small symbols the less they are worth, in calm places first; large ones stay."""
    rng = np.random.default_rng(2)
    latents = (rng.random((2, 20, 20)) < 0.1).astype(np.int64)
    latents[0, 5:9, 5:9] = 9
    weights = to_weights(count_symbols(latents))
    left = [thinned(latents, weights, worth, 1, calm) for worth, calm in ((1e9, 4), (4.0, 4), (1.0, 0), (1.0, 4))]
    assert [int((one == 1).sum()) for one in left] == [68, 33, 3, 0]
    assert np.array_equal(left[0], latents)
    assert [int((one == 9).sum()) for one in left] == [16] * 4


def test_bounds_that_ask_for_the_image_s_brightness_are_refused(folder: Path) -> None:
    """A residual does not tell it."""
    for options in ({"max_error": "1%"}, {"bound": Bound(max_error="1sigma", gain=2.0)}):
        with pytest.raises(ValueError, match="beside a denoised image"):
            astrocodec.encode(image((40, 40)), codec="autoencoder", model="tiny", **options)
    with pytest.raises(ValueError, match="choose one"):
        astrocodec.encode(image((40, 40)), codec="autoencoder", model="tiny", lossless=True, max_error=1.0)


@pytest.mark.parametrize("size", ["conv", "dense200", "dense400", "paper200"])
def test_sizes_learn_a_step(size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published one as well; its loss falls along the gradient."""
    monkeypatch.setattr(autoencoder_training, "_FIELDS", 1)
    monkeypatch.setattr(autoencoder_training, "_TILES", 1)
    monkeypatch.setattr(autoencoder_training, "SIDE", 160)
    recipe = autoencoder_training.recipe({"task": "noise", "size": size}, 5)
    batch = recipe.batch(0)
    assert all(torch.equal(a, b) for a, b in zip(batch, recipe.batch(0), strict=True))
    loss, figures = recipe.loss(recipe.network, batch)
    assert np.isfinite(list(figures.values())).all()
    loss.backward()
    gradients = [p.grad for p in recipe.network.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) > 0 for g in gradients if g is not None) > len(gradients) // 2
    if size == "paper200":  # "around 26 million trainable parameters" (section 5)
        assert sum(p.numel() for p in recipe.network.parameters()) == pytest.approx(26e6, rel=0.02)


def test_the_largest_size_takes_a_step_without_memory() -> None:
    """The paper's latent of 400: shapes fit, and every weight has a gradient."""
    with torch.device("meta"):
        network = Autoencoder(CONFIGURATIONS["paper400"])
        latent, picture = network(torch.zeros(2, 1, 128, 128))
    assert (latent.shape, picture.shape) == ((2, 400, 1, 1), (2, 1, 128, 128))
    (latent.sum() * network.log_scale.sum() + picture.sum()).backward()
    assert all(p.grad is not None for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(52e6, rel=0.02)


def test_unknown_options_of_training_are_named() -> None:
    """Tasks and sizes too."""
    with pytest.raises(ValueError, match="task 'denoise'"):
        autoencoder_training.recipe({"task": "denoise"}, 0)


@pytest.mark.parametrize("size", list(TINY))
def test_a_command_gives_the_same_file_again(size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it was stopped between; and weights can be gone on with."""
    monkeypatch.setattr(autoencoder_training, "SIDE", 128 if size == "tiny_dense" else 160)
    monkeypatch.setattr(autoencoder_training, "_FIELDS", 1)
    monkeypatch.setattr(autoencoder_training, "tiles", lambda *_: _noisy_tiles())
    image, sky = (tiles[0] for tiles in _noisy_tiles())
    monkeypatch.setattr(autoencoder_training, "_fields", lambda *_: [(image, sky, 1.0, sky)])
    monkeypatch.setitem(CONFIGURATIONS, size, TINY[size])
    command = ["autoencoder", f"size={size}", "--steps", "3", "--seed", "4", "--out"]
    train_lossy.main([*command, str(tmp_path / "a")])
    for stop in (["--stop-after", "2"], []):
        train_lossy.main([*command, str(tmp_path / "b"), *stop])
    first, second = (sorted((tmp_path / name).glob("*.safetensors")) for name in "ab")
    assert [path.name for path in first] == [path.name for path in second]
    assert first[0].read_bytes() == second[0].read_bytes()
    recipe = autoencoder_training.recipe({"size": size}, 0)
    train_lossy.begin_with(recipe, first[0])
    assert isinstance(recipe.network, Autoencoder)
    tensors = load_weights(first[0]).tensors
    for name, chain, reach in (("encoder", recipe.network.encoder, 255), ("decoder", recipe.network.decoder, 255)):
        for key, value in chain.exact(reach).tensors(name).items():
            assert np.array_equal(value, tensors[key])
    assert tensors["tables"].shape[1] == (1 if size == "tiny_dense" else CONTEXTS)
    with pytest.raises(ValueError, match="only the autoencoder and QH-VAE begin with a file of weights"):
        train_lossy.begin_with(recipe, first[0], ["encoder"])


def _noisy_tiles() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    sky = np.maximum(rng.normal(0, 1, (2, 128, 128)), 0).astype(np.float32)
    return sky + rng.normal(0, 1, sky.shape).astype(np.float32), sky


def test_pairs_are_two_exposures_of_one_scene(tmp_path: Path) -> None:
    """Laid upon each other, without background, in units of the noise; a third of the columns is held back."""
    rng = np.random.default_rng(3)
    scene = np.zeros((140, 360))
    scene[rng.integers(10, 130, 60), rng.integers(10, 350, 60)] = 400.0
    moved = [(0, 0), (2, -3), (-1, 4), (5, 1), (0, 2), (-4, -4)]
    frames = np.stack([np.roll(scene, by, (0, 1)) + rng.normal(900, 4.0, scene.shape) for by in moved])
    for file, _ in exposure_pairs.SEQUENCES.values():
        fits.PrimaryHDU(np.rint(frames).astype(np.int32)).writeto(tmp_path / file.removesuffix(".gz"))
        (tmp_path / file.removesuffix(".gz")).rename(tmp_path / file)
    scenes = exposure_pairs.scenes_of(tmp_path)
    assert {name: len(found) for name, found in scenes.items()} == {"microobs": 1, "keck-nirc2": 5}
    laid = scenes["microobs"][0]
    assert laid.shape == (6, 131, 352)
    assert np.array_equal(laid[0] > 40, laid[5] > 40)
    noise = (laid[0] - laid[1])[(laid[0] < 10) & (laid[1] < 10)]
    assert noise.std() == pytest.approx(2**0.5, rel=0.03)
    shown, other = exposure_pairs.draw_pairs(np.random.default_rng(0), scenes, 4, 100)
    assert shown.shape == other.shape == (4, 100, 100)
    assert np.array_equal(shown[0] > 40, other[0] > 40)
    assert not np.array_equal(shown, other)
    learned, held_back = exposure_pairs.parted(laid)
    assert (learned.shape[2], held_back.shape[2]) == (234, 118)


def test_pairs_learn_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From exposures; other tasks take none."""
    rng = np.random.default_rng(3)
    scenes = {"one": [rng.normal(0, 1, (3, 128, 200)).astype(np.float32)]}
    monkeypatch.setattr(autoencoder_training, "scenes_of", lambda _: scenes)
    monkeypatch.setitem(CONFIGURATIONS, "tiny", TINY["tiny"])
    recipe = autoencoder_training.recipe({"task": "pairs", "size": "tiny", "data": "there"}, 0)
    loss, figures = recipe.loss(recipe.network, recipe.batch(0))
    loss.backward()
    assert np.isfinite(list(figures.values())).all()
    saved = load_weights(recipe.save(recipe.network, tmp_path))
    assert (saved.about["task"], saved.name.rpartition("-")[0]) == ("pairs", "autoencoder_tiny_pairs")
    for options in ({"task": "pairs"}, {"data": "there"}, {"task": "pairs", "data": "there", "size": "dense200"}):
        with pytest.raises(ValueError, match="task pairs needs data=FOLDER"):
            autoencoder_training.recipe(options, 0)


@pytest.mark.parametrize("task", ["identity", "noise"])
def test_batches_hold_image_and_sky(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In units of the noise; those of identity are equal."""
    monkeypatch.setattr(autoencoder_training, "SIDE", 160)
    images, skies = autoencoder_training.tiles(task, 6, 0, 8)
    assert images.shape == (8, 128, 128)
    assert (images - skies).std() == pytest.approx(0.0 if task == "identity" else 1.0, abs=0.02)


def test_shipped_weights_take_noise_away() -> None:
    """More than smoothing does, where sources are no brighter than the noise; and measure what is lost."""
    from scipy.ndimage import gaussian_filter

    field = simulate_radio("noise", shape=(160, 160), seed=11, galaxies=None)
    stream = astrocodec.encode(field.data, codec="autoencoder")
    assert len(stream) < field.data.nbytes / 60
    found = astrocodec.decode(stream)
    smoothed = [gaussian_filter(field.data, sigma) for sigma in (1, 2, 3, 4, 6, 8)]
    faint = field.sky < 1e-4
    errors = [float(((x - field.sky)[faint] ** 2).mean()) for x in (found, *smoothed)]
    assert errors[0] < min(errors[1:])
    assert set(astrocodec.inspect(stream).parameters["flux_bias_by_snr"]) >= {"0.3 to 1", "30 to 1000"}
