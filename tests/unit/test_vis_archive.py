"""Measurement Sets in archives: every cell, keyword, subtable and file comes back, whatever the storage manager."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

tables = pytest.importorskip("casacore.tables", reason="Measurement Sets need python-casacore")
h5py = pytest.importorskip("h5py")

from measurement_sets import files_of, make_set  # noqa: E402

from astrocodec.errors import DifferenceError, FormatError  # noqa: E402
from astrocodec.visibility import archive, files  # noqa: E402
from astrocodec.visibility.archive.contents import check_archive  # noqa: E402


def damaged_copy(path: Path, whole: bytes, damage: str) -> None:
    """An archive that is cut, has a chunk with a changed byte, or says something else of its rows or files."""
    path.write_bytes(whole[:-500] if damage == "cut" else whole)
    if damage == "cut":
        return
    with h5py.File(path, "r+") as file:
        if damage == "rows":
            file["rows/0"][0, 0] = 10**6
        elif damage == "index":
            file["files/index"][5] ^= 1
        elif damage == "link":
            del file["columns/FLAG"]
        elif damage == "column":
            file["columns/DATA"].attrs["column"] = "EATA"
        elif damage == "kind":
            file.attrs["astrocodec"] = "measurement sat"
        elif damage == "chunk":
            kept = file["columns/DATA"]
            del file["columns/DATA"]
            made = file["columns"].create_dataset("DATA", kept.shape, kept.dtype, chunks=kept.chunks)
            for name, value in kept.attrs.items():
                made.attrs[name] = value
        else:
            _, stream = file["columns/DATA"].id.read_direct_chunk((0, 0, 0, 0))
            changed = bytearray(stream)
            changed[-9] ^= 16
            file["columns/DATA"].id.write_direct_chunk((0, 0, 0, 0), bytes(changed))


@pytest.mark.parametrize("manager", ["TiledShapeStMan", "StandardStMan", "IncrementalStMan", "TiledCellStMan"])
def test_a_set_comes_back_file_by_file(tmp_path: Path, manager: str) -> None:
    source = tmp_path / "a.ms"
    make_set(source, manager)
    report = archive.archive_measurement_set(source, tmp_path / "a.ac.h5")
    coded = manager != "IncrementalStMan"
    assert ("DATA" in [entry.name for entry in report.datasets]) == coded
    assert report.checked == "verified"
    archive.compare_with_set(tmp_path / "a.ac.h5", source)
    before = files_of(source)
    archive.restore_measurement_set(tmp_path / "a.ac.h5", tmp_path / "b.ms")
    after = files_of(tmp_path / "b.ms")
    differ = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert differ <= {"table.lock"}
    with tables.table(str(source), ack=False) as given, tables.table(str(tmp_path / "b.ms"), ack=False) as found:
        assert found.getcolkeyword("DATA", "UNIT") == "Jy"
        assert found.getkeyword("OWN") == {"a": 1, "b": ["x", "y"]}
        defined = [[table.iscelldefined("MODEL_DATA", row) for row in range(9)] for table in (given, found)]
        assert defined[0] == defined[1]
        assert not all(defined[0])
    with tables.table(str(source), readonly=False, ack=False) as table:
        table.putcell("FLAG", 3, ~table.getcell("FLAG", 3))
    with pytest.raises(DifferenceError):
        archive.compare_with_set(tmp_path / "a.ac.h5", source)


def test_what_may_be_lost_is_and_nothing_else(tmp_path: Path) -> None:
    make_set(tmp_path / "a.ms", "TiledShapeStMan")
    report = files.compress(tmp_path / "a.ms", tmp_path / "a.ac.h5", noise_increase="1%")
    assert {entry.name for entry in report.datasets if entry.loss} == {"DATA", "DATA.2"}
    files.decompress(tmp_path / "a.ac.h5", tmp_path / "b.ms")
    with (
        tables.table(str(tmp_path / "a.ms"), ack=False) as one,
        tables.table(str(tmp_path / "b.ms"), ack=False) as other,
    ):
        for row in range(one.nrows()):
            for column in ("FLAG", "UVW", *["MODEL_DATA"] * one.iscelldefined("MODEL_DATA", row)):
                assert np.array_equal(one.getcell(column, row), other.getcell(column, row))
            before, after = one.getcell("DATA", row), other.getcell("DATA", row)
            assert not after[0].any()
            assert np.isnan(after[1, 0]).all()
            assert 0 < np.nanmax(np.abs(after - before)) < 1
    with pytest.raises(ValueError, match="no column 'OTHER'; its columns are"):
        files.compress(tmp_path / "a.ms", tmp_path / "c.h5", noise_increase="1%", columns=["OTHER"])
    with pytest.raises(ValueError, match="'FLAG' holds no complex arrays"):
        files.compress(tmp_path / "a.ms", tmp_path / "c.h5", noise_increase="1%", columns=["FLAG"])


def test_what_cannot_be_archived_is_refused(tmp_path: Path) -> None:
    make_set(tmp_path / "a.ms", "TiledShapeStMan")
    with tables.table(str(tmp_path / "a.ms"), ack=False) as table:
        table.query("ANTENNA1=0").copy(str(tmp_path / "part.ms"))
    with pytest.raises(FormatError, match=r"its rows are those of .*a\.ms"):
        archive.archive_measurement_set(tmp_path / "part.ms", tmp_path / "p.h5")
    with pytest.raises(FormatError, match="no Measurement Set: it has no column"):
        archive.archive_measurement_set(tmp_path / "a.ms" / "ANTENNA", tmp_path / "p.h5")
    with pytest.raises(FormatError, match="holds no Measurement Set"):
        archive.restore_measurement_set(tmp_path / "a.ms" / "table.dat", tmp_path / "x.ms")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ms", "part.ms"]


def test_in_place_and_what_goes_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "a.ms"
    make_set(source, "TiledShapeStMan")
    whole = files_of(source)

    def damaged(*_: Any, **__: Any) -> None:
        raise DifferenceError("column DATA differs in the copy")

    with monkeypatch.context() as patched:
        patched.setattr("astrocodec.visibility.archive.whole_sets._compare_cells", damaged)
        with pytest.raises(DifferenceError):
            files.compress_in_place(source)
    assert files_of(source) == whole
    assert list(tmp_path.iterdir()) == [source]
    files.compress_in_place(source)
    assert [path.name for path in tmp_path.iterdir()] == ["a.ms.ac.h5"]
    made = (tmp_path / "a.ms.ac.h5").read_bytes()
    for damage in ("cut", "flipped", "rows", "index", "link", "column", "kind", "chunk"):
        damaged_copy(tmp_path / "a.ms.ac.h5", made, damage)
        if damage in ("link", "column", "kind", "chunk"):
            with pytest.raises(FormatError):
                check_archive(tmp_path / "a.ms.ac.h5")
        with pytest.raises(FormatError):
            files.decompress(tmp_path / "a.ms.ac.h5", source)
        assert [path.name for path in tmp_path.iterdir()] == ["a.ms.ac.h5"]


def test_a_set_without_rows(tmp_path: Path) -> None:
    tables.default_ms(str(tmp_path / "a.ms")).close()
    files.compress(tmp_path / "a.ms", tmp_path / "a.ac.h5")
    shutil.rmtree(tmp_path / "a.ms")
    files.decompress(tmp_path / "a.ac.h5", tmp_path / "a.ms")
    with tables.table(str(tmp_path / "a.ms"), ack=False) as found:
        assert found.nrows() == 0
