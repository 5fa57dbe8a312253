"""Build of the one native extension; all metadata is in pyproject.toml.

Every run first writes two C headers: the shipped models, which the library compiles in, and the network's shape.
"""

import hashlib
import os
import runpy
import shutil
import subprocess
import tempfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError
from setuptools.modified import newer_group

FLAGS = "-std=c11 -O3 -fvisibility=hidden -fwrapv -ffp-contract=off -Wall -Wextra"
# Loops over square roots, which are vectors only where a root need not say that it was of a negative number.
ROOTS = ("quantise", "bounded", "viterbi")
PACKAGE = Path(__file__).parent / "astrocodec"
HEADER = PACKAGE / "native" / "shipped_models.h"
NETWORK = PACKAGE / "stages" / "network.py"
DISTANCES = PACKAGE / "stages" / "visibility_tables.py"
MIXING = PACKAGE / "stages" / "visibility_mixing_weights.py"

# What all of the library needs: libc's headers, and conversions of vectors, which gcc has from 9 on.
NEEDED = """
#include <stdlib.h>
typedef float floats __attribute__((vector_size(64)));
typedef int integers __attribute__((vector_size(64)));
void convert(const integers *from, floats *to) { *to = __builtin_convertvector(*from, floats); }
"""
# What one kernel needs: a compiler and an assembler that know AVX-VNNI.
AVXVNNI = """
#include <immintrin.h>
__attribute__((target("avx2,avxvnni"))) void dot(__m256i *a) { *a = _mm256_dpbusd_avx_epi32(*a, *a, *a); }
"""


class BuildLibrary(build_ext):
    """Finds out what the compiler knows before it is used."""

    def build_extension(self, extension):
        """Build, or say in one line what is missing."""
        name = self.compiler.compiler_so[0]
        if shutil.which(name) is None:
            raise CompileError(
                f"astrocodec needs a C compiler, and {name!r} was not found: install gcc (9 or newer) or clang, "
                "or name one, as in CC=clang pip install ."
            )
        if not self.can_compile(NEEDED):
            raise CompileError(
                f"astrocodec needs gcc 9 or newer, or clang, and the headers of libc (libc6-dev): {name!r} does not "
                "compile a program of four lines. CC names another compiler"
            )
        if not self.can_compile(AVXVNNI):
            extension.define_macros.append(("AC_NO_AVXVNNI", None))
        if self.force or newer_group(extension.sources + extension.depends, self.get_ext_fullpath(extension.name)):
            self.compile_sources(extension)
        super().build_extension(extension)

    def compile_sources(self, extension):
        """As many at once as there are processors; linking is left."""
        options = {
            "output_dir": self.build_temp,
            "macros": extension.define_macros,
            "include_dirs": extension.include_dirs,
        }

        def compiled(source):
            flags = ["-fno-math-errno"] if Path(source).name.startswith(ROOTS) else []
            return self.compiler.compile([source], **options, extra_postargs=extension.extra_compile_args + flags)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = pool.map(compiled, extension.sources)
            extension.extra_objects = [name for names in objects for name in names]
        # What is newer than the library still makes it anew.
        extension.sources, extension.depends = [], extension.depends + extension.sources

    def can_compile(self, program):
        """Whether the compiler makes an object file of a program."""
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "program.c"
            source.write_text(program, encoding="ascii")
            command = [*self.compiler.compiler_so, "-c", str(source), "-o", str(source.with_suffix(".o"))]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0


def c_array(name, data):
    """An array of bytes in C."""
    lines = [",".join(map(str, data[i : i + 32])) for i in range(0, len(data), 32)]
    return f"static const uint8_t {name}[] = {{\n" + ",\n".join(lines) + "};\n"


def shipped_models():
    """Text of the header: weight block, shape block and fingerprint of every model file (docs/format.md)."""
    arrays, entries = "", ""
    for i, path in enumerate(sorted(PACKAGE.glob("models/*.acm"))):
        file = path.read_bytes()
        size, blocks = int.from_bytes(file[5:9], "little"), zlib.decompress(file[9:-4])
        arrays += c_array(f"weights_{i}", blocks[:size]) + c_array(f"shapes_{i}", blocks[size:])
        fingerprint = ", ".join(f"0x{byte:02x}" for byte in hashlib.sha256(blocks).digest()[:8])
        is_default = int(path.name.startswith("default-"))
        lengths = f"sizeof weights_{i}, sizeof shapes_{i}"
        entries += f"    {{{is_default}, {lengths}, weights_{i}, shapes_{i}, {{{fingerprint}}}}}, /* {path.stem} */\n"
    if not entries:
        raise SystemExit(f"no model in {PACKAGE / 'models'}")
    table = f"static const shipped_model shipped[] = {{\n{entries}}};\n"
    return "/* Written by setup.py: the models of this package. */\n" + arrays + table


def write_if_changed(path, text):
    """Write a file, but leave its date alone where nothing is new."""
    if not path.exists() or path.read_text(encoding="ascii") != text:
        path.write_text(text, encoding="ascii")


write_if_changed(HEADER, shipped_models())
write_if_changed(PACKAGE / "native" / "network.h", runpy.run_path(str(NETWORK))["c_header"]())
write_if_changed(PACKAGE / "native" / "visibility" / "shares.h", runpy.run_path(str(DISTANCES))["c_header"]())
write_if_changed(PACKAGE / "native" / "visibility" / "mixing_weights.h", runpy.run_path(str(MIXING))["c_header"]())

setup(
    cmdclass={"build_ext": BuildLibrary},
    ext_modules=[
        Extension(
            "astrocodec.libastrocodec",
            sources=sorted(glob("astrocodec/native/**/*.c", recursive=True)),
            depends=sorted(glob("astrocodec/native/**/*.h", recursive=True)),
            include_dirs=["astrocodec/native"],
            extra_compile_args=FLAGS.split(),
            libraries=["m"],
            # HDF5 unloads its plugins; the models that this one has made ready would be lost, and made again.
            extra_link_args=["-Wl,-z,nodelete"],
            py_limited_api=True,
        )
    ],
)
