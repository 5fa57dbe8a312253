"""Simulated visibilities as a file, or for a Measurement Set a folder, that appears whole."""

import os
from pathlib import Path

from astrocodec.files.target import scratch_folder
from astrocodec.simulate.visibilities import Visibilities, VisibilitySettings
from astrocodec.simulate.visibility_files import write_visibilities


def write_observation(settings: VisibilitySettings, out: Path, overwrite: bool) -> None:
    """Make an observation and write it; `ValueError` and `ImportError` for what cannot be."""
    made = Visibilities(settings)
    with scratch_folder(out) as folder:
        part = folder / out.name
        write_visibilities(made, part)
        if part.is_dir():
            part.rename(out)
        elif overwrite:
            part.replace(out)
        else:
            os.link(part, out)  # unless something has taken the name
