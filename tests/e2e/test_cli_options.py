"""Options that contradict each other, questions on a terminal, values that are none: nothing is done."""

import json
from pathlib import Path

import click
import pytest
from astropy.io import fits
from cli_process import write_frame
from click.testing import CliRunner, Result

from astrocodec.cli import _COMMANDS, _run, cli
from astrocodec.cli.exit_codes import ExitCode, combine
from astrocodec.cli.failures import explain
from astrocodec.cli.inputs import Input, find_inputs, take_shard
from astrocodec.cli.names import is_compressible_name, stem
from astrocodec.cli.option_types import extension_list, shard, tile_shape
from astrocodec.cli.size_table import align
from astrocodec.errors import CorruptError, ModelNotFoundError
from astrocodec.files.printable import human_bytes
from fits_tiles import DifferenceError


def invoke(*arguments: object) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """Write a small frame."""
    return write_frame(tmp_path / "frame.fits", 30, 40)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{frame}", "-O", "a", "-S"], "-O and -S"),
        (["{frame}", "-T", "-L"], "-T and -L"),
        (["{frame}", "-D", "-F"], "-D and -F"),
        (["{frame}", "-D", "-T"], "-D and -T"),
        (["{frame}", "-D", "-O", "-"], "-D and output to stdout"),
        (["{frame}", "-S", "--json"], "--json"),
        (["-", "{frame}"], "stdin"),
        (["-", "-D"], "named input"),
        (["{frame}", "{frame}x", "-O", "a"], "single input"),
        (["{folder}"], "give -r"),
        (["{folder}/*.nothing"], "no file matches"),
        (["{frame}", "-t", "512,0"], "no tile"),
        (["{frame}", "-t", "wide"], "no tile"),
        (["{frame}", "-t", "8,8", "-w"], "-t and -w"),
        (["{frame}", "--lossy", "0"], "positive"),
        (["{frame}", "--effort", "10"], "effort"),
        (["{frame}", "--shard", "3/2"], "no shard"),
        (["{frame}", "-j", "0"], "-j"),
        ([], "FILES"),
    ],
)
def test_wrong_command_lines_do_nothing(frame: Path, arguments: list[str], message: str) -> None:
    """Exit code 2 and a message that says what is wrong."""
    before = sorted(frame.parent.iterdir())
    result = invoke("fits-compress", *(text.format(frame=frame, folder=frame.parent) for text in arguments))
    assert result.exit_code == ExitCode.USAGE, result.output
    assert message in result.stderr
    assert sorted(frame.parent.iterdir()) == before


@pytest.mark.parametrize(("answer", "code"), [("n", ExitCode.USAGE), ("y", ExitCode.OK)])
def test_deleting_asks_on_a_terminal(frame: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: ExitCode) -> None:
    """No means that nothing is done."""
    monkeypatch.setattr("astrocodec.cli.planning._is_terminal", lambda stream: True)
    monkeypatch.setattr("click.confirm", lambda *arguments, **options: answer == "y")
    result = invoke("fits-compress", "-D", frame)
    assert result.exit_code == code, result.output
    assert frame.exists() == (answer == "n")


def test_a_terminal_gets_no_binary_output(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be beeps and garbage."""
    monkeypatch.setattr("astrocodec.cli.planning._is_terminal", lambda stream: True)
    result = invoke("fits-compress", "-S", frame)
    assert result.exit_code == ExitCode.USAGE
    assert "terminal" in result.stderr


def test_quiet_prints_nothing_and_verbose_every_hdu(frame: Path) -> None:
    """-q and -v."""
    assert invoke("fits-compress", "-q", frame).output == ""
    assert "CATALOG" in invoke("fits-compress", "-v", "--overwrite", frame).output


def test_json_has_files_and_totals(frame: Path) -> None:
    """Valid JSON with nothing around it, failures included."""
    result = invoke("fits-compress", "--json", frame, frame.with_name("missing.fits"))
    document = json.loads(result.stdout)
    assert document["totals"]["files"] == 2
    assert document["totals"]["failed"] == 1
    assert document["files"][0]["report"]["hdus"][0]["pixels"] == 1200
    assert document["files"][1]["error"]["exit_code"] == ExitCode.SYSTEM


@pytest.mark.parametrize("arguments", [["-V"], ["fits-compress", "-V"], ["fits-decompress", "-V", "nothing.fits"]])
def test_capital_v_prints_the_version(arguments: list[str]) -> None:
    """As fpack and funpack do."""
    result = invoke(*arguments)
    assert result.exit_code == ExitCode.OK
    assert result.output.startswith("astrocodec")


@pytest.mark.parametrize("option", ["-h", "-H", "--help"])
def test_help_has_three_names(option: str) -> None:
    """-H is fpack's."""
    assert "Usage: " in invoke("fits-decompress", option).output
    assert "Commands:" in invoke(option).output


def test_checksums_are_left_out_on_request(frame: Path) -> None:
    """-C as in fpack; the image's own come back all the same."""
    with fits.open(frame) as hdus:
        hdus.writeto(frame.with_name("sums.fits"), checksum=True)
    packed, back = frame.with_name("sums.ac.fits"), frame.with_name("back.fits")
    for option, kept in (("-C", False), ("--overwrite", True)):
        assert invoke("fits-compress", "--overwrite", option, frame.with_name("sums.fits")).exit_code == ExitCode.OK
        with fits.open(packed, disable_image_compression=True) as hdus:
            assert ("DATASUM" in hdus[1].header, "ZDATASUM" in hdus[1].header) == (kept, True)
        assert invoke("fits-decompress", "--overwrite", "-C", packed, "-O", back).exit_code == ExitCode.OK
        assert back.read_bytes() == frame.with_name("sums.fits").read_bytes()
        assert (
            invoke("fits-decompress", "--overwrite", "-C", "--to", "rice", packed, "-O", back).exit_code == ExitCode.OK
        )
        with fits.open(back, disable_image_compression=True) as hdus:
            assert "DATASUM" not in hdus[1].header


def test_a_wrong_encoder_is_exit_code_7(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is at fault, not the input."""
    import astrocodec

    encode = astrocodec.encode
    monkeypatch.setattr(astrocodec, "encode", lambda pixels, **options: encode(pixels + 1, **options))
    result = invoke("fits-compress", "-D", "-Y", frame)
    assert result.exit_code == ExitCode.DIFFERS, result.output
    assert "pixel (0, 0)" in result.stderr
    assert sorted(entry.name for entry in frame.parent.iterdir()) == ["frame.fits"]


def test_an_empty_shard_is_no_failure(frame: Path) -> None:
    """A job array may have more jobs than files."""
    for job in range(1, 4):
        before = frame.with_name("frame.ac.fits").exists()
        result = invoke("fits-compress", "--no-tune", frame, "--shard", f"{job}/3")
        assert result.exit_code == ExitCode.OK
        done = frame.with_name("frame.ac.fits").exists()
        assert ("no files in this shard" in result.stderr) == (done == before)
    assert done


def test_train_without_torch_names_what_to_install(frame: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base installation has no torch."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = invoke("train", frame, "-O", frame.with_name("m.acm"))
    assert result.exit_code == ExitCode.NEEDS_INSTALL
    assert "pip install astrocodec[torch]" in result.stderr


@pytest.mark.parametrize("command", ["tune", "train"])
def test_model_files_are_not_overwritten(frame: Path, command: str) -> None:
    """Unless asked for."""
    model = frame.with_name("m.acm")
    model.write_bytes(b"precious")
    result = invoke(command, frame, "-O", model)
    assert result.exit_code == ExitCode.EXISTS
    assert "--overwrite" in result.stderr
    assert model.read_bytes() == b"precious"


def test_tune_needs_an_integer_image(frame: Path, tmp_path: Path) -> None:
    """And says what is missing; a bad file is named."""
    (tmp_path / "bad.fits").write_bytes(b"no")
    result = invoke("tune", tmp_path / "bad.fits", "-O", tmp_path / "m.acm")
    assert result.exit_code in (ExitCode.BAD_DATA, ExitCode.SYSTEM)
    assert "bad.fits" in result.stderr
    assert not (tmp_path / "m.acm").exists()


def test_ctrl_c_in_a_question_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code 130, whatever was running."""

    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "invoke", interrupted)
    assert _run(["models"]) == ExitCode.INTERRUPTED


@pytest.mark.parametrize("name", [name for name in _COMMANDS if name != "simulate"])
def test_every_command_explains_itself(name: str) -> None:
    """Help text and the overview's line."""
    result = invoke(name, "--help")
    assert result.exit_code == ExitCode.OK
    assert "Usage:" in result.output


def test_an_unknown_command_is_refused() -> None:
    """Exit code 2."""
    assert invoke("fits-squeeze").exit_code == ExitCode.USAGE


def test_option_values() -> None:
    """FITS order in, NumPy order out."""
    assert tile_shape("512,256") == (256, 512)
    assert tile_shape("100") == (1, 100)
    assert tile_shape("100,50,1") == (50, 100)
    assert shard("2/8") == (2, 8)
    assert extension_list("1,SCI, 3") == [1, "SCI", 3]
    with pytest.raises(click.BadParameter):
        tile_shape("10,10,2")
    with pytest.raises(click.BadParameter):
        extension_list("1,,2")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.fits", "a"),
        ("a.b.FIT.gz", "a.b"),
        ("a.ac.fits", "a"),
        ("a.fits.fz", "a"),
        ("a.fits.fz.gz", "a"),
        ("a", "a"),
        (".fits", ".fits"),
    ],
)
def test_stems(name: str, expected: str) -> None:
    """Every suffix of FITS goes, nothing else."""
    assert stem(Path(name)) == expected


def test_directories_skip_outputs_and_hidden_files(tmp_path: Path) -> None:
    """What the command wrote is not an input of its next run."""
    for name in ("a.fits", "a.ac.fits", ".b.fits", "c.txt", "d.fts.bz2"):
        (tmp_path / name).touch()
    found = find_inputs([str(tmp_path)], is_compressible_name, recursive=True)
    assert [entry.path.name for entry in found] == ["a.fits", "d.fts.bz2"]


def test_shards_cover_every_file_once() -> None:
    """Whatever the number of jobs."""
    inputs = [Input(Path(str(number))) for number in range(7)]
    for jobs in range(1, 10):
        parts = [take_shard(inputs, (job, jobs)) for job in range(1, jobs + 1)]
        assert sorted(entry.path for part in parts for entry in part) == [entry.path for entry in inputs]


def test_a_file_stays_in_its_shard_whatever_else_is_there() -> None:
    """Jobs start one after the other, and the first ones delete inputs or write outputs beside them."""
    inputs = [Input(Path(f"night/frame{number:04}.fits")) for number in range(800)]
    for jobs in (2, 8):
        for job in range(1, jobs + 1):
            mine = take_shard(inputs, (job, jobs))
            assert 0.7 < len(mine) * jobs / len(inputs) < 1.3
            assert take_shard(inputs[::3], (job, jobs)) == [entry for entry in inputs[::3] if entry in mine]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CorruptError("a.fits: HDU 1: bad"), ExitCode.BAD_DATA),
        (ModelNotFoundError("model x"), ExitCode.NEEDS_INSTALL),
        (DifferenceError("differs"), ExitCode.DIFFERS),
        (OSError(28, "No space left on device"), ExitCode.SYSTEM),
        (MemoryError(), ExitCode.SYSTEM),
        (ValueError("a.fits: there is no HDU 9"), ExitCode.USAGE),
        (ZeroDivisionError("division by zero"), ExitCode.INTERNAL),
    ],
)
def test_failures_are_one_line_with_the_file(error: Exception, code: ExitCode) -> None:
    """Whatever the exception."""
    failure = explain(error, "a.fits")
    assert failure.code == code
    assert failure.message.startswith("a.fits")
    assert failure.message.count("a.fits") == 1
    assert "\n" not in failure.message


def test_codes_of_many_files() -> None:
    """Equal failures keep their code."""
    assert combine([]) == ExitCode.OK
    assert combine([ExitCode.OK, ExitCode.EXISTS, ExitCode.EXISTS]) == ExitCode.EXISTS
    assert combine([ExitCode.BAD_DATA, ExitCode.EXISTS]) == ExitCode.MIXED


def test_text_tables_align() -> None:
    """Names to the left, figures to the right."""
    assert align(("file", "size"), [("a", "1 B"), ("long", "20 B")]).splitlines() == [
        "file  size",
        "----------",
        "a      1 B",
        "long  20 B",
    ]
    assert [human_bytes(count) for count in (999, 1000, 123456, 99_960_000)] == ["999 B", "1.00 kB", "123 kB", "100 MB"]
