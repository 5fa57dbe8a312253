"""Encode one array to bytes and back, with the general model and with one that is fitted to the array."""

import astrocodec
from astrocodec.simulate import simulate

frame = simulate("ccd", shape=(512, 544), seed=1).data
fitted = astrocodec.tune(frame, effort=3)

for name, model in (("general", "default"), ("fitted", fitted)):
    stream = astrocodec.encode(frame, model)  # a fitted model travels inside
    again = astrocodec.decode(stream)
    assert again.dtype == frame.dtype
    assert (again == frame).all()
    bits = astrocodec.inspect(stream).bits_per_pixel
    print(f"{name} model: {frame.nbytes} -> {len(stream)} bytes, {bits:.3f} bits/pixel")
