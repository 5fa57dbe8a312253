"""The library as setup.py builds it: no warnings, golden files, every instruction set against the oracle, damages."""

import pytest
from native_library import COMPILER, PROGRAMS, check_golden_files, compile_library, run

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build the library's objects, once for all programs."""
    return compile_library(str(COMPILER), tmp_path_factory.mktemp("library"))


def run_here(library: list[str], program: str, *arguments: str) -> str:
    return run(str(COMPILER), library, PROGRAMS / f"{program}.c", *arguments)


def test_golden_files_are_the_same_bytes(library: list[str]) -> None:
    check_golden_files(str(COMPILER), library)


def test_levels_agree_with_oracle(library: list[str]) -> None:
    assert "0 failures" in run_here(library, "levels", "1", "quick")


def test_damaged_pieces_give_the_oracle_s_status(library: list[str]) -> None:
    assert "damaged pieces" in run_here(library, "fuzz", "3", "1")


def test_damaged_streams_are_refused_or_the_array(library: list[str]) -> None:
    assert "damaged streams" in run_here(library, "fuzz_streams", "3", "1")


def test_the_hdf5_filter_refuses_damaged_chunks(library: list[str]) -> None:
    assert "damaged chunks" in run_here(library, "fuzz_chunks", "3", "1")


def test_damaged_visibilities_are_refused_or_a_block(library: list[str]) -> None:
    assert "blocks of visibilities" in run_here(library, "fuzz_visibilities", "2", "1")


def test_any_array_keeps_to_any_bound(library: list[str]) -> None:
    found = run_here(library, "fuzz_bounds", "2", "1")
    assert "of them lossy" in found
    assert ", 0 of them lossy" not in found


def test_no_path_of_a_trellis_is_better(library: list[str]) -> None:
    """Also in lanes of other widths; curves go up, and places come back."""
    assert run_here(library, "viterbi_paths", "1") == "810 rows, 0 failures\n"
