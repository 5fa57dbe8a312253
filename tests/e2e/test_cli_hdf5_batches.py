"""`h5-compress` and `h5-decompress` over many files have the habits of the FITS commands."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from cli_process import leftovers, run, run_here, sky, succeed, succeed_here
from hdf5_files import write_everything

import hdf5_filter
from astrocodec.cli.exit_codes import ExitCode
from astrocodec.cli.names import compressed_hdf5_name, is_compressed_hdf5_name, plain_hdf5_name


def write_night(path: Path, seed: int = 1) -> Path:
    """Write a file with an image, a small dataset and a text."""
    with h5py.File(path, "w") as file:
        file["sci"] = sky(150, 200, seed)
        file["few"] = np.arange(seed + 3)
        file["text"] = "of the night"
    return path


@pytest.fixture
def nights(tmp_path: Path) -> Path:
    """Write a folder of files."""
    folder = tmp_path / "nights"
    (folder / "deep").mkdir(parents=True)
    for seed, name in enumerate(("a.h5", "b.hdf5", "deep/c.nc")):
        write_night(folder / name, seed)
    return folder


def lines(*arguments: str | Path) -> list[str]:
    """Run a command that must succeed, and give the lines of standard error."""
    result = run_here(*arguments)
    assert result.returncode == 0, result.stderr.decode()
    return result.stderr.decode().splitlines()


def names(folder: Path) -> list[str]:
    """Files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "packed", "back"),
    [
        ("a.h5", "a.ac.h5", "a.h5"),
        ("a.b.HDF5", "a.b.ac.HDF5", "a.b.HDF5"),
        ("a.nc", "a.ac.nc", "a.nc"),
        ("a", "a.ac.h5", "a.h5"),
        ("a.dat", "a.dat.ac.h5", "a.dat.h5"),
        ("a.ac.h5", "a.ac.h5", "a.h5"),
        (".h5", ".h5.ac.h5", ".h5.h5"),
    ],
)
def test_names(name: str, packed: str, back: str) -> None:
    """The suffix by which programs know the file stays."""
    assert compressed_hdf5_name(Path(name)) == packed
    assert is_compressed_hdf5_name(Path(packed))
    assert plain_hdf5_name(Path(packed)) == back
    assert not is_compressed_hdf5_name(Path(back))


def test_directories_there_and_back(nights: Path, tmp_path: Path) -> None:
    """-r, --outdir, -j, --json; files are not what other formats with these suffixes are."""
    (nights / "old.nc").write_bytes(b"CDF\x01 and so on")
    packed, back = tmp_path / "packed", tmp_path / "back"
    document = json.loads(
        succeed("h5-compress", "--no-tune", "-r", "-j", "2", "--json", nights, "--outdir", packed).decode()
    )
    assert names(packed) == ["a.ac.h5", "b.ac.hdf5", "deep/c.ac.nc"]
    assert document["totals"]["files"] == 4
    assert lines("h5-decompress", "-r", packed, "--outdir", back) == []
    assert names(back) == ["a.h5", "b.hdf5", "deep/c.nc"]
    for name in names(back):
        hdf5_filter.verify(back / name, nights / name)
    assert not leftovers(tmp_path)


def test_other_formats_in_a_directory_are_skipped(tmp_path: Path) -> None:
    """With a line; named, they are an error."""
    path = tmp_path / "old.nc"
    path.write_bytes(b"CDF\x01 and so on")
    assert lines("h5-compress", "-r", tmp_path) == [f"astrocodec: {path}: skipped, it is netCDF classic, not HDF5"]
    assert run_here("h5-compress", path).returncode == ExitCode.BAD_DATA


def test_one_bad_file_does_not_stop_the_others(nights: Path) -> None:
    """Its code is the run's."""
    (nights / "bad.h5").write_bytes(b"no")
    result = run_here("h5-compress", "--no-tune", "-r", nights)
    assert result.returncode == ExitCode.BAD_DATA
    assert f"{nights / 'bad.h5'}: not an HDF5 file" in result.stderr.decode()
    assert "1 of 4 files failed" in result.stderr.decode()
    assert "a.ac.h5" in names(nights)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("verify",), "crashes.h5"),
        (("info",), "crashes.h5"),
        (("h5-compress", "--no-tune"), "crashes.h5"),
        (("h5-compress", "--no-tune"), "crashes.ac.h5"),
        (("h5-compress", "--no-tune", "-D", "-Y"), "crashes.h5"),
        (("h5-decompress",), "crashes.h5"),
        (("h5-compress", "--no-tune"), "crashes.dat"),
    ],
    ids=str,
)
def test_a_file_that_crashes_hdf5_does_not_stop_the_others(
    nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], name: str
) -> None:
    """Without -j too, and where inputs are looked at before: a line and a code for this file."""
    hook = (
        "import os, signal, sys\n"
        "def crash(event, args):\n"
        f"    if event == 'open' and str(args[0]).endswith('{name}'):\n"
        "        os.kill(os.getpid(), signal.SIGSEGV)\n"
        "sys.addaudithook(crash)\n"
    )
    (tmp_path / "sitecustomize.py").write_text(hook)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    files = [nights / "a.h5", nights / "b.hdf5"]
    expected = {"a.ac.h5", "b.ac.hdf5"} if command[0] == "h5-compress" else set()
    if command[0] == "h5-decompress":
        succeed_here("h5-compress", "--no-tune", "-D", "-Y", *files)
        files, expected = [nights / "a.ac.h5", nights / "b.ac.hdf5"], {"a.h5", "b.hdf5"}
    (nights / name).write_bytes(files[0].read_bytes())
    result = run(*command, files[0], nights / name, files[1])
    text = result.stderr.decode()
    assert result.returncode == ExitCode.SYSTEM, text
    cause = "out of memory?" if name.endswith(".dat") else "out of memory, or damage that HDF5 does not survive?"
    assert f"{name}: a worker process was killed ({cause})" in text
    assert "smaller -j" not in text  # there was one only
    assert "1 of 3 files failed" in text
    assert {*expected, name} < set(names(nights))
    if "-D" in command:
        reason = f"since {nights / name}, which may lead to it, cannot be searched: HDF5 does not survive it"
        assert f"{files[0]}: kept, {reason}" in text
        assert files[0].exists()


def test_a_file_that_hdf5_reads_without_end_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a virtual dataset shows lies in a heap; the search for files that others lead to meets it first."""
    monkeypatch.setattr("astrocodec.cli.needed._SECONDS", 0.5)
    other, path = write_night(tmp_path / "a.h5"), tmp_path / "endless.h5"
    lead(path, "virtual", "shown.h5")
    raw = bytearray(path.read_bytes())
    at = raw.index(b"GCOL") + 16
    raw[at : at + 16] = bytes(16)
    path.write_bytes(raw)
    result = run_here("h5-compress", "--no-tune", "-D", "-Y", other, path)
    text = result.stderr.decode()
    assert result.returncode == ExitCode.BAD_DATA, text
    assert f"{path}: byte {at}: object of no size in a global heap" in text
    assert f"{other}: kept, since {path}, which may lead to it, cannot be searched: HDF5 does not survive it" in text
    assert names(tmp_path) == ["a.ac.h5", "a.h5", "endless.h5"]


def test_a_link_of_the_current_folder_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 looks there too."""
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "sub"):
        (tmp_path / folder).mkdir()
    needed, reader = write_night(tmp_path / "data" / "a.h5"), write_night(tmp_path / "sub" / "b.h5")
    (tmp_path / "latest.h5").symlink_to("data/a.h5")
    lead(reader, "link", "latest.h5")
    result = run_here("h5-compress", "--no-tune", "-D", "-Y", needed, reader)
    assert f"{needed}: kept, since {reader} leads to it" in result.stderr.decode()
    assert needed.exists()


@pytest.mark.parametrize("way", ["virtual", "external"])
def test_no_output_replaces_what_a_file_leads_to(tmp_path: Path, way: str) -> None:
    """Its elements would be others."""
    source, target = write_night(tmp_path / "a.h5"), tmp_path / "a.ac.h5"
    if way == "virtual":
        write_night(target, 2)
    else:
        target.write_bytes(bytes(range(100)))
    lead(source, way, "a.ac.h5")
    before = target.read_bytes()
    for arguments in ((source,), (source, "-O", target)):
        result = run_here("h5-compress", "--no-tune", "--overwrite", *arguments)
        assert result.returncode == ExitCode.EXISTS, result.stderr.decode()
        assert f"{source}: {target} stays, since {source} leads to it" in result.stderr.decode()
        assert target.read_bytes() == before
    other = write_night(tmp_path / "b.h5")
    for _ in range(2):
        succeed_here("h5-compress", "--no-tune", "--overwrite", other)


def test_a_file_that_leads_to_itself_by_name_is_kept(tmp_path: Path) -> None:
    """Its copy has another name."""
    path = write_night(tmp_path / "a.h5")
    lead(path, "link", "a.h5")
    result = run_here("h5-compress", "--no-tune", "-D", "-Y", path)
    assert f"{path}: kept, since it leads to itself under this name" in result.stderr.decode()
    assert names(tmp_path) == ["a.ac.h5", "a.h5"]


def test_deleting_and_going_on(nights: Path) -> None:
    """-D deletes what was verified; run again, there is nothing to do."""
    before = {path: path.read_bytes() for path in nights.rglob("*") if path.is_file()}
    succeed_here("h5-compress", "--no-tune", "-D", "-Y", "-r", nights)
    assert names(nights) == ["a.ac.h5", "b.ac.hdf5", "deep/c.ac.nc"]
    assert [line.split(": ")[2] for line in lines("h5-compress", "-D", "-Y", "-r", nights)] == [
        "skipped, it is compressed already"
    ] * 3
    succeed_here("h5-decompress", "-D", "-Y", "-r", nights)
    assert set(before) == {path for path in nights.rglob("*") if path.is_file()}
    (line, *_) = lines("h5-decompress", "-D", "-Y", "-r", nights)
    assert line == f"astrocodec: {nights / 'a.h5'}: skipped, it is not compressed"


@pytest.mark.parametrize("command", ["h5-compress", "h5-decompress"])
def test_skip_existing(nights: Path, tmp_path: Path, command: str) -> None:
    """What verifies is done, what does not is an error, or replaced with --overwrite."""
    files = [nights / "a.h5", nights / "b.hdf5"]
    if command == "h5-decompress":
        succeed_here("h5-compress", "--no-tune", "-D", "-Y", *files)
        files = [nights / "a.ac.h5", nights / "b.ac.hdf5"]
    options = ["--no-tune"] if command == "h5-compress" else []
    run = [command, *options, "--outdir", tmp_path / "out", "--skip-existing"]
    document = json.loads(succeed_here(*run, "--json", *files))
    first, second = (Path(entry["target"]) for entry in document["files"])
    assert [line.rpartition(": ")[2] for line in lines(*run, *files)] == [
        f"done before, {target} was compared with it" for target in (first, second)
    ]
    second.write_bytes(first.read_bytes())
    result = run_here(*run, *files)
    assert result.returncode == ExitCode.DIFFERS
    assert f"{second} exists and does not give it back" in result.stderr.decode()
    assert second.read_bytes() == first.read_bytes()
    succeed_here(*run, "--overwrite", *files)
    assert second.read_bytes() != first.read_bytes()


def test_what_would_not_shrink_stays(tmp_path: Path) -> None:
    """With -D; a mere copy does not count."""
    path = tmp_path / "noise.h5"
    with h5py.File(path, "w") as file:
        file["noise"] = np.random.default_rng(0).integers(0, 256, (256, 256), np.uint8)
    assert lines("h5-compress", "--no-tune", "-D", "-Y", path) == [
        f"astrocodec: {path}: left as it is, no dataset was compressed"
    ]
    assert names(tmp_path) == ["noise.h5"]


def test_a_packed_file_with_a_dataset_left_is_treated(tmp_path: Path) -> None:
    """By content; by its name it counts as done."""
    write_everything(tmp_path / "a.h5")
    succeed_here("h5-compress", "--no-tune", "-d", "numbers", tmp_path / "a.h5", "-O", tmp_path / "part.h5")
    assert not any("skipped" in line for line in lines("h5-compress", "--no-tune", tmp_path / "part.h5"))
    (tmp_path / "whole.h5").write_bytes((tmp_path / "part.ac.h5").read_bytes())
    assert "skipped" in lines("h5-compress", tmp_path / "part.ac.h5")[0]


def test_a_plain_file_that_was_named_is_an_error(nights: Path) -> None:
    """There is nothing to decompress."""
    result = run_here("h5-decompress", nights / "a.h5")
    assert result.returncode == ExitCode.BAD_DATA
    assert "is not compressed by astrocodec" in result.stderr.decode()


def test_tables_count_the_right_way_round(nights: Path, tmp_path: Path) -> None:
    """A compressed file is the smaller one, whichever way it goes."""
    path = nights / "a.h5"
    there = json.loads(succeed_here("h5-compress", "--no-tune", "--json", path))["files"][0]["report"]
    packed = nights / "a.ac.h5"
    back = json.loads(succeed_here("h5-decompress", "--json", packed, "-O", tmp_path / "b.h5"))["files"][0]["report"]
    assert there["original_bytes"] == path.stat().st_size
    assert there["compressed_bytes"] == back["compressed_bytes"] == packed.stat().st_size
    assert back["original_bytes"] == (tmp_path / "b.h5").stat().st_size > back["compressed_bytes"]
    sizes = [
        {entry["name"]: (entry["original_bytes"], entry["compressed_bytes"]) for entry in report["datasets"]}["/sci"]
        for report in (there, back)
    ]
    assert sizes[0] == sizes[1]
    assert sizes[0][0] == 2 * 150 * 200 > sizes[0][1]


def test_reports_and_listings(nights: Path) -> None:
    """-R, -L, -v, --shard, and why a dataset was left as it is."""
    report = nights / "report.txt"
    assert b"small" in succeed_here("h5-compress", "--no-tune", "-R", report, "-v", nights / "a.h5")
    assert "small" in report.read_text()
    assert b"/sci" in succeed_here("h5-compress", "-L", nights / "a.h5")
    assert b"small" in succeed_here("info", nights / "a.h5")
    there = names(nights)
    for job in ("1/2", "2/2"):
        succeed_here("h5-compress", "--no-tune", "--shard", job, "-r", nights / "deep", nights / "b.hdf5")
    assert set(names(nights)) - set(there) == {"b.ac.hdf5", "deep/c.ac.nc"}


@pytest.mark.parametrize("command", ["h5-compress", "h5-decompress"])
@pytest.mark.parametrize("existing", [False, True], ids=["written", "there"])
def test_what_is_only_sound_deletes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, existing: bool
) -> None:
    """A report may be `verified` and yet not compared; -D and --skip-existing ask for more."""
    plain, packed = write_night(tmp_path / "a.h5"), tmp_path / "a.ac.h5"
    succeed_here("h5-compress", "--no-tune", plain)
    source, target = (plain, packed) if command == "h5-compress" else (packed, plain)
    if not existing:
        target.unlink()
    operation = command.removeprefix("h5-")

    def only_sound(function: Callable[..., hdf5_filter.FileReport]) -> Callable[..., hdf5_filter.FileReport]:
        return lambda *files, **options: replace(function(*files, **options), checked="not checked", sound=True)

    for name in (operation, "verify"):
        monkeypatch.setattr(hdf5_filter, name, only_sound(getattr(hdf5_filter, name)))
    extra = ["--skip-existing"] if existing else []
    result = run_here(command, *(["--no-tune"] if operation == "compress" else []), "-D", "-Y", *extra, source)
    assert result.returncode == 7
    assert b"not checked, not verified" in result.stderr
    assert source.exists()


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("way", ["link", "virtual"])
def test_a_file_that_another_one_leads_to_is_kept(tmp_path: Path, way: str, existing: bool) -> None:
    """Its name stands in the other one, which would lead nowhere."""
    needed, reader = write_night(tmp_path / "a.h5"), write_night(tmp_path / "reader.h5")
    with h5py.File(needed) as file:
        name, shape = next((name, dset.shape) for name, dset in file.items() if isinstance(dset, h5py.Dataset))
    with h5py.File(reader, "a") as file:
        if way == "link":
            file["other"] = h5py.ExternalLink("a.h5", name)
        else:
            layout = h5py.VirtualLayout(shape, "u2")
            layout[...] = h5py.VirtualSource("a.h5", name, shape)
            file.create_virtual_dataset("other", layout)
    if existing:
        succeed_here("h5-compress", "--no-tune", needed)
    extra = ["--skip-existing"] if existing else []
    result = run_here("h5-compress", "--no-tune", "-D", "-Y", *extra, needed, reader)
    assert result.returncode == 0, result.stderr.decode()
    assert f"kept, since {reader} leads to it" in result.stderr.decode()
    assert needed.exists()
    assert reader.exists() == (way == "virtual")
    with h5py.File(tmp_path / "reader.ac.h5") as file:
        assert file["other"].shape == shape
    other = write_night(tmp_path / "b.h5")
    succeed_here("h5-compress", "--no-tune", "-D", "-Y", other)
    assert not other.exists()


def lead(reader: Path, way: str, name: str) -> None:
    """Let a file lead to others by this name."""
    with h5py.File(reader, "a", libver="latest") as file:
        if way == "link":
            file["other"] = h5py.ExternalLink(name, "/sci")
        elif way == "external":
            file.create_dataset("other", (4,), "<i4", external=[(name, 0, 16)])
        elif way == "virtual":
            layout = h5py.VirtualLayout((150, 200), "u2")
            layout[...] = h5py.VirtualSource(name, "sci", (150, 200))
            file.create_virtual_dataset("other", layout)
        else:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            shown = h5py.h5s.create_simple((0, 150, 200), (h5py.h5s.UNLIMITED, 150, 200))
            shown.select_hyperslab((0, 0, 0), (h5py.h5s.UNLIMITED, 1, 1), (1, 1, 1), (1, 150, 200))
            shows = h5py.h5s.create_simple((150, 200))
            shows.select_all()
            plist.set_virtual(shown, name.encode(), b"sci", shows)
            h5py.h5d.create(file.id, b"other", h5py.h5t.NATIVE_UINT16, shown, plist)


@pytest.mark.parametrize(
    ("way", "name"),
    [
        ("link", "/old/place/n%_1.h5"),
        ("external", "/old/place/n%_1.h5"),
        ("virtual", "elsewhere/n%%_1.h5"),
        ("numbered", "n%%_%b.h5"),
        ("numbered", "/old/%b/n%%_%b.h5"),
    ],
)
def test_a_file_is_needed_under_its_name_in_whatever_folder(tmp_path: Path, way: str, name: str) -> None:
    """HDF5 looks for it beside the reader and in other places too."""
    (tmp_path / "deep").mkdir()
    needed, other = write_night(tmp_path / "deep" / "n%_1.h5"), write_night(tmp_path / "n%_x.h5", 2)
    reader = write_night(tmp_path / "reader.h5", 3)
    lead(reader, way, name)
    result = run_here("h5-compress", "--no-tune", "-D", "-Y", needed, other, reader)
    assert result.returncode == 0, result.stderr.decode()
    assert f"{needed}: kept, since {reader} leads to it" in result.stderr.decode()
    assert needed.exists()
    assert not other.exists()


def test_a_file_that_cannot_be_searched_keeps_the_others(tmp_path: Path) -> None:
    """It may lead to any of them."""
    needed, reader = write_night(tmp_path / "a.h5"), write_night(tmp_path / "reader.h5")
    reader.write_bytes(reader.read_bytes()[:-100])
    result = run_here("h5-compress", "--no-tune", "-D", "-Y", needed, reader)
    assert f"{needed}: kept, since {reader}, which may lead to it, cannot be searched: " in result.stderr.decode()
    assert needed.exists()
    (tmp_path / "text.h5").write_text("of the night")
    (tmp_path / "a.ac.h5").unlink()
    run_here("h5-compress", "--no-tune", "-D", "-Y", needed, tmp_path / "text.h5")
    assert not needed.exists()


@pytest.mark.parametrize("by_glob", [False, True])
def test_a_second_run_keeps_what_the_first_did(tmp_path: Path, by_glob: bool) -> None:
    """The file that leads there is deleted by then; its output leads there."""
    needed, reader = write_night(tmp_path / "a.h5"), write_night(tmp_path / "reader.h5", 2)
    lead(reader, "link", "a.h5")
    for there in (reader, tmp_path / "reader.ac.h5"):
        files = sorted(tmp_path.glob("*.h5")) if by_glob else [needed, reader]
        result = run_here("h5-compress", "--no-tune", "-D", "-Y", "--skip-existing", *files)
        assert result.returncode == 0, result.stderr.decode()
        assert f"kept, since {there} leads to it" in result.stderr.decode()
    assert names(tmp_path) == ["a.ac.h5", "a.h5", "reader.ac.h5"]


def test_a_second_run_into_another_folder_keeps_what_the_first_did(tmp_path: Path) -> None:
    """Outputs there are no inputs of that run, and lead to them all the same."""
    (tmp_path / "in" / "n1").mkdir(parents=True)
    (tmp_path / "in" / "n2").mkdir()
    needed, reader = write_night(tmp_path / "in" / "n1" / "a.h5"), write_night(tmp_path / "in" / "n2" / "reader.h5", 2)
    lead(reader, "link", "a.h5")
    for there in (reader, tmp_path / "out" / "n2" / "reader.ac.h5"):
        options = ["--no-tune", "-D", "-Y", "--skip-existing", "--outdir", tmp_path / "out"]
        result = run_here("h5-compress", "-r", tmp_path / "in", *options)
        assert result.returncode == 0, result.stderr.decode()
        assert f"kept, since {there} leads to it" in result.stderr.decode()
    assert needed.exists()


def test_a_resumed_batch_of_two_makes_no_output_of_the_second(tmp_path: Path) -> None:
    """-D deleted it before; its name is not free for the output of the first."""
    files = [write_night(tmp_path / "f0.h5"), write_night(tmp_path / "f1.h5", 2)]
    kept = files[0].read_bytes()
    succeed_here("h5-compress", "--no-tune", "-D", "-Y", *files)
    files[0].write_bytes(kept)
    before = (tmp_path / "f1.ac.h5").read_bytes()
    assert run_here("h5-compress", "--no-tune", "--overwrite", *files).returncode == ExitCode.SYSTEM
    assert names(tmp_path) == ["f0.ac.h5", "f0.h5", "f1.ac.h5"]
    succeed_here("h5-compress", "--no-tune", "-D", "-Y", "--skip-existing", *files)
    assert names(tmp_path) == ["f0.ac.h5", "f1.ac.h5"]
    assert (tmp_path / "f1.ac.h5").read_bytes() == before


@pytest.mark.parametrize(
    "options", [["-D", "-Y"], ["--skip-existing"], ["--outdir", "out"], ["-r"], ["--shard", "1/1"]]
)
@pytest.mark.parametrize("command", ["h5-compress", "h5-decompress"])
def test_a_mistyped_second_name_of_a_batch_makes_no_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, options: list[str]
) -> None:
    """It is an input that is not there; the first gets its own output."""
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / "a.h5")
    if command == "h5-decompress":
        succeed_here("h5-compress", "--no-tune", "-D", "-Y", "a.h5")
    source, target, typo = ("a.h5", "a.ac.h5", "b.h5") if command == "h5-compress" else ("a.ac.h5", "a.h5", "b.ac.h5")
    result = run_here(command, *options, source, typo)
    assert result.returncode == ExitCode.SYSTEM
    assert f"{typo}: no such file" in result.stderr.decode()
    expected = {str(Path("out" if "--outdir" in options else "", target))}
    assert set(names(tmp_path)) == expected | (set() if "-D" in options else {source})
