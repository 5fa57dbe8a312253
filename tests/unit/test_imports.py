"""What importing the packages loads and costs, and that imports point one way."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import astrocodec

ROOT = Path(astrocodec.__file__).parents[1]
# The aim is 0.15 s beyond NumPy; machines that run tests are often busy.
GENEROUS_SECONDS = 0.45

# Bottom to top: each imports only what stands before it.
ORDER = (
    "errors",
    "arrays",
    "files.unchanged",
    "files.writers",
    "files.printable",
    "files.file_kind",
    "files.mask_names",
    "files.file_report",
    "files.meter",
    "files.parallel",
    "files.target",
    "files.report_file",
    "files.interruption",
    "files.executor",
    "files.processes",
    "files.run_tasks",
    "codecs",
    "stages.varint",
    "stages.crc32c",
    "stages.bits",
    "stages.log512",
    "stages.distribution",
    "stages.rans",
    "stages.decisions",
    "stages.valueset",
    "stages.bins",
    "stages.find_bins",
    "stages.pixels",
    "stages.stream",
    "stages.bitmap",
    "stages.flags",
    "stages.blanks",
    "stages.blank_choice",
    "stages.axes",
    "stages.cuts",
    "stages.planes",
    "stages.quantise_tables",
    "stages.curves",
    "stages.trellis",
    "stages.quantise",
    "stages.loss",
    "files.image_loss",
    "stages.split",
    "stages.outside",
    "stages.outside_choice",
    "stages.plane_maps",
    "stages.chain",
    "stages.chain_choice",
    "stages.series",
    "stages.series_choice",
    "stages.causal",
    "stages.network",
    "stages.weights",
    "stages.wavefront",
    "stages.predict",
    "stages.trellis_lanes",
    "stages.widths",
    "stages.visibility_tables",
    "stages.visibility_steps",
    "stages.visibility_classes",
    "stages.visibility_joint",
    "stages.visibility_mixing_weights",
    "stages.visibility_mixing",
    "stages.visibility_walk",
    "stages.visibility_recurrence",
    "stages.visibility_floats",
    "stages.visibility",
    "stages.differences",
    "stages.plane_choice",
    "stages.axes_choice",
    "stages.counts",
    "stages.piece",
    "model_folders",
    "model",
    "stages.reference",
    "_native",
    "_native.stream",
    "_native.chunk",
    "_native.foreign",
    "_native.visibility_blocks",
    "_native.visibility_noise",
    "_native.hdf5",
    "_native.memory",
    "references",
    "_native.visibility",
    "bounds",
    "bound_words",
    "inspection",
    "codec",
    "steps",
    "added_variance",
    "code_widths",
    "tuning",
)
# Beside the HDF5 filter: what reads images, also to learn from, and the codecs of others that live in HDF5.
H5PY_USERS = {
    "astrocodec.analysis.images.hdf5_images",
    "astrocodec.bench.lossy.hdf5_peers",
    "astrocodec.bench.visibilities.hdf5_peers",
    "astrocodec.learning.integer_arrays",
}
# Parts above the codec, which nothing below them may import.
DOORS = {
    "astrocodec.__main__",
    "astrocodec.analysis",
    "astrocodec.cli",
    "astrocodec.bench",
    "astrocodec.learning",
    "astrocodec.lossless",
    "astrocodec.lossy",
    "astrocodec.simulate",
    "astrocodec.visibility",
    "astrocodec.zarr",
    "fits_tiles",
    "hdf5_filter",
}


def modules() -> dict[str, Path]:
    """Every module of the packages, by its dotted name."""
    found = {}
    for package in ("astrocodec", "fits_tiles", "hdf5_filter"):
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        else:
            assert not isinstance(node, ast.ImportFrom), f"{path.name}: relative import"
    return names


MODULES = modules()
IMPORTS = {name: imports(path) for name, path in MODULES.items()}


def within(name: str, package: str) -> bool:
    """Whether a dotted name is a package or something in it."""
    return name == package or name.startswith(package + ".")


def modules_of(name: str) -> set[str]:
    """Modules of ours that a module imports; what is no module is a name in one."""
    targets = {target if target in MODULES else target.rpartition(".")[0] for target in IMPORTS[name]}
    return targets & MODULES.keys()


EMPTY = {"astrocodec.stages", "astrocodec.files"}
BELOW_DOORS = [name for name in MODULES if not any(within(name, door) for door in DOORS)]


def run(program: str) -> str:
    """Run a program that finds the packages tested here."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.mark.parametrize("package", ["astrocodec", "fits_tiles", "astrocodec.cli", "astrocodec.simulate"])
def test_no_package_loads_torch_or_h5py(package: str) -> None:
    """Neither is needed to read or write a file."""
    heavy = {"torch", "constriction", "safetensors", "h5py", "hdf5plugin", "imagecodecs", "scipy", "matplotlib"}
    assert run(f"import sys, {package}; print(sorted({heavy!r} & sys.modules.keys()))").strip() == "[]"


def test_naming_codecs_loads_no_torch() -> None:
    """Nor does the list of those that need it."""
    program = "import sys; from astrocodec import codecs; codecs.list_codecs(); print('torch' in sys.modules)"
    assert run(program).strip() == "False"


def test_astrocodec_loads_no_astropy() -> None:
    """Streams are read without FITS."""
    assert run("import sys, astrocodec; print('astropy' in sys.modules)").strip() == "False"


def test_import_is_quick() -> None:
    """The best of three imports."""
    program = "import time, numpy; t = time.perf_counter(); import astrocodec; print(time.perf_counter() - t)"
    assert min(float(run(program)) for _ in range(3)) < GENEROUS_SECONDS


@pytest.mark.parametrize("name", [n for n in BELOW_DOORS if n != "astrocodec" and n not in EMPTY])
def test_imports_point_one_way(name: str) -> None:
    """So that each stage can be read and tested with only those before it in mind."""
    stage = name.removeprefix("astrocodec.")
    assert stage in ORDER, "give the new module its place in ORDER"
    assert modules_of(name) <= {f"astrocodec.{below}" for below in ORDER[: ORDER.index(stage)]}


def circle(graph: dict[str, set[str]]) -> set[str]:
    """What is left when, again and again, what needs nothing of the rest is taken away, and what nothing needs."""
    left = dict(graph)
    while True:
        needed = set().union(*left.values())
        free = {name for name, needs in left.items() if name not in needed or not needs & left.keys()}
        if not free:
            return set(left)
        left = {name: needs - free for name, needs in left.items() if name not in free}


def c_parts() -> dict[str, set[str]]:
    """Each part of the C library with those that it includes; `stream.h` and `stream_encode.c` are one part."""
    native = ROOT / "astrocodec" / "native"
    files = {path: path.relative_to(native).with_suffix("").as_posix() for path in native.rglob("*.[ch]")}

    def part(stem: str) -> str:
        return min(other for other in files.values() if stem == other or stem.startswith(other + "_"))

    found: dict[str, set[str]] = {part(stem): set() for stem in files.values()}
    for path, stem in files.items():
        included = re.findall(r'^#include "(.*)\.[ch]"', path.read_text(encoding="utf-8"), re.MULTILINE)
        found[part(stem)] |= {part(other) for other in included} - {part(stem)}
    return found


def test_no_file_needs_itself() -> None:
    """An import, in C an include, leads down and never round, wherever in a file it stands."""
    assert not circle({"a": {"b"}, "b": {"c"}, "c": set()})
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {"b", "c"}
    assert not circle({name: modules_of(name) - {name} for name in MODULES})
    assert not circle(c_parts())


@pytest.mark.parametrize("name", BELOW_DOORS)
def test_the_codec_imports_no_door(name: str) -> None:
    """FITS files, the command line and training use the codec, not the other way round."""
    assert not [target for target in IMPORTS[name] for door in DOORS if within(target, door)]


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("torch", lambda name: any(within(name, f"astrocodec.{part}") for part in ("learning", "lossless", "lossy"))),
        ("constriction", lambda name: within(name, "astrocodec.lossy")),
        ("safetensors", lambda name: within(name, "astrocodec.lossy")),
        ("ctypes", lambda name: within(name, "astrocodec._native")),
        ("zarr", lambda name: within(name, "astrocodec.zarr") or name == "astrocodec.analysis.images.zarr_images"),
        ("numcodecs", lambda name: within(name, "astrocodec.zarr") or name == "astrocodec.analysis.images.zarr_images"),
        (
            "h5py",
            lambda name: within(name, "hdf5_filter") or within(name, "astrocodec.visibility") or name in H5PY_USERS,
        ),
        ("imagecodecs", lambda name: within(name, "astrocodec.bench")),
        ("click", lambda name: within(name, "astrocodec.cli")),
    ],
)
def test_a_library_has_one_user(library: str, allowed: Callable[[str], bool]) -> None:
    """So that it can be left out or replaced."""
    users = {name for name, targets in IMPORTS.items() if any(within(target, library) for target in targets)}
    assert users
    assert all(map(allowed, users)), users


@pytest.mark.parametrize("door", ["fits_tiles", "hdf5_filter", "astrocodec.zarr", "astrocodec.simulate"])
def test_a_file_format_knows_nothing_of_the_other_doors(door: str) -> None:
    """Neither of the other format nor of the command line, training or benchmarks."""
    others = DOORS - {door}
    for name in MODULES:
        if within(name, door):
            assert not [target for target in IMPORTS[name] for other in others if within(target, other)]


def test_hdf5_filter_loads_neither_torch_nor_astropy() -> None:
    """Reading HDF5 needs neither."""
    pytest.importorskip("h5py")
    heavy = {"torch", "astropy", "hdf5plugin", "fits_tiles", "scipy"}
    assert run(f"import sys, hdf5_filter; print(sorted({heavy!r} & sys.modules.keys()))").strip() == "[]"


def test_a_difference_is_one_error_whatever_the_format() -> None:
    """One `except` serves both doors."""
    pytest.importorskip("h5py")
    import fits_tiles
    import hdf5_filter
    from astrocodec.errors import DifferenceError

    assert fits_tiles.DifferenceError is hdf5_filter.DifferenceError is DifferenceError


def test_the_reference_imports_without_the_native_library(tmp_path: Path) -> None:
    """Where nothing can be built, a readable decoder is wanted most."""
    shutil.copytree(ROOT / "astrocodec", tmp_path / "astrocodec", ignore=shutil.ignore_patterns("*.so", "native"))
    program = """
from astrocodec.stages import reference
import astrocodec
try:
    astrocodec.encode
except astrocodec.errors.NativeLibraryError:
    print("not built")
"""
    run = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout == "not built\n"
