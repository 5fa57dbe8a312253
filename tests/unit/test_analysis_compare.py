"""Comparison of two images: what it says of changes that are known."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner

pytest.importorskip("photutils")
pytest.importorskip("skimage")

import astrocodec
from astrocodec.analysis.compare.bound import check_bound
from astrocodec.analysis.compare.comparison import compare
from astrocodec.analysis.compare.page import comparison_rows
from astrocodec.analysis.compare.similarity import similarity
from astrocodec.analysis.compare.stacking import rounded, stack_noise, stacking_figure
from astrocodec.analysis.compare.whiteness import whiteness
from astrocodec.analysis.images.stated_loss import StatedLoss
from astrocodec.cli import cli
from astrocodec.cli.compare import CompareTask, compare_files
from astrocodec.simulate import simulate


def test_pixels_that_no_double_tells_apart_are_counted() -> None:
    first = np.full((20, 30), 1 << 53, np.uint64)
    second = first.copy()
    second[3, 4:6] += np.uint64(1)
    found = compare(first, second)
    assert not found.equal
    assert found.residuals is not None
    assert found.residuals.differing == 2


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e200, -1e200])
@pytest.mark.parametrize("odd", [(3, 4), slice(None)])
def test_what_does_not_count_is_not_equal(value: float, odd: object) -> None:
    """An infinite or huge pixel is no NaN, and no other such number; two NaN are equal, and what the caller masks."""
    first = np.full((20, 30), 100.0)
    first[odd] = np.inf
    second = first.copy()
    second[odd] = value
    for a, b in ((first, second), (second, first)):
        found = compare(a, b)
        assert not found.equal
        assert found.beyond == first[odd].size
        assert compare(a, b, mask=a != b).equal
        assert compare(a, a.copy()).equal
    hidden = np.ma.masked_where(first == np.inf, first)
    assert compare(hidden, first).beyond == first[odd].size
    assert compare(hidden, np.ma.array(second, mask=hidden.mask)).equal


@pytest.fixture(scope="module")
def frame() -> np.ndarray:
    """Stars and galaxies over a sky of known noise, one amplifier."""
    return simulate("ccd", shape=(384, 816), seed=7).data[:, :380]


def test_equal_images_are_equal(frame: np.ndarray) -> None:
    """Nothing is measured that would be infinite."""
    found = compare(frame, frame.copy())
    assert found.equal
    assert found.residuals is not None
    assert found.residuals.differing == 0
    assert found.whiteness is None
    assert found.similarity is not None
    assert found.similarity.psnr is None
    assert found.similarity.ssim == pytest.approx(1)
    json.dumps(found.to_dict(), allow_nan=False)


def test_rounding_adds_a_twelfth(frame: np.ndarray) -> None:
    """Steps of 8 ADU add (8**2 - 1) / 12 to the variance, white, without bias."""
    found = compare(frame, (np.rint(frame / 8.0) * 8).astype(frame.dtype))
    assert found.residuals is not None
    assert found.residuals.deviation == pytest.approx(np.sqrt(64 / 12 + 1 / 6), rel=0.02)
    noise = 12.0  # about what the frame has
    assert found.residuals.added_noise == pytest.approx(np.sqrt(1 + 64 / 12 / noise**2) - 1, rel=0.35)
    assert found.whiteness is not None
    assert abs(found.whiteness.lag_x) < 0.02
    assert abs(found.whiteness.lag_y) < 0.02
    assert found.whiteness.flatness > 0.98
    assert found.fluxes is not None
    assert all(abs(one.bias_sigma) < 0.5 for one in found.fluxes.bins if one.count > 5)


def test_a_smoothed_image_is_found_out(frame: np.ndarray) -> None:
    """Denoising leaves a residual that is neither white nor independent of the image."""
    image = frame.astype(float)
    smooth = (image + np.roll(image, 1, 1) + np.roll(image, -1, 1)) / 3
    found = compare(image, smooth)
    assert found.whiteness is not None
    assert found.whiteness.lag_x < -0.2
    assert found.whiteness.flatness < 0.9
    assert found.whiteness.signal_correlation < -0.5


def test_a_lost_share_of_the_flux_is_a_bias(frame: np.ndarray) -> None:
    """Sources of 1 % less flux."""
    sky = float(np.median(frame))
    image = frame.astype(float)
    found = compare(image, image - 0.01 * np.where(image > sky + 100, image - sky, 0))
    assert found.fluxes is not None
    assert found.fluxes.bins[-1].bias_percent == pytest.approx(-1, abs=0.2)


def test_pixels_without_value() -> None:
    """NaN in one image only is a difference, in both it is none."""
    image = np.random.default_rng(1).normal(100, 5, (64, 64))
    image[3, 4] = np.nan
    assert compare(image, image.copy()).equal
    other = image.copy()
    other[5, 6:8] = np.nan
    found = compare(image, other)
    assert (found.equal, found.lost, found.gained) == (False, 2, 0)
    hidden = np.ma.array(other, mask=np.isnan(other))
    assert compare(image, hidden).lost == 2


@pytest.mark.parametrize(
    ("a", "b", "note"),
    [
        (np.full((32, 32), np.nan), np.zeros((32, 32)), "no pixel has a value in both"),
        (np.full((32, 32), 7), np.full((32, 32), 8), "A has no noise"),
        (np.zeros((2, 3)), np.ones((2, 3)), "fewer than 16 pixels"),
        (np.zeros((1, 1), np.int16), np.zeros((1, 1), np.uint16), "types differ"),
        (np.full((40, 40), -(2**60)), np.full((40, 40), 2**60), "A has no noise"),
        (np.arange(1600.0).reshape(40, 40) * 1e-20, np.zeros((40, 40)), ""),
    ],
)
def test_images_of_which_little_can_be_said(a: np.ndarray, b: np.ndarray, note: str) -> None:
    """Notes instead of tracebacks, JSON without NaN."""
    found = compare(a, b)
    assert not found.equal
    assert note in "; ".join(found.notes)
    json.dumps(found.to_dict(), allow_nan=False)


def test_shapes_must_be_the_same() -> None:
    """Said with both shapes."""
    with pytest.raises(ValueError, match=r"\(3, 4\), B \(4, 3\)"):
        compare(np.zeros((3, 4)), np.zeros((4, 3)))


def test_similarity_is_what_scikit_image_says(frame: np.ndarray) -> None:
    """PSNR and SSIM over the range of A."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    a, b = frame.astype(float), np.rint(frame / 8.0) * 8
    found, span = similarity(a, b, None), float(a.max() - a.min())
    assert found.psnr == pytest.approx(peak_signal_noise_ratio(a, b, data_range=span))
    assert found.ssim == pytest.approx(structural_similarity(a, b, data_range=span), abs=1e-4)


@pytest.mark.parametrize("shape", [(64, 64), (100, 300), (512, 512)])
def test_white_noise_is_white_in_every_size(shape: tuple[int, int]) -> None:
    """The scatter of few blocks is not taken for structure."""
    noise = np.random.default_rng(3).normal(size=shape)
    found = whiteness(noise, noise[::-1])
    assert found is not None
    assert found.flatness == pytest.approx(1, abs=0.04)
    assert np.allclose(found.power[8:], 1, atol=0.35)


def test_stacks_of_rounded_frames() -> None:
    """Dithered rounding averages out; plain rounding of noise narrower than the step does not."""
    rng = np.random.default_rng(1)
    sky = 100 + 20 * rng.random((96, 96))
    frames = [sky + rng.normal(0, 2, sky.shape) for _ in range(128)]
    codings = {"plain": rounded(8, dither=False), "dithered": rounded(8, dither=True)}
    found = stack_noise(frames, codings, sky=sky, counts=(1, 16, 128))
    assert found.excess("uncoded") == pytest.approx(1, rel=0.03)
    assert found.excess("dithered") == pytest.approx(np.sqrt(1 + 64 / 12 / 4), rel=0.05)
    assert found.excess("plain") > 2 * found.excess("dithered")
    assert abs(found.bias["dithered"]) < 0.02
    assert stacking_figure(found).axes
    with pytest.raises(ValueError, match="128 frames were given, a stack of 129"):
        stack_noise(frames, codings, sky=sky, counts=(1, 129))


@pytest.mark.parametrize("change", [{"bscale": 2.0}, {"bzero": 100.0}, {"unit": "mJy"}])
def test_equal_integers_of_other_meaning_are_not_equal(tmp_path: Path, change: dict[str, object]) -> None:
    """The commands compare what the files mean."""
    pixels = np.arange(600, dtype=np.int16).reshape(20, 30)
    for name, own in (("a", {}), ("b", change)):
        hdu = fits.PrimaryHDU(pixels)
        hdu.header["BUNIT"] = own.get("unit", "Jy")
        hdu.writeto(tmp_path / f"{name}.fits")
        for keyword in ("bscale", "bzero"):
            if keyword in own:
                fits.setval(tmp_path / f"{name}.fits", keyword.upper(), value=own[keyword])
    assert main_code(["compare", str(tmp_path / "a.fits"), str(tmp_path / "a.fits")]) == 0
    assert main_code(["compare", str(tmp_path / "a.fits"), str(tmp_path / "b.fits")]) == 7


def main_code(arguments: list[str]) -> int:
    """Exit code of a command."""
    return CliRunner().invoke(cli, arguments).exit_code


def tiled(path: Path, pixels: np.ndarray, **options: object) -> Path:
    """A file as fpack makes it."""
    fits.CompImageHDU(pixels, **options).writeto(path)
    return path


QUANTISED = {"compression_type": "RICE_1", "quantize_level": 4, "quantize_method": 1, "dither_seed": 1}


def test_the_bound_of_quantised_tiles_is_checked(tmp_path: Path) -> None:
    """Half a step of each tile; a pixel beyond is named, and `--within bound` accepts what holds."""
    noise = np.random.default_rng(2).normal(100, 5, (60, 80)).astype(np.float32)
    noise[30:] *= 3  # tiles are rows: their steps differ
    noise[7, 9] = np.nan
    original = tmp_path / "a.fits"
    fits.PrimaryHDU(noise).writeto(original)
    lossy = tiled(tmp_path / "b.fits.fz", noise, **QUANTISED)
    (found,) = (part for _, part in compare_files(CompareTask(original, lossy)).parts)
    assert found.bound is not None
    assert found.bound.holds
    assert "RICE_1, steps of" in found.bound.stated
    assert found.bound.share == pytest.approx(1, abs=0.01)
    assert dict(comparison_rows(found))["its bound"].startswith("holds")
    assert main_code(["compare", str(original), str(lossy), "-q"]) == 7
    assert main_code(["compare", str(original), str(lossy), "-q", "--within", "bound"]) == 0
    noise[3, 4] += 3  # beyond the step of its row, within that of others
    fits.PrimaryHDU(noise).writeto(original, overwrite=True)
    (found,) = (part for _, part in compare_files(CompareTask(original, lossy)).parts)
    assert found.bound is not None
    assert (found.bound.holds, found.bound.beyond) == (False, 1)
    assert "1 pixels are beyond" in dict(comparison_rows(found))["its bound"]
    assert main_code(["compare", str(original), str(lossy), "-q", "--within", "bound"]) == 7
    assert main_code(["compare", str(original), str(lossy), "--within", "-1"]) == 2


def test_bounds_of_the_planes_of_a_cube(tmp_path: Path) -> None:
    """Each plane has tiles of its own; what is exact, or promises nothing, is told apart."""
    cube = np.random.default_rng(2).normal(100, 5, (3, 40, 50)).astype(np.float32)
    original = tmp_path / "a.fits"
    fits.PrimaryHDU(cube).writeto(original)
    lossy = tiled(tmp_path / "b.fits.fz", cube, **QUANTISED)
    assert main_code(["compare", str(original), str(lossy), "-q", "--within", "bound"]) == 0
    cube[2, 1, 1] += 5
    fits.PrimaryHDU(cube).writeto(original, overwrite=True)
    assert main_code(["compare", str(original), str(lossy), "-q", "--within", "bound"]) == 7
    exact = tiled(tmp_path / "c.fits.fz", cube, compression_type="GZIP_2", quantize_level=0)
    assert next(iter(compare_files(CompareTask(original, exact)).parts))[1].bound is None
    smooth = tiled(tmp_path / "d.fits.fz", cube[0], compression_type="HCOMPRESS_1", quantize_level=4, hcomp_scale=2.5)
    plane = tmp_path / "e.fits"
    fits.PrimaryHDU(cube[0]).writeto(plane)
    (found,) = (part for _, part in compare_files(CompareTask(plane, smooth)).parts)
    assert found.bound is not None
    assert found.bound.holds is None
    assert "keeps no bound" in found.bound.stated
    assert main_code(["compare", str(plane), str(smooth), "-q", "--within", "bound"]) == 7


def test_a_bound_relative_to_the_value() -> None:
    """One percent of each pixel: zeros must stay."""
    original = np.array([[0.0, 100.0, -200.0, np.nan]])
    stated = StatedLoss("to 1 %", np.full(original.shape, 0.01), relative=True)
    assert check_bound(original, original * 1.009, stated).holds
    for wrong in ([[1e-9, 0, 0, 0]], [[0, 0, -2.1, 0]], [[np.nan, 0, 0, 0]]):
        assert check_bound(original, original + np.array(wrong), stated).beyond == 1
    gained = np.where(np.isnan(original), 3.0, original)
    assert check_bound(original, gained, stated).beyond == 1


def test_the_bound_of_our_streams_is_checked(tmp_path: Path) -> None:
    """Chunk by chunk: an exact one allows nothing, and the plane of a cube has its own."""
    h5py = pytest.importorskip("h5py")
    hdf5_filter = pytest.importorskip("hdf5_filter")
    cube = np.random.default_rng(2).normal(100, 5, (2, 40, 50)).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["sci"] = cube
    with h5py.File(tmp_path / "b.h5", "w") as file:
        options = {"chunks": (1, 32, 32), "compression": hdf5_filter.AstroCodec()}
        dataset = file.create_dataset("sci", shape=cube.shape, dtype="f4", **options)
        for place in itertools.product((0, 1), (0, 32), (0, 32)):
            chunk = np.zeros((1, 32, 32), np.float32)
            part = cube[tuple(slice(at, at + side) for at, side in zip(place, (1, 32, 32), strict=True))]
            chunk[:, : part.shape[1], : part.shape[2]] = part
            lossy = {"max_error": 1.0} if place[1] else {}
            dataset.id.write_direct_chunk(place, astrocodec.encode(chunk, **lossy))
    (found,) = (part for _, part in compare_files(CompareTask(tmp_path / "a.h5", tmp_path / "b.h5")).parts)
    assert found.bound is not None
    assert (found.bound.stated, found.bound.holds) == ("astrocodec, max_error 1", True)
    assert found.residuals is not None
    assert found.bound.stated_largest is not None  # of chunks as they are, which reach beyond the image
    assert found.residuals.largest <= found.bound.stated_largest <= 1
    assert main_code(["compare", str(tmp_path / "a.h5"), str(tmp_path / "b.h5"), "-q", "--within", "bound"]) == 0
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["sci"][0, 3, 4] += np.float32(0.5)  # less than the bound of other chunks
    assert main_code(["compare", str(tmp_path / "a.h5"), str(tmp_path / "b.h5"), "-q", "--within", "bound"]) == 7


@pytest.mark.parametrize("version", [2, 3])
def test_the_bound_of_zarr_chunks_is_checked(tmp_path: Path, version: int) -> None:
    """Read as files, plane by plane."""
    zarr = pytest.importorskip("zarr")
    from astrocodec.zarr import v2, v3

    cube = np.random.default_rng(2).normal(100, 5, (2, 40, 50)).astype(np.float32)
    zarr.create_array(tmp_path / "a", data=cube, chunks=(1, 40, 50), zarr_format=version)
    codec = {"compressors": v2.AstroCodec()} if version == 2 else {"compressors": None, "serializer": v3.AstroCodec()}
    options = {"shape": cube.shape, "dtype": "f4", "chunks": (1, 32, 32), "zarr_format": version}
    zarr.create_array(tmp_path / "b", **options, **codec)[...] = cube
    for file in (tmp_path / "b").rglob("*"):
        if file.is_file() and (stream := file.read_bytes()).startswith(b"\xac\x0d"):
            file.write_bytes(astrocodec.encode(astrocodec.decode(stream), max_error=1.0))
    task = CompareTask(tmp_path / "a", tmp_path / "b", plane=0)
    (found,) = (part for _, part in compare_files(task).parts)
    assert found.bound is not None
    assert (found.bound.stated, found.bound.holds) == ("astrocodec, max_error 1", True)
    assert found.bound.share == pytest.approx(1, abs=0.01)
