"""A codec of another package through every door: the template, installed as its README says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import astrocodec
from astrocodec.cli.exit_codes import ExitCode

ROOT = Path(__file__).parents[2]
FRAME = np.random.default_rng(5).poisson(40, (120, 160)).astype(np.int16)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the template where only those tests look."""
    place = tmp_path_factory.mktemp("site")
    source = tmp_path_factory.mktemp("source") / "codec_package"
    # pip builds in the source folder.
    subprocess.run(["cp", "-r", ROOT / "examples" / "codec_package", source], check=True)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", place]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, source], check=True, capture_output=True)
    return place


def run(program: str, folder: Path, *places: Path) -> subprocess.CompletedProcess[str]:
    """Run Python that finds the packages tested, and those in `places`."""
    return python(["-c", program], folder, *places)


def python(arguments: list[str], folder: Path, *places: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments."""
    paths = [
        str(Path(astrocodec.__file__).parents[1]),
        *map(str, places),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def succeed(program: str, folder: Path, *places: Path) -> str:
    """Run Python that must succeed."""
    done = run(program, folder, *places)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def files(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a file of every kind with it."""
    folder = tmp_path_factory.mktemp("files")
    np.save(folder / "frame.npy", FRAME)
    fits.writeto(folder / "a.fits", FRAME)
    pytest.importorskip("h5py")
    pytest.importorskip("zarr")
    program = """
import h5py, numpy as np, zarr, astrocodec, hdf5_filter, fits_tiles
from astrocodec.zarr.v3 import AstroCodec
frame = np.load('frame.npy')
open('stream', 'wb').write(astrocodec.encode(frame, codec='planes', level=4, verify=True))
open('rounded', 'wb').write(astrocodec.encode(frame.astype('f4'), codec='rounded', step=0.5))
with h5py.File('written.h5', 'w') as file:
    options = hdf5_filter.AstroCodec(codec='planes')
    hdf5_filter.write_dataset(file, 'x', frame, chunks=(60, 80), codec=options, workers=2)
with h5py.File('a.h5', 'w') as file:
    file['x'] = frame
report = hdf5_filter.compress('a.h5', 'a.ac.h5', codec='planes')
assert report.verified and report.datasets[0].kind == 'compressed', report
report = fits_tiles.compress('a.fits', 'a.ac.fits', codec='planes')
assert report.verified and report.hdus[0].kind == 'compressed' and report.hdus[0].codec == 'planes (id 192)', report
codec = AstroCodec(codec='planes', options={'level': 3})
zarr.create_array('a.zarr', data=frame, chunks=(60, 80), serializer=codec, compressors=None)
"""
    succeed(program, folder, installed)
    return folder


def test_every_door_reads_it(files: Path, installed: Path) -> None:
    """In a process that was told nothing: the package is found because it is installed."""
    program = """
import h5py, hdf5_filter, numpy as np, zarr, astrocodec, fits_tiles
from astropy.io import fits
frame = np.load('frame.npy')
def check(found):
    assert found.dtype.newbyteorder('=') == frame.dtype and (found == frame).all()
check(astrocodec.decode(open('stream', 'rb').read()))
assert abs(astrocodec.decode(open('rounded', 'rb').read()) - frame).max() <= 0.25
for name in ('written.h5', 'a.ac.h5'):
    with h5py.File(name) as file:
        check(file['x'][...])
        check(hdf5_filter.read_dataset(file['x'], workers=2))
        stream = file['x'].id.read_direct_chunk((0, 0))[1]
        assert astrocodec.inspect(stream).codec == 'planes'
plist = h5py.File('a.ac.h5')['x'].id.get_create_plist()
options = hdf5_filter.AstroCodec.from_filter_options(plist.get_filter_by_id(44045)[1])
assert repr(options) == "AstroCodec(codec='planes')", options
check(zarr.open_array('a.zarr')[...])
with fits.open('a.ac.fits') as hdus:
    check(hdus[1].data)
fits_tiles.decompress('a.ac.fits', 'again.fits', overwrite=True)
assert open('again.fits', 'rb').read() == open('a.fits', 'rb').read()
hdf5_filter.decompress('a.ac.h5', 'again.h5', overwrite=True)
check(h5py.File('again.h5')['x'][...])
"""
    succeed(program, files, installed)


@pytest.mark.parametrize("name", ["a.ac.fits", "a.ac.h5"])
def test_commands_read_it(files: Path, installed: Path, name: str) -> None:
    """`info`, `verify`, alone and against the original."""
    original = name.replace(".ac", "")
    for words in (["info", name], ["verify", name], ["verify", name, "--against", original]):
        done = python(["-m", "astrocodec", *words], files, installed)
        assert done.returncode == 0, done.stderr
    done = python(["-m", "astrocodec", "verify", "--json", name, "--against", original], files, installed)
    assert json.loads(done.stdout)["files"][0]["report"]["checked"] == "verified"


@pytest.mark.parametrize(
    "words", [["fits-compress", "--codec", "planes", "a.fits"], ["h5-compress", "--codec", "planes", "a.h5"]]
)
def test_commands_write_it(files: Path, installed: Path, tmp_path: Path, words: list[str]) -> None:
    """The same files as from Python."""
    done = python(["-m", "astrocodec", *words, "--outdir", str(tmp_path)], files, installed)
    assert done.returncode == 0, done.stderr
    made = tmp_path / words[-1].replace("a.", "a.ac.")
    if made.suffix == ".fits":
        assert made.read_bytes() == (files / made.name).read_bytes()
    assert made.stat().st_size < 1.1 * (files / made.name).stat().st_size


def test_codecs_that_lose_something_write_no_files(files: Path, installed: Path, tmp_path: Path) -> None:
    """Files are compressed without loss."""
    for words in (["fits-compress", "a.fits"], ["h5-compress", "a.h5"]):
        command = ["-m", "astrocodec", *words, "--codec", "rounded", "--outdir", str(tmp_path)]
        done = python(command, files, installed)
        assert done.returncode == ExitCode.USAGE
        assert "does not give every bit back" in done.stderr
        assert "please report" not in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("asked", ["--self-contained", "--model=other", "--effort=3"])
def test_options_that_a_codec_does_not_have_are_refused(
    files: Path, installed: Path, tmp_path: Path, asked: str
) -> None:
    """Not dropped without a word, and no internal error."""
    for command, name in (("fits-compress", "a.fits"), ("h5-compress", "a.h5")):
        words = ["-m", "astrocodec", command, name, "--codec", "planes", asked, "--outdir", str(tmp_path)]
        done = python(words, files, installed)
        assert done.returncode == ExitCode.USAGE, done.stderr
        word = asked[2:].partition("=")[0].replace("-", "_")
        assert f"{name}: codec 'planes' has no {word}, which the causal codec has" in done.stderr
    assert os.listdir(tmp_path) == []


MISSING = "codec 'planes' (id 192) is needed, which is not installed: pip install astrocodec-planes"


def test_datasets_that_it_cannot_write_are_copied(installed: Path, tmp_path: Path) -> None:
    """Compounds, and those for which HDF5 itself runs the filter."""
    program = """
import h5py, numpy as np, hdf5_filter
with h5py.File('a.h5', 'w') as file:
    file['pairs'] = np.ones((100, 200), [('p', 'i2'), ('q', 'i2')])
    file.create_dataset('sums', data=np.ones((128, 300), 'u2'), chunks=(64, 300), fletcher32=True)
    file['plain'] = np.arange(20000, dtype='i2').reshape(100, 200)
report = hdf5_filter.compress('a.h5', 'a.ac.h5', codec='planes')
assert report.verified
print({entry.name: entry.kind for entry in report.datasets})
"""
    found = succeed(program, tmp_path, installed)
    assert found.strip() == "{'/pairs': 'copied', '/plain': 'compressed', '/sums': 'copied'}"


@pytest.mark.parametrize(
    "program",
    [
        "import astrocodec; astrocodec.decode(open('stream', 'rb').read())",
        "import h5py, hdf5_filter; h5py.File('a.ac.h5')['x'][...]",
        "import h5py, hdf5_filter; hdf5_filter.read_dataset(h5py.File('a.ac.h5')['x'])",
        "import zarr; zarr.open_array('a.zarr')[...]",
        "import fits_tiles; from astropy.io import fits; fits.getdata('a.ac.fits')",
    ],
)
def test_every_door_says_what_is_missing(files: Path, program: str) -> None:
    """And what to install."""
    done = run(program, files)
    assert done.returncode != 0
    assert MISSING in done.stderr


@pytest.mark.parametrize(
    "words", [["verify", "a.ac.fits"], ["verify", "a.ac.h5"], ["fits-decompress", "-T", "a.ac.fits"]]
)
def test_commands_say_what_is_missing(files: Path, words: list[str]) -> None:
    """With the exit code for things to install."""
    done = python(["-m", "astrocodec", *words], files)
    assert done.returncode == ExitCode.NEEDS_INSTALL
    assert MISSING in done.stderr


@pytest.mark.parametrize("name", ["a.ac.fits", "a.ac.h5", "written.h5"])
def test_info_tells_the_codec(files: Path, installed: Path, name: str) -> None:
    """Where it is not installed too; of a model, which it has not, nothing is said."""
    for places in ((), (installed,)):
        assert "codec planes (id 192)" in python(["-m", "astrocodec", "info", name], files, *places).stdout
        done = python(["-m", "astrocodec", "info", "--json", name], files, *places)
        report = json.loads(done.stdout)["files"][0]["report"]
        (part,) = [part for part in report.get("hdus") or report["datasets"] if part["kind"] == "compressed"]
        assert (part["codec"], part["model"], part["tuned"]) == ("planes (id 192)", "", False)


@pytest.mark.parametrize("read", ["file['x'][...]", "hdf5_filter.read_dataset(file['x'], workers=1)"])
def test_an_interruption_is_no_damage(files: Path, installed: Path, read: str) -> None:
    """Ctrl-C while the codec decodes ends the program, though C and HDF5 stand between."""
    program = f"""
import time, h5py, hdf5_filter, astrocodec_planes
def decode(*arguments, **options):
    raise KeyboardInterrupt
astrocodec_planes.Planes.decode = decode
with h5py.File('a.ac.h5') as file:
    try:
        {read}
    except Exception:
        time.sleep(5)
print('went on')
"""
    done = run(program, files, installed)
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")
    assert "went on" not in done.stdout
    assert "damaged" not in done.stderr


def test_a_program_without_python_says_what_is_missing(files: Path) -> None:
    """`h5dump` has the filter and no Python."""
    import shutil

    if shutil.which("h5dump") is None:
        pytest.skip("h5dump is not installed")
    environment = {**os.environ, "HDF5_PLUGIN_PATH": str(Path(astrocodec.__file__).parent)}
    done = subprocess.run(
        ["h5dump", "-d", "/x", "a.ac.h5"], cwd=files, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert MISSING in done.stderr


def test_elements_assigned_through_h5py_are_kept(files: Path, installed: Path) -> None:
    """HDF5 writes chunks in a flush, and dies of a filter that fails there: they are of the everyday codec."""
    shutil.copy(files / "written.h5", files / "assigned.h5")
    assigned = """
import h5py, hdf5_filter
with h5py.File('assigned.h5', 'r+') as file:
    file['x'][3, 5] = 77
"""
    read = """
import h5py, hdf5_filter, numpy as np, astrocodec
with h5py.File('assigned.h5') as file:
    expected = np.load('frame.npy')
    expected[3, 5] = 77
    assert (file['x'][...] == expected).all()
    print(*[astrocodec.inspect(file['x'].id.read_direct_chunk(at)[1]).codec for at in ((0, 0), (0, 80))])
"""
    succeed(assigned, files, installed)
    assert succeed(read, files, installed).split() == ["causal", "planes"]
