"""The command line starts quickly and loads only what it needs."""

import subprocess
import sys
import time

import pytest
from cli_process import COMMAND, environment, succeed

# The aim is 0.5 s; machines that run tests are often busy.
GENEROUS_SECONDS = 2.0


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fits-compress", "--help"], ["analyze", "--help"]])
def test_start_is_quick(arguments: list[str]) -> None:
    """The best of three starts."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([*COMMAND, *arguments], check=True, capture_output=True, env=environment())
        times.append(time.perf_counter() - start)
    assert min(times) < GENEROUS_SECONDS


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["fits-compress", "--help"], ["models"], ["analyze", "--help"], ["compare", "--help"]],
)
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    """Neither astropy nor torch nor the progress bar's library."""
    program = (
        "import sys, atexit\n"
        "from astrocodec.cli import main\n"
        "heavy = {'astropy', 'torch', 'rich', 'imagecodecs', 'fits_tiles'}\n"
        "heavy |= {'photutils', 'matplotlib', 'scipy', 'skimage'}\n"
        "atexit.register(lambda: print(sorted(heavy & sys.modules.keys()), file=sys.stderr))\n"
        f"main({arguments!r})\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, env=environment())
    assert result.stderr.decode().strip() == "[]"


def test_help_names_every_command_and_the_exit_codes() -> None:
    """The overview is complete."""
    text = succeed("--help").decode()
    for word in (
        "fits-compress",
        "fits-decompress",
        "h5-compress",
        "h5-decompress",
        "plugin-path",
        "info",
        "verify",
        "analyze",
        "compare",
        "bench",
        "models",
        "tune",
        "train",
        "simulate",
        "Exit codes",
    ):
        assert word in text
