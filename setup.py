"""Build of the one native extension; all metadata is in pyproject.toml."""

from glob import glob

from setuptools import Extension, setup

FLAGS = "-std=c11 -O3 -fvisibility=hidden -fwrapv -ffp-contract=off -Wall -Wextra"

setup(
    ext_modules=[
        Extension(
            "astrocodec.libastrocodec",
            sources=sorted(glob("astrocodec/native/*.c")),
            depends=sorted(glob("astrocodec/native/*.h")),
            extra_compile_args=FLAGS.split(),
            libraries=["m"],
            py_limited_api=True,
        )
    ]
)
