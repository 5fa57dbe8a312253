"""Small Measurement Sets with oddities of real ones; python-casacore is needed to import this."""

from pathlib import Path

import numpy as np
from casacore import tables

CELLS = {0: (7, 2), 1: (16, 4)}  # of two data descriptions


def make_set(path: Path, manager: str) -> None:
    """Rows irregular in time, some with ANTENNA1 > ANTENNA2, one twice; cells of two shapes, some with nothing."""
    rng = np.random.default_rng(2)
    columns = {"DATA": 0j, "MODEL_DATA": 0j, "FLAG": False, "WEIGHT_SPECTRUM": 0.0}
    kinds = {complex: "complex", bool: "boolean", float: "float"}
    described, managers = tables.required_ms_desc(), {}
    for number, (name, value) in enumerate(columns.items()):
        kind = {"valuetype": kinds[type(value)], "ndim": 2, "datamanagertype": manager, "datamanagergroup": name}
        described.update(tables.maketabdesc([tables.makearrcoldesc(name, value, **kind)]))
        if manager.startswith("Tiled"):
            tiles = {"DEFAULTTILESHAPE": np.array([2, 4, 8], np.int32)}
            managers[f"*{number + 1}"] = {
                "TYPE": manager,
                "NAME": name,
                "SEQNR": number,
                "SPEC": tiles,
                "COLUMNS": [name],
            }
    rows = [(time, *pair) for time in range(8) for pair in ((0, 1), (0, 2), (2, 1)) if rng.random() < 0.8]
    rows.append(rows[-1])
    with tables.default_ms(str(path), described, managers) as table:
        table.addrows(len(rows))
        times, first, second = np.array(rows).T
        descriptions = np.arange(len(rows)) % 7 // 5
        table.putcol("TIME", 5e9 + times)
        for name, values in (("ANTENNA1", first), ("ANTENNA2", second), ("DATA_DESC_ID", descriptions)):
            table.putcol(name, values.astype(np.int32))
        for row, number in enumerate(descriptions.tolist()):
            shape = CELLS[number]
            noise = rng.normal(size=(*shape, 2)).astype("f4").view("c8")[..., 0]
            noise[0], noise[1, 0] = 0, np.nan
            table.putcell("DATA", row, noise)
            table.putcell("FLAG", row, rng.random(shape) < 0.1)
            table.putcell("UVW", row, rng.normal(size=3))
            if row % 3:
                table.putcell("MODEL_DATA", row, np.full(shape, row, "c8"))
        table.putcell("INTERVAL", 3, np.nan)
        table.putcolkeyword("DATA", "UNIT", "Jy")
        table.putkeyword("OWN", {"a": 1, "b": ["x", "y"]})


def files_of(folder: Path) -> dict[str, bytes]:
    """Bytes of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
