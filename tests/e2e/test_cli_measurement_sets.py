"""vis-compress and vis-decompress of Measurement Sets: batches, and inputs that go or stay whole."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import run_here, succeed_here

tables = pytest.importorskip("casacore.tables", reason="Measurement Sets need python-casacore")
pytest.importorskip("h5py")

from measurement_sets import files_of, make_set  # noqa: E402

from astrocodec.cli.exit_codes import ExitCode  # noqa: E402


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_set(tmp_path / "a.ms", "TiledShapeStMan")
    return tmp_path / "a.ms"


def without_locks(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if not name.endswith("table.lock")}


def test_batches_as_of_other_files(source: Path) -> None:
    folder, given = source.parent, without_locks(files_of(source))
    succeed_here("vis-compress", "-r", folder, "-q")
    assert sorted(path.name for path in folder.iterdir()) == ["a.ms", "a.ms.ac.h5"]
    told = run_here("vis-compress", source, "-D", "--skip-existing")
    assert (told.returncode, [path.name for path in folder.iterdir()]) == (0, ["a.ms.ac.h5"])
    assert b"done before" in told.stderr
    succeed_here("vis-decompress", "-r", folder)
    assert without_locks(files_of(source)) == given
    told = run_here("vis-decompress", source.with_name("a.ms.ac.h5"), "--overwrite")
    assert told.returncode == ExitCode.EXISTS
    assert b"never replaced" in told.stderr
    succeed_here("vis-decompress", source.with_name("a.ms.ac.h5"), "-D", "--skip-existing")
    assert list(folder.iterdir()) == [source]
    assert b"DATA.2" in succeed_here("vis-compress", "-L", source)
    assert b"DATA.2" in succeed_here("info", source)
    with tables.table(str(source), readonly=False, ack=False) as table:
        succeed_here("vis-compress", source)
        table.putcell("TIME", 0, 1.0)
    told = run_here("vis-compress", source, "-D", "--skip-existing")
    assert told.returncode == ExitCode.DIFFERS
    assert source.is_dir()


READER = """
import sys, time
from casacore import tables
table = tables.table(sys.argv[1], ack=False)
print("open", flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("option", ["-D", "--in-place"])
def test_a_set_that_another_program_has_open_stays(source: Path, option: str) -> None:
    with subprocess.Popen([sys.executable, "-c", READER, str(source)], stdout=subprocess.PIPE) as reader:
        try:
            assert reader.stdout is not None
            assert reader.stdout.readline() == b"open\n"
            told = run_here("vis-compress", source, option)
        finally:
            reader.kill()
    assert told.returncode == ExitCode.DIFFERS
    assert f"process {reader.pid} has it open".encode() in told.stderr
    assert source.is_dir()
    assert source.with_name("a.ms.ac.h5").exists()


def test_a_set_goes_in_place(source: Path) -> None:
    given = without_locks(files_of(source))
    succeed_here("vis-compress", "-F", source)
    assert [path.name for path in source.parent.iterdir()] == ["a.ms.ac.h5"]
    succeed_here("vis-decompress", source.with_name("a.ms.ac.h5"), "-D")
    assert without_locks(files_of(source)) == given
    assert list(source.parent.iterdir()) == [source]
