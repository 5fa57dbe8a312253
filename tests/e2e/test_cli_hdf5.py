"""`h5-compress`, `h5-decompress`, `plugin-path`, and `info` and `verify` on HDF5 files."""

from __future__ import annotations

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from cli_process import COMMAND, environment, leftovers, run, run_here, succeed, succeed_here
from hdf5_files import write_everything

import hdf5_filter


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """A file with everything in it."""
    write_everything(tmp_path / "night.h5")
    return tmp_path / "night.h5"


def test_there_and_back(night: Path) -> None:
    packed, back = night.with_name("packed.h5"), night.with_name("back.h5")
    night.chmod(0o640)
    text = succeed_here("h5-compress", "--no-tune", "-j", "2", "-v", night, "-O", packed).decode()
    assert text.rstrip().endswith("verified")
    assert "would not become smaller" in text
    assert "datasets" in text
    assert stat.S_IMODE(packed.stat().st_mode) == 0o640
    assert "/numbers" in succeed_here("info", packed).decode()
    succeed_here("verify", packed)
    succeed_here("verify", "-q", packed, "--against", night)
    succeed_here("h5-decompress", packed, "-O", back)
    succeed_here("verify", back, "--against", night)
    assert not leftovers(night.parent)


def test_json(night: Path) -> None:
    packed = night.with_name("packed.h5")
    document = json.loads(
        succeed_here("h5-compress", "--no-tune", "--json", "-d", "numbers", "-c", "50,60", night, "-O", packed)
    )
    entries = {entry["name"]: entry for entry in document["files"][0]["report"]["datasets"]}
    assert entries["/numbers"]["chunks"] == [50, 60]
    assert [entry["name"] for entry in entries.values() if entry["kind"] == "compressed"] == ["/numbers"]
    assert entries["/mask"]["note"] == "not chosen"
    listed = json.loads(succeed_here("info", "--json", packed))
    assert listed["files"][0]["report"]["datasets"][0]["name"]
    assert json.loads(succeed_here("verify", "--json", packed))["files"][0]["report"]["checked"] == "not checked"


def test_plugin_path() -> None:
    folder = Path(succeed("plugin-path").decode().strip())
    assert folder == Path(hdf5_filter.PLUGIN_PATH)
    assert list(folder.glob("lib*.so"))


def test_failures_have_codes(night: Path) -> None:
    folder = night.parent
    (folder / "exists.h5").write_bytes(b"x")
    (folder / "text.h5").write_bytes(b"no HDF5 at all")
    (folder / "cut.h5").write_bytes(night.read_bytes()[:5000])
    cases = [
        (("h5-compress", night, "-O", folder / "exists.h5"), 5, "exists already; give --overwrite"),
        (("h5-compress", night, "-O", night), 5, "would be the input itself"),
        (("h5-compress", night, "-O", folder / "new.h5", "-d", "absent"), 2, "no dataset 'absent'"),
        (("h5-compress", night, "-O", folder / "new.h5", "-d", "strings"), 2, "its type is not coded"),
        (("h5-compress", night, "-O", folder / "new.h5", "-c", "0,5"), 2, "is no chunk"),
        (("h5-compress", folder / "text.h5", "-O", folder / "new.h5"), 3, "not an HDF5 file"),
        (("h5-compress", folder / "cut.h5", "-O", folder / "new.h5"), 3, "cannot be opened"),
        (("h5-compress", folder / "absent.h5", "-O", folder / "new.h5"), 6, "no such file"),
        (("h5-compress", night, "-O", folder / "new.h5", "--model", "absent"), 4, "no model 'absent'"),
        (("verify", folder / "cut.h5"), 3, "cannot be opened"),
        (("h5-compress", night, "-O", folder / "text.h5" / "new.h5"), 6, "not a directory"),
    ]
    for arguments, code, text in cases:
        result = run_here(*arguments)
        assert result.returncode == code, (arguments, result.stderr)
        assert text in result.stderr.decode(), arguments
        assert len(result.stderr.decode().splitlines()) == 1 or code == 2
    assert not (folder / "new.h5").exists()
    assert not leftovers(folder)


def test_input_and_output_by_their_names(night: Path) -> None:
    """As h5repack has them, where only the first exists, with -j too; what exists is an input."""
    packed, back = night.with_name("packed.h5"), night.with_name("back.h5")
    succeed_here("h5-compress", "--no-tune", night, packed)
    succeed_here("h5-decompress", "-j", "2", packed, back)
    assert hdf5_filter.verify(back, night)
    before = packed.read_bytes()
    result = run_here("h5-compress", "--no-tune", "--overwrite", night, packed)
    assert result.returncode == 0
    assert packed.read_bytes() == before
    assert night.with_name("night.ac.h5").exists()
    missing = night.with_name("missing.h5")
    for arguments in ((missing, night), (night, packed, missing), (night, str(night.parent / "*.none"))):
        assert run_here("h5-compress", "--overwrite", "--no-tune", *arguments).returncode in (2, 6)
        assert not missing.exists()


def test_a_difference_has_its_code(night: Path) -> None:
    packed = night.with_name("packed.h5")
    succeed_here("h5-compress", "--no-tune", night, "-O", packed)
    with h5py.File(packed, "r+") as file:
        file["hard"][2, 3, 4] = 0
    result = run_here("verify", packed, "--against", night)
    assert result.returncode == 7
    assert "differs at (2, 3, 4)" in result.stderr.decode()


def test_a_damaged_chunk_is_named(night: Path) -> None:
    packed = night.with_name("packed.h5")
    succeed_here("h5-compress", "--no-tune", "-c", "50,50", night, "-O", packed)
    with h5py.File(packed, "r+") as file:
        stream = bytearray(file["numbers"].id.read_direct_chunk((50, 100))[1])
        stream[len(stream) // 2] ^= 1
        file["numbers"].id.write_direct_chunk((50, 100), bytes(stream))
    for arguments in (("verify", packed), ("h5-decompress", packed, "-O", night.with_name("back.h5"))):
        result = run_here(*arguments)
        assert result.returncode == 3
        assert "dataset '/numbers', chunk at (50, 100)" in result.stderr.decode()
    assert not night.with_name("back.h5").exists()


def test_damage_of_another_filter_is_named(night: Path) -> None:
    """By HDF5's checksum: the file cannot be copied, and is not called verified."""
    damaged = night.with_name("gzip.h5")
    with h5py.File(damaged, "w") as file:
        data = np.random.default_rng(0).poisson(300, (200, 300)).astype("u2")
        made = file.create_dataset("deep/x", data=data, chunks=(100, 100), compression="gzip", fletcher32=True)
        place = made.id.get_chunk_info(2).byte_offset + 50
    with damaged.open("r+b") as raw:
        raw.seek(place)
        byte = raw.read(1)[0]
        raw.seek(place)
        raw.write(bytes([byte ^ 4]))
    for arguments in (("verify", damaged), ("h5-compress", "--no-tune", damaged, "-O", night.with_name("copy.h5"))):
        result = run_here(*arguments)
        assert result.returncode == 3
        assert "dataset '/deep/x': " in result.stderr.decode()
    assert not night.with_name("copy.h5").exists()


def test_what_is_no_file(night: Path) -> None:
    os.mkfifo(night.with_name("pipe"))
    cases = [
        (("h5-compress", "-", "-O", night.with_name("copy.h5")), 2, "'-' (stdin) cannot be read here"),
        (("h5-compress", night, "-O", "-"), 2, "not written to stdout"),
        (("h5-compress", night.parent, "-O", night.with_name("copy.h5")), 2, "is a directory; give -r"),
        (("h5-compress", night.with_name("pipe"), "-O", night.with_name("copy.h5")), 2, "is a pipe or device"),
        (("h5-compress", "--overwrite", night, "-O", night.with_name("pipe")), 5, "is a device or pipe"),
    ]
    for arguments, code, text in cases:
        result = run_here(*arguments)
        assert result.returncode == code, (arguments, result.stderr)
        assert text in result.stderr.decode(), arguments
    assert night.with_name("pipe").is_fifo()
    assert not night.with_name("copy.h5").exists()


@pytest.mark.parametrize("data", [b"", b"CDF\x01" + bytes(60), bytes(3000)], ids=["empty", "netCDF classic", "zeros"])
@pytest.mark.parametrize("command", ["verify", "info"])
def test_a_file_that_is_only_named_so(tmp_path: Path, command: str, data: bytes) -> None:
    """It is asked for as HDF5, so it is not said to be no FITS file."""
    (tmp_path / "a.h5").write_bytes(data)
    result = run_here(command, tmp_path / "a.h5")
    assert result.returncode == 3
    assert "a.h5: not an HDF5 file" in result.stderr.decode()
    (tmp_path / "a.dat").write_bytes(data)
    assert "HDF5" not in run_here(command, tmp_path / "a.dat").stderr.decode()


def test_without_h5py(night: Path) -> None:
    program = (
        "import sys\nsys.modules['h5py'] = None\nfrom astrocodec.cli import main\n"
        f"main(['h5-compress', {str(night)!r}, '-O', 'out.h5'])"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment())
    assert result.returncode == 4
    assert "pip install 'astrocodec[hdf5]'" in result.stderr


def large(path: Path) -> Path:
    """A file that takes a moment."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file["cube"] = rng.normal(1000, 30, (100, 512, 512)).astype("u2")
    return path


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_while_writing(tmp_path: Path, signal_number: signal.Signals) -> None:
    """However fast the machine is: the rows' end never comes, so the command cannot be done before."""
    source = large(tmp_path / "large.h5")
    before = source.read_bytes()
    target, waiting = tmp_path / "out.h5", tmp_path / "waiting"
    program = (
        "import pathlib, time\nfrom astrocodec.cli import main\nfrom hdf5_filter.transfer import DatasetSource\n"
        "blocks = DatasetSource.blocks\n"
        "def endless(self, *rows):\n"
        "    yield from blocks(self, *rows)\n"
        f"    pathlib.Path({str(waiting)!r}).touch()\n"
        "    time.sleep(1000)\n"
        "DatasetSource.blocks = endless\n"
        f"main(['h5-compress', '--no-tune', {str(source)!r}, '-O', {str(target)!r}])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stderr=subprocess.PIPE, env=environment(), start_new_session=True
    )
    deadline = time.monotonic() + 90
    while not waiting.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    assert waiting.exists()
    assert leftovers(tmp_path)
    os.killpg(process.pid, signal_number)
    process.communicate(timeout=30)
    assert process.returncode in (143, -signal_number)
    assert not target.exists()
    assert source.read_bytes() == before
    if signal_number == signal.SIGTERM:
        assert not leftovers(tmp_path)
    assert run("h5-compress", "--no-tune", source, "-O", target).returncode == 0


def test_full_disk(tmp_path: Path) -> None:
    """The limit on a file's size stands for the limit of a disk."""
    source, target = large(tmp_path / "large.h5"), tmp_path / "out.h5"
    result = subprocess.run(
        [*COMMAND, "h5-compress", "--no-tune", str(source), "-O", str(target)],
        capture_output=True,
        env=environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20)),
        timeout=100,
    )
    assert result.returncode == 6, result.stderr
    assert len(result.stderr.decode().splitlines()) == 1, result.stderr.decode()
    assert b"limit for files" in result.stderr or b"too large" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large.h5"]


def test_a_bound(tmp_path: Path) -> None:
    """In the words of fits-compress."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.random.default_rng(1).normal(1000, 20, (150, 160)))
    words = ["--noise-increase", "1%", "--gain", "2", "--read-noise", "5", "--saturation", "6e4", "--protect-sources"]
    source, packed = tmp_path / "a.h5", tmp_path / "a.ac.h5"
    assert "verified, lossy" in succeed_here("h5-compress", "--no-tune", *words, "--no-dither", source).decode()
    assert "lossy: noise_increase 1%" in succeed_here("info", packed).decode()
    assert "verified, lossy" in succeed_here("verify", packed, "--against", source).decode()
    assert json.loads(succeed_here("verify", "--json", packed))["files"][0]["report"]["datasets"][0]["loss"]["variance"]
    header = ["--noise-increase", "1%", "--gain", "header"]  # HDF5 has none
    for bad in (["--gain", "2"], ["--max-error", "3", "--planes", "residuals"], ["--max-error", "0"], header):
        assert run_here("h5-compress", *bad, source, "--overwrite").returncode == 2
    assert run_here("h5-compress", source, "--skip-existing").returncode == 7
