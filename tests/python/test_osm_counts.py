"""``worldloom probe`` counts what pyosmium counts, in every OSM file of the shared data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

osmium = pytest.importorskip("osmium")

DATA = os.environ.get("WORLDLOOM_DATA")
PROGRAM = Path(sys.executable).parent / "worldloom"
# Has a way that an editor (JOSM) marked `action="delete"`: we leave it out, pyosmium does not know the mark.
EDITED = {"mapping_example.osm"}


def files() -> list[Path]:
    """Every OSM file of the shared data."""
    found = [p for p in Path(DATA).rglob("*") if p.name.endswith((".osm", ".osm.gz", ".osm.pbf"))] if DATA else []
    return sorted(p for p in found if p.name not in EDITED)


class Count(osmium.SimpleHandler):
    """Counts objects."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = self.ways = self.relations = 0

    def node(self, _) -> None:
        """Count a node."""
        self.nodes += 1

    def way(self, _) -> None:
        """Count a way."""
        self.ways += 1

    def relation(self, _) -> None:
        """Count a relation."""
        self.relations += 1


@pytest.mark.skipif(not DATA, reason="WORLDLOOM_DATA is not set")
@pytest.mark.parametrize("path", files(), ids=lambda p: p.name)
def test_counts_equal(path: Path) -> None:
    """The three counts are equal."""
    count = Count()
    count.apply_file(str(path))
    run = subprocess.run([PROGRAM, "--json", "probe", path], capture_output=True, text=True, check=False)
    assert run.returncode in (0, 3), run.stderr
    answer = json.loads(run.stdout)
    while isinstance(answer, list):
        answer = answer[0]
    ours = {kind: answer["counts"].get(kind, 0) for kind in ("nodes", "ways", "relations")}
    assert ours == {"nodes": count.nodes, "ways": count.ways, "relations": count.relations}
