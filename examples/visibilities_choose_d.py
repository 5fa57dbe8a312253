"""Choose how much noise coding may add to visibilities: sizes for several D, and what averages leave of the errors."""

import numpy as np

import astrocodec
from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
from astrocodec.visibility import encode, encode_flags, estimate_noise

# Two minutes of a small MeerKAT, [time, baseline, freq, pol]; yours come from astrocodec.visibility.data.
block = Visibilities(VisibilitySettings("meerkat", stations=10, times=16, channels=64, seed=1)).block(0, 16)
noise = estimate_noise(block.vis, block.flags)
good = ~block.flags & (noise > 0)
print(f"flags: {len(encode_flags(block.flags))} bytes of {block.flags.size // 8} as a bitmap")

for asked in ("10%", "1%", "0.1%"):
    stream = encode(block.vis, noise_increase=asked, flags=block.flags)
    error = (astrocodec.decode(stream) - block.vis) / noise  # in units of the noise
    d = np.mean(np.abs(error[good]) ** 2) / 2
    # In means over all times, noise and error shrink alike: their ratio stays.
    there = good.all(axis=0)
    averaged = np.mean(np.abs(error.mean(axis=0)[there]) ** 2) / 2 * len(error)
    ratio = block.vis.nbytes / len(stream)
    print(f"D = {asked}: {ratio:.1f} times smaller, found {100 * d:.3f} %, after averaging {100 * averaged:.3f} %")
