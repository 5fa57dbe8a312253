"""Write and read a compressed HDF5 dataset: the five lines, and what they saved."""

import h5py

import hdf5_filter
from astrocodec.simulate import simulate

frame = simulate("ccd", shape=(512, 544), seed=1).data

with h5py.File.in_memory() as file:  # or h5py.File("night.h5", "w")
    sci = file.create_dataset("sci", data=frame, chunks=(256, 272), compression=hdf5_filter.AstroCodec.tuned(frame))
    assert (sci[...] == frame).all()
    assert (hdf5_filter.read_dataset(sci, (slice(0, 100), slice(0, 100)), workers=2) == frame[:100, :100]).all()
    print(f"{frame.nbytes} -> {sci.id.get_storage_size()} bytes")
