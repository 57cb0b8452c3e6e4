"""`wl.match` on the town's map."""

from pathlib import Path

import pytest

import worldloom as wl

TOWN = Path(__file__).parent.parent.parent / "samples/town"


def test_columns_of_other_names_are_mapped(tmp_path: Path) -> None:
    own, roads = TOWN / "drives/drive-1/gnss.csv", wl.Roads(TOWN / "map/town.osm.pbf")
    header, rows = own.read_text().split("\n", 1)
    trace = tmp_path / "trace.csv"
    trace.write_text(header.replace("lon", "x").replace("lat", "y") + "\n" + rows)
    names = {"lon": "x", "lat": "y"}
    assert wl.match(trace, roads, columns=names) == wl.match(own, roads)
    with pytest.raises(wl.FormatError, match="no column `lon`"):
        wl.match(trace, roads)
    with pytest.raises(wl.ConfigError, match="not with an array"):
        wl.match([[127.0, 37.0]], roads, columns=names)
