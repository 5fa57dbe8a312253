"""Measurement Sets with odd names, links, modes, and locks of others: they come back, or are refused in words."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

tables = pytest.importorskip("casacore.tables", reason="Measurement Sets need python-casacore")
h5py = pytest.importorskip("h5py")

from measurement_sets import files_of, make_set  # noqa: E402

from astrocodec.errors import DifferenceError, FormatError  # noqa: E402
from astrocodec.visibility import archive, files, set_files  # noqa: E402
from astrocodec.visibility.archive import packed_files, whole_sets  # noqa: E402
from astrocodec.visibility.data import open_visibilities  # noqa: E402
from astrocodec.visibility.data import tables as opening  # noqa: E402


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_set(tmp_path / "a.ms", "TiledShapeStMan")
    return tmp_path / "a.ms"


def bits(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_names_that_are_paths_or_numbered(source: Path) -> None:
    names = ["DATA.2", "A/B", ".", "5%", "Ä"]
    with tables.table(str(source), readonly=False, ack=False) as table:
        for name in names:
            table.addcols(tables.maketabdesc([tables.makearrcoldesc(name, 0j, valuetype="complex", ndim=2)]))
            for row in range(table.nrows()):
                table.putcell(name, row, table.getcell("DATA", row) + len(name))
    archive.archive_measurement_set(source, source.with_name("a.h5"))
    with h5py.File(source.with_name("a.h5")) as file:
        first = {dataset.attrs["column"]: name for name, dataset in reversed(file["columns"].items())}
        assert {first[name] for name in names} == {"DATA.2", "A%2FB", "%2E", "5%25", "Ä"}
        assert {"DATA", "DATA.3", "DATA.2.2", "A%2FB.2", "%2E.2"} < set(file["columns"])
    archive.restore_measurement_set(source.with_name("a.h5"), source.with_name("b.ms"))
    before, after = files_of(source), files_of(source.with_name("b.ms"))
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {"table.lock"}


def lead_out(source: Path, how: str) -> None:
    """Let a set need what lies beside it."""
    beside = source.with_name("beside")
    (source / "ANTENNA").rename(beside)
    if how == "link":
        (source / "ANTENNA").symlink_to(beside)
    elif how == "link of a file":
        (beside).rename(source / "ANTENNA")
        (source / "table.info").rename(source.with_name("info"))
        (source / "table.info").symlink_to("../info")
    elif how == "pipe":
        (beside).rename(source / "ANTENNA")
        os.mkfifo(source / "FEED" / "pipe")
    else:
        with tables.table(str(source), readonly=False, ack=False) as table, tables.table(str(beside), ack=False) as out:
            table.putkeyword("ANTENNA", out)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("link", "ANTENNA is a link to .*cp -rL"),
        ("link of a file", r"table\.info is a link to \.\./info"),
        ("keyword", "its subtable .*beside lies elsewhere; make a copy"),
        ("pipe", "FEED/pipe is neither a file nor a folder"),
    ],
)
def test_what_leads_out_of_a_set_is_refused(source: Path, how: str, says: str) -> None:
    lead_out(source, how)
    given = sorted(source.parent.iterdir())
    with pytest.raises(FormatError, match=says):
        files.compress_in_place(source)
    assert sorted(source.parent.iterdir()) == given


def make_table(path: Path) -> None:
    tables.table(str(path), tables.maketabdesc([tables.makescacoldesc("A", 1)]), nrow=1, ack=False).close()


def test_texts_that_look_like_subtables_stay_texts(source: Path) -> None:
    """Even that of a table which came later; python-casacore shows both alike."""
    later = f"Table: {source.with_name('later')}"
    with tables.table(str(source), readonly=False, ack=False) as table:
        table.putkeyword("TEXT", "Table: of contents")
        table.putkeyword("LATER", later)
        table.putkeyword("BELOW", {"a": "Table: ", "b": ["Table: x"]})
        table.putcolkeyword("DATA", "TEXT", "Table: /none")
    make_table(source.with_name("later"))
    files.compress(source, source.with_name("a.h5"))
    files.decompress(source.with_name("a.h5"), source.with_name("b.ms"))
    with tables.table(str(source.with_name("b.ms")), ack=False) as table:
        found = table.getkeywords()
        assert (found["TEXT"], found["LATER"]) == ("Table: of contents", later)
        assert found["BELOW"] == {"a": "Table: ", "b": ["Table: x"]}
        assert table.getcolkeyword("DATA", "TEXT") == "Table: /none"


def test_a_subtable_that_is_gone_is_told(source: Path) -> None:
    make_table(source.with_name("gone"))
    with tables.table(str(source), readonly=False, ack=False) as table:
        table.putkeyword("GONE", f"Table: {source.with_name('gone')}")
    shutil.rmtree(source.with_name("gone"))
    with pytest.raises(FormatError, match=r"gone is not there; put it back .* or remove the keyword"):
        files.compress(source, source.with_name("a.h5"))


def test_a_folder_that_cannot_be_read_is_not_left_out(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = os.scandir

    def refused(path: Any) -> Any:
        if os.path.basename(path) == "FEED":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return plain(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(PermissionError, match="FEED"):
        files.compress_in_place(source)
    assert list(source.parent.iterdir()) == [source]


def test_a_set_without_a_lock_comes_back_without(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that was written to a medium that is read-only since."""
    plain = whole_sets.groups_of

    def groups(*what: Any) -> Any:
        (source / "table.lock").unlink(missing_ok=True)
        return plain(*what)

    monkeypatch.setattr(whole_sets, "groups_of", groups)
    files.compress(source, source.with_name("a.h5"))
    files.decompress(source.with_name("a.h5"), source.with_name("b.ms"))
    assert files_of(source) == files_of(source.with_name("b.ms"))


def test_a_set_that_cannot_be_removed_whole_is_told_with_its_output(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, **_: Any) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), "table.dat")

    monkeypatch.setattr(set_files, "shutil", SimpleNamespace(rmtree=refused))
    with pytest.raises(DifferenceError, match=r"not all .* removed.*what is left is in .*part; .*a\.ms\.ac\.h5 was w"):
        files.compress_in_place(source)


def test_a_set_that_lacks_cells_it_tells_of_is_damaged(source: Path) -> None:
    (source / "table.f0_TSM1").unlink()
    for call in (files.info, lambda path: files.compress(path, path.with_name("a.h5"))):
        with pytest.raises(FormatError, match=r"a\.ms: it is damaged: casacore cannot read it"):
            call(source)
    with pytest.raises(FormatError, match="casacore cannot read it"):
        open_visibilities(source)
    assert list(source.parent.iterdir()) == [source]


def test_rows_that_were_removed_and_cells_without_anything(tmp_path: Path) -> None:
    make_set(tmp_path / "a.ms", "StandardStMan")
    with tables.table(str(tmp_path / "a.ms"), readonly=False, ack=False) as table:
        table.removerows([0, 3, 4, table.nrows() - 1])
        table.addrows(2)
        table.putcell("DATA", table.nrows() - 1, np.full((5, 4), 2j, "c8"))
    files.compress(tmp_path / "a.ms", tmp_path / "a.h5")
    files.decompress(tmp_path / "a.h5", tmp_path / "b.ms")
    before, after = files_of(tmp_path / "a.ms"), files_of(tmp_path / "b.ms")
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {"table.lock"}


def test_columns_of_dysco_stay_and_say_so(tmp_path: Path) -> None:
    from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
    from astrocodec.simulate.visibility_files import write_visibilities

    source = tmp_path / "a.ms"
    write_visibilities(Visibilities(VisibilitySettings("meerkat", stations=3, times=2, channels=4)), source)
    spec = {"dataBitCount": 8, "weightBitCount": 12, "distribution": "TruncatedGaussian", "normalization": "AF"}
    spec |= {"distributionTruncation": 2.5, "studentTNu": 0.0, "staticSeed": 1}
    with tables.table(str(source), readonly=False, ack=False) as table:
        vis = table.getcol("DATA")
        table.removecols("DATA")
        kind = {"valuetype": "complex", "ndim": 2, "shape": list(vis.shape[1:]), "options": 5}
        described = tables.makearrcoldesc("DATA", 0j, datamanagertype="DyscoStMan", datamanagergroup="D", **kind)
        manager = {"TYPE": "DyscoStMan", "NAME": "D", "SPEC": spec, "COLUMNS": ["DATA"]}
        try:
            table.addcols(tables.maketabdesc([described]), manager)
        except RuntimeError:
            pytest.skip("this casacore has no Dysco")
        table.putcol("DATA", vis)
    report = files.compress(source, tmp_path / "a.h5", noise_increase="1%")
    assert report.notes == ["DATA is stored by DyscoStMan, as it stays: it loses nothing"]
    with pytest.raises(ValueError, match="DyscoStMan found; TiledColumnStMan"):
        files.compress(source, tmp_path / "b.h5", noise_increase="1%", columns=["DATA"])
    files.decompress(tmp_path / "a.h5", tmp_path / "b.ms")
    assert files_of(source) | {"table.lock": b""} == files_of(tmp_path / "b.ms") | {"table.lock": b""}


def test_links_within_a_set_come_back(source: Path) -> None:
    (source / "OTHER").symlink_to("ANTENNA")
    (source / "FEED" / "info").symlink_to("../table.info")
    archive.archive_measurement_set(source, source.with_name("a.h5"))
    archive.compare_with_set(source.with_name("a.h5"), source)
    archive.restore_measurement_set(source.with_name("a.h5"), source.with_name("b.ms"))
    found = source.with_name("b.ms")
    assert (os.readlink(found / "OTHER"), os.readlink(found / "FEED" / "info")) == ("ANTENNA", "../table.info")


@pytest.mark.parametrize("link", [("a", "../.."), ("a", "/etc"), ("FEED", "ANTENNA")])
def test_an_archive_with_links_that_lead_out_is_damaged(
    source: Path, monkeypatch: pytest.MonkeyPatch, link: tuple[str, str]
) -> None:
    archive.archive_measurement_set(source, source.with_name("a.h5"))
    plain = packed_files.index_of
    monkeypatch.setattr(packed_files, "index_of", lambda *where: plain(*where)._replace(links=[link]))
    with pytest.raises((FormatError, FileExistsError)):
        archive.restore_measurement_set(source.with_name("a.h5"), source.with_name("b.ms"))
    assert sorted(path.name for path in source.parent.iterdir()) == ["a.h5", "a.ms"]


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o2755, 0o555])
def test_modes_come_back_and_no_output_is_more_readable(source: Path, mode: int) -> None:
    for path in source.rglob("*"):
        path.chmod(mode if path.is_dir() else mode & 0o666)
    (source / "FEED" / "table.dat").chmod(mode & 0o640)
    source.chmod(mode)
    files.compress(source, source.with_name("a.h5"))
    assert bits(source.with_name("a.h5")) == 0o600 | mode & 0o640
    files.decompress(source.with_name("a.h5"), source.with_name("b.ms"))
    for path in [source, *source.rglob("*")]:
        if path.name != "table.lock":
            assert bits(source.with_name("b.ms") / path.relative_to(source)) == bits(path)
    source.with_name("a.h5").chmod(0o600)
    files.decompress(source.with_name("a.h5"), source.with_name("c.ms"))
    assert not any(bits(path) & 0o070 & mode & 0o444 for path in source.with_name("c.ms").rglob("*"))


def test_a_set_is_not_written_into(source: Path) -> None:
    with pytest.raises(FileExistsError, match=r"in\.h5: lies in "):
        files.compress(source, source / "in.h5")
    assert not (source / "in.h5").exists()


def test_columns_of_another_table_are_refused(source: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(source, source.with_name("b.ms"))
    tables.msconcat([str(source), str(source.with_name("b.ms"))], str(source.with_name("both.ms")))
    given = sorted(source.parent.iterdir())
    with pytest.raises(FormatError, match=r"both\.ms: its columns ANTENNA1, .* of another table; make a copy"):
        files.compress_in_place(source.with_name("both.ms"))
    assert sorted(source.parent.iterdir()) == given


def test_columns_beside_those_in_datasets_are_compared_when_a_set_comes_back(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tables.table(str(source), readonly=False, ack=False) as table:
        for row in range(table.nrows()):
            table.putcell("FLAG_CATEGORY", row, np.ones((1, *table.getcell("DATA", row).shape), bool))
        manager = table.getdminfo("FLAG_CATEGORY")["NAME"]
        assert table.getdminfo("EXPOSURE")["NAME"] == manager
    archive.archive_measurement_set(source, source.with_name("a.h5"))
    archive.restore_measurement_set(source.with_name("a.h5"), source.with_name("b.ms"))
    put = whole_sets.put_cells

    def put_and_more(table: Any, *what: Any) -> None:
        put(table, *what)
        table.putcell("EXPOSURE", 2, 5.0)

    monkeypatch.setattr(whole_sets, "put_cells", put_and_more)
    with pytest.raises(DifferenceError, match="column EXPOSURE is not restored"):
        archive.restore_measurement_set(source.with_name("a.h5"), source.with_name("c.ms"))
    assert sorted(path.name for path in source.parent.iterdir()) == ["a.h5", "a.ms", "b.ms"]


@pytest.mark.parametrize("call", ["posix_fallocate", "fsync"])
def test_a_full_disk_is_told_with_the_name_of_the_set(source: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    archive.archive_measurement_set(source, source.with_name("a.h5"))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source / ".b.ms.part" / "table.f3_TSM1"))

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left") as caught:
        archive.restore_measurement_set(source.with_name("a.h5"), source.with_name("b.ms"))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(source.with_name("b.ms")))
    assert sorted(path.name for path in source.parent.iterdir()) == ["a.h5", "a.ms"]


HOLDER = """
import sys, time
from casacore import tables
table = tables.table(sys.argv[1], readonly=False, ack=False, lockoptions="permanent")
print("held", flush=True)
time.sleep(100)
"""


@pytest.mark.parametrize("below", ["", "FEED"])
def test_a_lock_of_another_program_is_waited_for_a_while(
    source: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(source / below)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            monkeypatch.setattr(opening, "_SECONDS", 0.3)
            with pytest.raises(TimeoutError, match=f"is locked by process {holder.pid}, .*end that program"):
                files.compress_in_place(source)
            assert list(source.parent.iterdir()) == [source]
        finally:
            holder.kill()
    files.compress(source, source.with_name("a.h5"))


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")  # pyuvdata's
def test_a_private_uvfits_file_gives_a_private_copy(tmp_path: Path) -> None:
    pytest.importorskip("pyuvdata", reason="uvfits needs pyuvdata")
    from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
    from astrocodec.simulate.visibility_files import write_visibilities

    write_visibilities(
        Visibilities(VisibilitySettings("meerkat", stations=3, times=2, channels=4)), tmp_path / "a.uvfits"
    )
    (tmp_path / "a.uvfits").chmod(0o600)
    files.compress(tmp_path / "a.uvfits", tmp_path / "a.ac.uvh5")
    assert bits(tmp_path / "a.ac.uvh5") == 0o600
    whole = (tmp_path / "a.uvfits").read_bytes()
    for part in (whole[: len(whole) // 3], whole[:-2880], b"SIMPLE  =                    T" + bytes(3000)):
        (tmp_path / "b.uvfits").write_bytes(part)
        with pytest.raises(FormatError, match=r"b\.uvfits: is no uvfits file, or damaged; pyuvdata says"):
            files.compress(tmp_path / "b.uvfits", tmp_path / "b.ac.uvh5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ac.uvh5", "a.uvfits", "b.uvfits"]


def test_weights_within_a_bound(source: Path) -> None:
    with tables.table(str(source), readonly=False, ack=False) as table:
        rng = np.random.default_rng(1)
        for row in range(table.nrows()):
            table.putcell("WEIGHT_SPECTRUM", row, rng.gamma(20, 1, table.getcell("DATA", row).shape))
    report = files.compress(source, source.with_name("a.h5"), weights_error="1%")
    assert {entry.name for entry in report.datasets if entry.loss} == {"WEIGHT_SPECTRUM", "WEIGHT_SPECTRUM.2"}
    assert report.checked == "verified"
    files.decompress(source.with_name("a.h5"), source.with_name("b.ms"))
    with tables.table(str(source), ack=False) as one, tables.table(str(source.with_name("b.ms")), ack=False) as other:
        for row in range(one.nrows()):
            before, now = (table.getcell("WEIGHT_SPECTRUM", row) for table in (one, other))
            assert 0 < np.abs(now / before - 1).max() <= 0.01 * (1 + 1e-12)
            assert one.getcell("DATA", row).tobytes() == other.getcell("DATA", row).tobytes()
