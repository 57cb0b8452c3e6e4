"""The files of a data set open in tools that are not ours."""

import io
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest


def tables(root: Path, folder: str) -> list[Path]:
    found = sorted((root / folder).glob("*.parquet"))
    assert found, f"no table in {folder}/"
    return found


@pytest.mark.parametrize("folder", ["samples", "frames", "poses", "map"])
def test_geopandas_reads_whole_rows_inside_a_box(folder: str, built: Path) -> None:
    geopandas = pytest.importorskip("geopandas")
    for path in tables(built, folder):
        whole = geopandas.read_parquet(path)
        assert whole.crs == "OGC:CRS84"
        placed = whole[~whole.geometry.isna()]
        if len(placed) == 0:
            continue
        box = placed.geometry.iloc[0].bounds
        inside = geopandas.read_parquet(path, bbox=box)
        own = placed.bounds
        want = (own.minx <= box[2]) & (own.maxx >= box[0]) & (own.miny <= box[3]) & (own.maxy >= box[1])
        assert len(inside) == want.sum()
        assert set(inside.columns) == set(whole.columns)


def test_pyarrow_reads_all_files_of_a_table_as_one(built: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    arrow = pytest.importorskip("pyarrow")
    for folder in ["samples", "frames", "poses", "recordings", "sources"]:
        schemas = [parquet.read_schema(path).remove_metadata() for path in tables(built, folder)]
        assert all(s == schemas[0] for s in schemas), folder
        assert not any(arrow.types.is_string_view(f.type) or arrow.types.is_binary_view(f.type) for f in schemas[0])
    samples = arrow.concat_tables([parquet.read_table(p) for p in tables(built, "samples")])
    for row in samples.to_pylist():
        poses = np.asarray(row["poses"], dtype=float)
        assert poses.shape[1] == 7
        assert np.asarray(row["actions"], dtype=float).shape == (len(poses), 4)
        assert row["frames"] is not None
    assert samples.schema.field("poses").type.value_type.value_type == arrow.float32()
    assert samples.schema.field("lon").type == arrow.float64()
    assert samples.schema.field("t0_ns").type == arrow.int64()
    rows = parquet.read_table(tables(built, "samples")[0], filters=[("split", "=", "train")]).to_pylist()
    assert all(row["split"] == "train" for row in rows)


def test_duckdb_queries_nested_columns(built: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    samples = f"read_parquet('{built}/samples/*.parquet')"
    count, ticks = duckdb.sql(f"select count(*), min(len(poses[1])) from {samples}").fetchall()[0]
    assert count == sum(1 for _ in duckdb.sql(f"select sample_id from {samples}").fetchall())
    assert ticks in (None, 7)
    frames = duckdb.sql(
        f"select f.frame_id, f.tick from (select unnest(frames) as f from {samples}) join "
        f"read_parquet('{built}/frames/*.parquet') as t on t.frame_id = f.frame_id"
    ).fetchall()
    wanted = duckdb.sql(f"select sum(len(frames)) from {samples}").fetchall()[0][0]
    assert len(frames) == (wanted or 0)
    states = duckdb.sql(f"select distinct privacy.state from {samples}").fetchall()
    assert all(isinstance(state[0], str) for state in states)


def test_tar_members_are_the_frames_at_their_offsets(built: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    blake3 = pytest.importorskip("blake3").blake3
    frames = [row for path in tables(built, "frames") for row in parquet.read_table(path).to_pylist()]
    by_name = {f"{f['frame_id']}.{f['format']}": f for f in frames}
    seen = 0
    for shard in sorted({f["shard"] for f in frames}):
        with tarfile.open(built / shard) as tar:
            for member in tar.getmembers():
                frame = by_name[member.name]
                assert frame["shard"] == shard
                assert (member.isreg(), member.mode, member.uid, member.gid, member.mtime) == (True, 0o644, 0, 0, 0)
                assert (member.offset_data, member.size) == (frame["offset"], frame["length"])
                assert blake3(tar.extractfile(member).read()).hexdigest() == frame["checksum"]
                seen += 1
    assert seen == len(frames)


def test_tar_lists_the_shards(built: Path) -> None:
    for shard in (built / "shards").glob("*.tar"):
        listed = subprocess.run(["tar", "tf", shard], capture_output=True, text=True, check=True).stdout.split()
        with tarfile.open(shard) as tar:
            assert listed == tar.getnames()


def test_webdataset_gives_each_frame_under_its_id(built: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    image = pytest.importorskip("PIL.Image")
    parquet = pytest.importorskip("pyarrow.parquet")
    frames = {r["frame_id"]: r for path in tables(built, "frames") for r in parquet.read_table(path).to_pylist()}
    seen = set()
    for shard in sorted((built / "shards").glob("*.tar")):
        for item in webdataset.WebDataset(str(shard), shardshuffle=False):
            frame = frames[item["__key__"]]
            seen.add(item["__key__"])
            if frame["modality"] == "camera":
                picture = image.open(io.BytesIO(item[frame["format"]]))
                assert frame["width"] is None or picture.size == (frame["width"], frame["height"])
    assert seen == set(frames)
