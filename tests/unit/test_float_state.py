"""Streams do not depend on how a process takes floats: after -ffast-math denormals may be zeros."""

import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# In a process of its own: the state stays with threads that were made under it.
_SCRIPT = """
import numpy as np, torch, astrocodec
arrays = []
for dtype in ("f4", "f8"):
    counts = np.random.default_rng(1).integers(0, 3, (64, 200)).astype(dtype)
    counts.view("u%d" % counts.itemsize)[5, 7] = 1
    arrays.append(counts)
steps = np.random.default_rng(2).normal(0, 30, (64, 200)).round()
arrays.append(((steps + 5) * 1e-40).astype("f4"))
assert torch.set_flush_denormal(True) and np.float32(1e-40) * np.float32(1) == 0
streams = [astrocodec.encode(array, workers=2) for array in arrays]
back = [astrocodec.decode(stream, workers=2) for stream in streams]
torch.set_flush_denormal(False)
for array, stream, restored in zip(arrays, streams, back):
    assert restored.tobytes() == array.tobytes()
    assert astrocodec.encode(array) == stream
print("same")
"""


def test_denormals_come_back_where_a_process_flushes_them() -> None:
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    torch.set_flush_denormal(False)
    assert np.float32(1e-40) * np.float32(1) != 0
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    assert done.stdout == "same\n", done.stderr
