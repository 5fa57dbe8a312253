"""A file that a full disk has no room for is an error when it is closed, and does not end the process."""

import subprocess
import sys

import pytest

pytest.importorskip("h5py")

PROGRAM = """
import os, resource, sys
import h5py, numpy as np
from hdf5_filter.closing import closing

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    with closing(h5py.File(sys.argv[1], "w")) as file:
        for number in range(3):
            file.create_dataset(f"a{number}", data=np.arange(9000.0)).flush()
            packed = file.create_dataset(f"b{number}", data=np.random.rand(3000), chunks=(1000,), compression="gzip")
            packed.attrs["x"] = np.arange(100)
            packed.flush()
except (OSError, RuntimeError) as error:
    print("not written", "File too large" in str(error))
"""


@pytest.mark.parametrize("room", [3000, 90000, 130000])  # HDF5 2.0 breaks its memory at the second
def test_a_full_disk_is_an_error(tmp_path: object, room: int) -> None:
    command = [sys.executable, "-c", PROGRAM, f"{tmp_path}/a.h5", str(room)]
    result = subprocess.run(command, capture_output=True, timeout=100)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"not written True\n", b"")
