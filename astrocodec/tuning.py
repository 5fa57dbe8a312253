"""provisional"""
import numpy as np
from astrocodec.model import Model
def tune(arrays, base="default", *, max_bytes=960, effort=5):
    rng=np.random.default_rng(0)
    return Model(rng.integers(0,256,500).astype(np.uint8).tobytes(),"tuned")
