"""A dataset that lost what was allowed, and no more: what it costs, and what it says of itself."""

import tempfile
from pathlib import Path

import h5py
import numpy as np

import hdf5_filter
from astrocodec.simulate import simulate

frame = simulate("ccd", shape=(512, 544), seed=1).data

with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "night.h5")
    with h5py.File(path, "w") as file:
        for name, options in (("lossless", {}), ("lossy", {"noise_increase": "1%"})):
            codec = hdf5_filter.AstroCodec.tuned(frame, **options)
            file.create_dataset(name, data=frame, chunks=frame.shape, compression=codec)
    with h5py.File(path) as file:
        for dataset in file.values():
            size = dataset.id.get_storage_size()
            print(f"{dataset.name}: {size} of {frame.nbytes} bytes; {hdf5_filter.loss_of(dataset) or 'nothing lost'}")
        loss = hdf5_filter.loss_of(file["lossy"])
        changes = np.abs(file["lossy"][...].astype(int) - frame)
        assert changes.max() == loss.largest_error <= loss.max_error
