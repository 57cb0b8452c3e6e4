"""The street-view graph, read as Touchdown's `graph_loader.py` reads it."""

import json
import math
from pathlib import Path

import pytest

import worldloom as wl

Nodes = dict[str, tuple[int, float, float]]


def graph(folder: Path) -> tuple[Nodes, dict[str, dict[int, str]]]:
    """Nodes by panoid, and the neighbours of each by heading: split and converted as there."""
    nodes: Nodes = {}
    for line in (folder / "nodes.txt").read_text().splitlines():
        panoid, yaw, lat, lng = line.strip().split(",")
        nodes[panoid] = (int(yaw), float(lat), float(lng))
    neighbours: dict[str, dict[int, str]] = {panoid: {} for panoid in nodes}
    for line in (folder / "links.txt").read_text().splitlines():
        start, heading, end = line.strip().split(",")
        assert int(heading) not in neighbours[start], "a neighbour would be lost"
        neighbours[start][int(heading)] = end
    return nodes, neighbours


def test_the_graph_is_read_and_its_headings_lead_to_the_neighbours(ds: wl.Dataset, tmp_path: Path) -> None:
    told = wl.export(ds, to="svgraph", out=tmp_path / "graph")
    nodes, neighbours = graph(tmp_path / "graph")
    assert told["clips"] == len(nodes) > 0
    assert all(0 <= yaw < 360 for yaw, _, _ in nodes.values())
    for start, ends in neighbours.items():
        for heading, end in ends.items():
            assert start in neighbours[end].values()
            _, lat, lng = nodes[start]
            north, east = nodes[end][1] - lat, (nodes[end][2] - lng) * math.cos(math.radians(lat))
            off = math.degrees(math.atan2(east, north)) - heading
            assert abs((off + 180) % 360 - 180) <= 2.5
            assert math.hypot(north, east) * 111_200 <= 31
    places = json.loads((tmp_path / "graph/places.json").read_text())
    assert [place["panoid"] for place in places] == list(nodes)
    assert all(place["panoid"] == place["stack"][0]["frame_id"] for place in places)
    dates = {shot["captured_at"][:10] for place in places for shot in place["stack"] if shot["captured_at"]}
    stacks = [{shot["recording_id"] for shot in place["stack"]} for place in places]
    if "2026-04-04" in dates:
        assert any(len(stack) >= 2 for stack in stacks), "the surveys went through the same streets"
    with pytest.raises(wl.ExistingFileError):
        wl.export(ds, to="svgraph", out=tmp_path / "graph")


def test_a_part_of_the_samples_gives_the_places_along_their_ways(ds: wl.Dataset, tmp_path: Path) -> None:
    wl.export(ds, to="svgraph", out=tmp_path / "all")
    wl.export(ds[:1], to="svgraph", out=tmp_path / "one")
    all_nodes, _ = graph(tmp_path / "all")
    nodes, _ = graph(tmp_path / "one")
    assert set(nodes) <= set(all_nodes)
