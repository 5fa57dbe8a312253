"""`analyze` and `compare`: what they say, write and return, for good files and for odd ones."""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from astropy.io import fits
from cli_process import run_here, succeed_here

import fits_tiles
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.simulate import simulate

pytest.importorskip("photutils")
pytest.importorskip("skimage")
pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three exposures, one of them compressed, and a file without an image."""
    folder = tmp_path_factory.mktemp("night")
    for number, seconds in enumerate((10.0, 100.0, 1000.0)):
        frame = simulate("ccd", shape=(256, 288), seed=number, exptime=seconds)
        fits.PrimaryHDU(frame.data, frame.header()).writeto(folder / f"{number}.fits")
    fits_tiles.compress(folder / "2.fits", folder / "2.ac.fits")
    (folder / "2.fits").unlink()
    table = fits.BinTableHDU.from_columns([fits.Column("flux", "E", array=np.arange(7.0))], name="CAT")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(folder / "table.fits")
    return folder


class Outline(HTMLParser):
    """What a page consists of; every tag must be closed."""

    VOID = frozenset({"meta", "img", "br", "input", "path", "use", "rect", "circle", "image", "line"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def check_page(path: Path) -> Outline:
    """A page needs nothing from elsewhere, and pictures have words."""
    text = path.read_text(encoding="utf-8")
    page = Outline(text)
    assert not re.findall(
        r"src=\"(?!data:)[^\"]*\"|url\((?!#)|@import|https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
    )
    for tag, attributes in page.tags:
        if tag == "a" and (link := attributes.get("href") or ""):
            name, _, place = link.partition("#")
            target = path.parent / unquote(name) if name else path
            assert not place or f'id="{place}"' in target.read_text(encoding="utf-8"), link
            assert target.is_file(), link
        else:
            assert (attributes.get("href") or "#").startswith("#")
    for tag, attributes in page.tags:
        if tag == "img":
            assert attributes.get("alt")
        if tag == "svg":
            assert attributes.get("role") == "img"
            assert attributes.get("aria-label")
    names = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(names) == len(set(names))
    return page


def sections_of(outline: Outline) -> list[str | None]:
    """Images that are shown with pictures."""
    return [attributes["id"] for tag, attributes in outline.tags if attributes.get("class") == "image"]


def test_one_file_is_a_card(night: Path) -> None:
    """Every number with what it means."""
    text = succeed_here("analyze", night / "0.fits").decode()
    for word in ("ratio", "bits/pixel", "floor", "efficiency", "noise", "sources", "step", "saves", "RICE_1"):
        assert word in text
    efficiency = float(re.search(r"efficiency\s+([\d.]+) %", text)[1])  # type: ignore[index]
    assert 80 < efficiency < 105


def test_a_folder_is_a_table_and_a_page(night: Path, tmp_path: Path) -> None:
    """In processes; a file without an image is named, and no failure; each file has a page of its own."""
    page = tmp_path / "night.html"
    result = run_here("analyze", "-r", night, "-j", "2", "-o", page)
    assert result.returncode == ExitCode.OK
    assert b"table.fits: holds no image: a table" in result.stderr
    lines = result.stdout.decode().splitlines()
    assert len([line for line in lines if ".fits[" in line]) == 3
    outline = check_page(page)
    assert [tag for tag, _ in outline.tags].count("script") == 1
    assert not sections_of(outline)
    links = [attributes["href"] for tag, attributes in outline.tags if tag == "a" and "class" not in attributes]
    assert links == [f"night_files/{number}.html#image-1" for number in range(3)]
    for number in range(3):
        own = check_page(tmp_path / "night_files" / f"{number}.html")
        assert sections_of(own) == ["image-1"]
        back = [attributes["href"] for tag, attributes in own.tags if tag == "a"]
        neighbours = [f"{other}.html" for other in (number - 1, number + 1) if 0 <= other < 3]
        assert back == ["../night.html", *neighbours]
        assert "RICE_1" in (tmp_path / "night_files" / f"{number}.html").read_text()
    text = page.read_text()
    assert "Exposure time and compression ratio" in text
    assert "Noise and bits per pixel" in text
    again = run_here("analyze", "-r", night, "-o", page)
    assert again.returncode == ExitCode.EXISTS
    assert page.stat().st_size < 100_000
    page.unlink()
    again = run_here("analyze", "-r", night, "-o", page)
    assert again.returncode == ExitCode.EXISTS
    assert b"night_files/0.html exists already" in again.stderr
    assert not page.exists()


def test_json_and_the_sections_that_are_left_out(night: Path, tmp_path: Path) -> None:
    """Numbers for programs."""
    page = tmp_path / "page.html"
    text = succeed_here(
        "analyze",
        "--json",
        "--no-tune",
        "--no-peers",
        "-o",
        page,
        "--details",
        "1",
        night / "0.fits",
        night / "2.ac.fits",
    )
    files = json.loads(text)["files"]
    assert [len(entry["images"]) for entry in files] == [1, 1]
    ours = files[1]["images"][0]
    assert ours["compression"] == "astrocodec"
    assert ours["coded_bytes"] <= ours["file_bytes"]
    assert ours["details"]["bits"]["total"] == pytest.approx(8 * ours["coded_bytes"], abs=8)
    assert not any(entry["errors"] for entry in files)
    assert "Images in this file" not in page.read_text()


def test_a_folder_of_pages_and_files_of_one_name(night: Path, tmp_path: Path) -> None:
    """Names that are no UTF-8, equal ones and odd ones: a page for each, each found from the first and leading back."""
    odd = ["a/f.fits", "b/f.fits.gz", "b/F.fits", "a/index.fits", "a/<i>&'\"#?%41.fits", "a/.fits"]
    files = [tmp_path / name for name in [*odd, os.fsdecode(b"a/caf\xe9.fits"), "a/тест 星.fits"]]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    image = np.random.default_rng(1).normal(100, 5, (20, 20)).astype("i2")
    for file in files:
        fits.PrimaryHDU(image).writeto(file, output_verify="ignore")
    target = tmp_path / "report"
    result = run_here("analyze", "--no-tune", "--no-peers", *files, "-o", target)
    assert result.returncode == ExitCode.OK, result.stderr
    pages = sorted(target.iterdir())
    assert len({page.name.lower() for page in pages}) == len(pages) == len(files) + 1
    outline = check_page(target / "index.html")
    links = [attributes["href"] or "" for tag, attributes in outline.tags if tag == "a" and "class" not in attributes]
    assert len({unquote(link).partition("#")[0] for link in links}) == len(files)
    text = (target / "index.html").read_text(encoding="utf-8")
    for shown in ("caf\\xe9.fits", "тест 星.fits", "&lt;i&gt;&amp;&#x27;&quot;#?%41.fits"):
        assert shown in text
        assert shown.encode() in result.stdout or "&" in shown
    for page in pages:
        assert "Traceback" not in check_page(page).tags
    assert sum('href="index.html"' in page.read_text(encoding="utf-8") for page in pages) == len(files)
    assert run_here("analyze", *files, "-o", target).returncode == ExitCode.EXISTS
    assert run_here("analyze", *files, "-o", files[0]).returncode == ExitCode.USAGE
    assert run_here("analyze", *files, "-o", "-").returncode == ExitCode.USAGE
    assert run_here("analyze", *files, "-o", tmp_path / "none" / "a.html").returncode == ExitCode.SYSTEM
    again = run_here("analyze", "--no-tune", "--no-peers", *files, "-o", target, "--overwrite")
    assert again.returncode == ExitCode.OK
    assert sorted(target.iterdir()) == pages


def test_images_of_one_file_on_one_page(night: Path, tmp_path: Path) -> None:
    """A table that leads to the pictures; those that are left out are counted."""
    image = np.random.default_rng(1).normal(100, 5, (20, 20)).astype("i2")
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(image) for _ in range(3))]).writeto(tmp_path / "three.fits")
    page = tmp_path / "three.html"
    run_here("analyze", "-q", "--no-tune", "--no-peers", tmp_path / "three.fits", "-o", page, "--details", "2")
    outline = check_page(page)
    assert sections_of(outline) == ["image-1", "image-2"]
    assert "1 more image has a line in the table only" in page.read_text()
    assert not (tmp_path / "three_files").exists()


def odd_hdus() -> list[fits.ImageHDU]:
    """Images of which little can be said."""
    rng = np.random.default_rng(1)
    noise = rng.normal(100, 9, (100, 120))
    half = noise.astype("f4")
    half[:60], half[70, 70] = np.nan, np.inf
    images = {
        "NAN": np.full((80, 90), np.nan, "f4"),
        "CONST": np.full((80, 90), 7, "i2"),
        "ONE": np.ones((1, 1), "i2"),
        "TINY": np.arange(6, dtype="i2").reshape(2, 3),
        "ROW": np.arange(600, dtype="i2").reshape(1, 600),
        "HALF": half,
        "ZERO": np.zeros((300, 300), "u2"),
        "BINARY": rng.integers(0, 2, (200, 200)).astype("u1"),
        "WIDE": rng.integers(-(2**31), 2**31 - 1, (100, 100)).astype("i4"),
        "SMALL": noise * 1e-20,
        "PHOTONS": rng.poisson(0.02, (200, 200)).astype("u2"),
        "CUBES": np.stack([noise] * 4).reshape(2, 2, 100, 120).astype("i2"),
    }
    return [fits.ImageHDU(image, name=name) for name, image in images.items()]


def test_images_of_which_little_can_be_said(tmp_path: Path) -> None:
    """Numbers where there are some, notes where there are none, a page in any case."""
    blank = fits.ImageHDU(np.full((50, 60), -1, "i2"), name="BLANKS")
    blank.header["BLANK"] = -1
    hdus = [*odd_hdus(), blank]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "odd.fits")
    page = tmp_path / "odd.html"
    result = run_here("analyze", "--json", "--no-tune", tmp_path / "odd.fits", "-o", page, "--details", "99")
    assert result.returncode == ExitCode.OK, result.stderr.decode()
    images = json.loads(result.stdout)["files"][0]["images"]
    assert len(images) == len(hdus)
    found = {image["name"].split()[1]: image for image in images}
    assert "no" in " ".join(found["NAN"]["notes"])
    assert found["CONST"]["floor_bits"] == 0
    assert found["BLANKS"]["efficiency"] is None
    check_page(page)


def test_what_cannot_be_analysed(night: Path, tmp_path: Path) -> None:
    """One clear line and an exit code; other files are analysed all the same."""
    (tmp_path / "broken.fits").write_bytes((night / "0.fits").read_bytes()[:20000])
    result = run_here("analyze", tmp_path / "broken.fits", night / "0.fits", "--no-tune")
    assert result.returncode == ExitCode.BAD_DATA
    assert b"0.fits[0]" in result.stdout
    assert b"Traceback" not in result.stderr
    assert run_here("analyze", tmp_path / "none.fits").returncode == ExitCode.SYSTEM
    assert run_here("analyze", night).returncode == ExitCode.USAGE
    assert run_here("analyze", night / "0.fits", "-e", "SCI").returncode == ExitCode.USAGE


def test_compare_equal_and_different(night: Path, tmp_path: Path) -> None:
    """Exit codes 0 and 7; a picture and a page."""
    fits_tiles.compress(night / "0.fits", tmp_path / "0.ac.fits")
    assert succeed_here("compare", night / "0.fits", tmp_path / "0.ac.fits").decode().startswith("result  equal")
    image = fits.getdata(night / "0.fits").astype("f4")
    fits.PrimaryHDU(image).writeto(tmp_path / "a.fits")
    lossy = fits.CompImageHDU(image, compression_type="RICE_1", quantize_level=4, quantize_method=2, dither_seed=1)
    fits.HDUList([fits.PrimaryHDU(), lossy]).writeto(tmp_path / "b.fits.fz")
    pair = (tmp_path / "a.fits", tmp_path / "b.fits.fz")
    result = run_here("compare", *pair, "-o", tmp_path / "c.png")
    assert result.returncode == ExitCode.DIFFERS
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    for word in ("noise added to the sky", "PSNR", "SSIM", "flatness", "flux of"):
        assert word in result.stdout.decode()
    assert run_here("compare", "-q", *pair, "-o", tmp_path / "c.html").returncode == ExitCode.DIFFERS
    check_page(tmp_path / "c.html")
    assert run_here("compare", "-q", "--within", "100", *pair).returncode == ExitCode.OK
    document = json.loads(run_here("compare", "--json", *pair).stdout)
    assert document["equal"] is False
    assert document["images"][0]["residuals"]["differing"] > 0


def test_compare_what_does_not_fit(night: Path, tmp_path: Path) -> None:
    """Shapes, numbers of images, names of outputs."""
    fits.PrimaryHDU(np.ones((5, 6))).writeto(tmp_path / "small.fits")
    for arguments in (
        (night / "0.fits", tmp_path / "small.fits"),
        (night / "0.fits", night / "table.fits"),
        (night / "0.fits", night / "1.fits", "-o", tmp_path / "c.pdf"),
    ):
        assert run_here("compare", *arguments).returncode == ExitCode.USAGE
    (tmp_path / "c.png").touch()
    assert (
        run_here("compare", night / "0.fits", night / "1.fits", "-o", tmp_path / "c.png").returncode == ExitCode.EXISTS
    )
    assert run_here("compare", night / "0.fits", tmp_path / "none.fits").returncode == ExitCode.SYSTEM


def test_compare_looks_at_every_plane_of_a_cube(tmp_path: Path) -> None:
    """The plane shown is the middle one; equal are only cubes that are equal throughout."""
    cube = np.random.default_rng(0).poisson(100, (5, 64, 64)).astype(np.uint16)
    paths = [tmp_path / f"{name}.fits" for name in "abc"]
    fits.writeto(paths[0], cube)
    fits.writeto(paths[1], cube)
    cube[0, 3, 3] += 2
    fits.writeto(paths[2], cube)
    assert run_here("compare", *paths[:2]).returncode == ExitCode.OK
    result = run_here("compare", paths[0], paths[2])
    assert result.returncode == ExitCode.DIFFERS
    assert result.stdout.decode().startswith("different in 1 plane of the cube, most in plane 0, by up to 2;")
    document = json.loads(run_here("compare", "--json", paths[0], paths[2]).stdout)
    assert (document["equal"], document["differing_planes"]) == (False, [0])
    assert run_here("compare", "-q", "--within", "2", paths[0], paths[2]).returncode == ExitCode.OK
    assert run_here("compare", "-q", "--plane", "2", paths[0], paths[2]).returncode == ExitCode.OK


def test_compare_tells_infinite_pixels_apart(tmp_path: Path) -> None:
    """In the plane shown and in others; a difference beside equal infinities is seen."""
    cube = np.random.default_rng(0).poisson(100, (3, 64, 64)).astype("f4")
    cube[:, 5, 5] = np.inf
    fits.writeto(tmp_path / "a.fits", cube)
    for plane in (1, 2):
        for place, value in (((5, 5), np.nan), ((5, 5), -np.inf), ((6, 6), 5000)):
            other = cube.copy()
            other[plane][place] = value
            fits.writeto(tmp_path / "b.fits", other, overwrite=True)
            for options in ((), ("--within", "1")):
                result = run_here("compare", *options, tmp_path / "a.fits", tmp_path / "b.fits")
                assert result.returncode == ExitCode.DIFFERS, (plane, place, value, options)


@pytest.mark.parametrize("first", [True, False], ids=["primary", "extension"])
def test_compare_looks_at_images_of_one_axis(first: bool, tmp_path: Path) -> None:
    """Spectra beside an image are compared like images, `--within` too; where one file has none they are named."""
    image, spectrum = np.random.default_rng(1).poisson(100, (40, 50)).astype("i2"), np.arange(500, dtype="f4")
    other = spectrum.copy()
    other[3] = 9
    for name, row in (("a", spectrum), ("b", spectrum), ("c", other), ("none", None)):
        arrays = [image] if row is None else [row, image] if first else [image, row]
        fits.HDUList([fits.PrimaryHDU(arrays[0]), *map(fits.ImageHDU, arrays[1:])]).writeto(tmp_path / f"{name}.fits")
    fits_tiles.compress(tmp_path / "b.fits", tmp_path / "b.ac.fits")
    assert run_here("compare", tmp_path / "a.fits", tmp_path / "b.ac.fits").returncode == ExitCode.OK
    result = run_here("compare", "--json", tmp_path / "a.fits", tmp_path / "c.fits")
    assert result.returncode == ExitCode.DIFFERS
    document = json.loads(result.stdout)
    assert (document["equal"], [entry["equal"] for entry in document["images"]]) == (False, [True, False])
    assert document["images"][1]["residuals"]["largest"] == 6
    assert (
        run_here("compare", "-q", "--within", "6", tmp_path / "a.fits", tmp_path / "c.fits").returncode == ExitCode.OK
    )
    result = run_here("compare", tmp_path / "a.fits", tmp_path / "none.fits")
    assert result.returncode == ExitCode.DIFFERS
    assert b"not compared: " in result.stdout
    assert b"(of one axis)" in result.stdout


def test_compare_looks_at_what_is_no_image(tmp_path: Path) -> None:
    """Tables are equal by type, unit and value, of variable length too; a page names them; NaN is NaN."""
    image = np.random.default_rng(1).poisson(100, (40, 50)).astype("i2")
    lists = np.array([np.arange(3), np.arange(0)], object)

    def write(name: str, unit: str = "Jy", flux: float = 1.5, item: int = 2, tables: int = 1) -> Path:
        varying = lists.copy()
        varying[0] = np.array([0, 1, item])
        columns = [
            fits.Column("flux", "E", unit=unit, array=np.array([flux, np.nan])),
            fits.Column("list", "PJ()", array=varying),
        ]
        cats = [fits.BinTableHDU.from_columns(columns, name="CAT")] * tables
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(image), *cats]).writeto(tmp_path / name)
        return tmp_path / name

    one = write("a.fits")
    assert fits_tiles.compress(one, tmp_path / "a.ac.fits").verified
    result = run_here("compare", one, tmp_path / "a.ac.fits")
    assert result.returncode == ExitCode.OK
    assert "equal too: 2 CAT" in result.stdout.decode()
    for change in ({"unit": "mJy"}, {"flux": 1.6}, {"item": 3}):
        result = run_here("compare", one, write("b.fits", **change), "-o", tmp_path / "c.html", "--overwrite")
        assert result.returncode == ExitCode.DIFFERS, change
        assert result.stdout.decode().startswith("different: 2 CAT (a table); of the images shown:\n")
        assert "different: 2 CAT (a table)" in (tmp_path / "c.html").read_text()
        check_page(tmp_path / "c.html")
        document = json.loads(run_here("compare", "--json", one, tmp_path / "b.fits").stdout)
        assert not document["equal"]
        assert document["others"] == [{"name": "2 CAT", "what": "a table", "result": "different"}]
        assert run_here("compare", "-q", "-e", "1", one, tmp_path / "b.fits").returncode == ExitCode.OK
        (tmp_path / "b.fits").unlink()
    result = run_here("compare", one, write("two.fits", tables=2))
    assert result.returncode == ExitCode.DIFFERS
    assert result.stdout.decode().count("not compared: ") == 3


def test_compare_looks_at_datasets_and_arrays_that_are_no_images(tmp_path: Path) -> None:
    """Scalars, vectors, texts, complex numbers, flags, compounds, in HDF5 and Zarr."""
    h5py, zarr = pytest.importorskip("h5py"), pytest.importorskip("zarr")
    image = np.random.default_rng(1).poisson(100, (40, 50)).astype("i2")
    parts = {
        "scalar": (np.float64(3), np.float64(4)),
        "vector": (np.arange(5.0), np.arange(5.0) + 1),
        "complex": (np.array([[1 + 2j, np.nan]]), np.array([[1 + 3j, np.nan]])),
        "flags": (np.array([True, False]), np.array([True, True])),
        "longer": (np.array([True, False]), np.array([True, False, False])),
        "compound": (np.array([(1, np.nan)], "i4, f8"), np.array([(2, np.nan)], "i4, f8")),
    }

    def write(path: Path, changed: str) -> Path:
        arrays = {"sci": image, **{name: np.asarray(values[name == changed]) for name, values in parts.items()}}
        if path.suffix == ".zarr":
            group = zarr.open_group(path, mode="w")
            for name in list(arrays)[:-1]:
                group.create_array(name, data=arrays[name])
            return path
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name] = values
            file["text"] = "some" if changed != "text" else "other"
            file["nothing"] = h5py.Empty("f4" if changed != "nothing" else "f8")
            file["reference"] = file["sci" if changed != "reference" else "vector"].ref
        return path

    for suffix, names in ((".h5", [*parts, "text", "nothing", "reference"]), (".zarr", list(parts)[:-1])):
        first = write(tmp_path / f"a{suffix}", "")
        assert run_here("compare", first, write(tmp_path / f"b{suffix}", "")).returncode == ExitCode.OK
        for name in names:
            result = run_here("compare", "--json", first, write(tmp_path / f"b{suffix}", name))
            assert result.returncode == ExitCode.DIFFERS, name
            document = json.loads(result.stdout)
            differing = [one["name"] for one in document["others"] if one["result"] != "equal"]
            differing += [one["name"] for one in document["images"] if not one["equal"]]
            assert (document["equal"], differing) == (False, [name])


@pytest.mark.parametrize("dtype", ["i2", "f4"])
def test_compare_looks_at_what_stored_pixels_mean(dtype: str, tmp_path: Path) -> None:
    """Equal pixels under another scale are not equal, nor within anything."""
    for name, scale in (("a", 1.0), ("b", 2.0)):
        hdu = fits.PrimaryHDU(np.ones((20, 30), dtype))
        hdu.header["BSCALE"], hdu.header["BZERO"] = scale, 0.0
        hdu.writeto(tmp_path / f"{name}.fits")
    for options in ((), ("--within", "0")):
        result = run_here("compare", *options, tmp_path / "a.fits", tmp_path / "b.fits")
        assert result.returncode == ExitCode.DIFFERS
        assert b"mean" in result.stdout


def test_compare_refuses_cubes_of_different_depth(tmp_path: Path) -> None:
    """Their middle planes say nothing about the rest."""
    cube = np.zeros((5, 64, 64), np.uint16)
    fits.writeto(tmp_path / "five.fits", cube)
    fits.writeto(tmp_path / "four.fits", cube[:4])
    result = run_here("compare", tmp_path / "five.fits", tmp_path / "four.fits")
    assert result.returncode == ExitCode.USAGE
    assert "one is 5 x 64 x 64, the other 4 x 64 x 64" in result.stderr.decode()


def test_the_suggested_command_does_what_is_said_of_it(tmp_path: Path) -> None:
    """It adds 1 % noise, and saves the share that was told; for integers of 64 bits no command is named."""
    rng = np.random.default_rng(3)
    noisy = rng.normal(500, 7.3, (400, 400)).astype("f4")
    fits.PrimaryHDU(noisy, fits.Header([("BUNIT", "electron/s")])).writeto(tmp_path / "a.fits")
    fits.PrimaryHDU(noisy.round().astype("i2")).writeto(tmp_path / "b.fits")
    fits.PrimaryHDU(noisy.round().astype("i8")).writeto(tmp_path / "c.fits")
    names = [tmp_path / f"{name}.fits" for name in "abc"]
    told = json.loads(succeed_here("analyze", "--json", "--no-peers", *names))
    floats, integers, wide = (file["images"][0] for file in told["files"])
    assert wide["step"] is wide["saving"] is None
    assert "no command of ours" in wide["reasons"]["step"]
    for path, image in zip(names, (floats, integers), strict=False):
        assert any(image["command"] in note for note in image["notes"])
        program, *arguments = image["command"].split()
        assert program == "astrocodec"
        succeed_here(*arguments, path)
        saved = 1 - path.with_suffix(".ac.fits").stat().st_size / image["coded_bytes"]
        assert saved == pytest.approx(image["saving"], abs=0.09)  # headers count too
    compared = run_here("compare", "--json", tmp_path / "a.fits", tmp_path / "a.ac.fits")
    found = json.loads(compared.stdout)["images"][0]
    assert found["residuals"]["added_noise"] == pytest.approx(0.01, abs=0.003)
    assert floats["step"] / 2 < found["residuals"]["largest"] < floats["step"]
    assert found["unit"] == "electron/s"
