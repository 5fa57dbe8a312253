"""Build of the one native extension; all metadata is in pyproject.toml.

Every run first writes the shipped models as a C header, which the library compiles in.
"""

import hashlib
import zlib
from glob import glob
from pathlib import Path

from setuptools import Extension, setup

FLAGS = "-std=c11 -O3 -fvisibility=hidden -fwrapv -ffp-contract=off -Wall -Wextra"
PACKAGE = Path(__file__).parent / "astrocodec"
HEADER = PACKAGE / "native" / "shipped_models.h"


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

setup(
    ext_modules=[
        Extension(
            "astrocodec.libastrocodec",
            sources=sorted(glob("astrocodec/native/*.c")),
            depends=sorted(glob("astrocodec/native/*.h")),
            extra_compile_args=FLAGS.split(),
            libraries=["m"],
            # HDF5 unloads its plugins; the models that this one has made ready would be lost, and made again.
            extra_link_args=["-Wl,-z,nodelete"],
            py_limited_api=True,
        )
    ]
)
