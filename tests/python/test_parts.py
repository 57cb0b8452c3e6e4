"""`worldloom.geo` and `worldloom.render`, against other people's libraries."""

from pathlib import Path

import h3
import numpy as np
import pyproj
import pytest

import worldloom as wl
from worldloom import geo, render

RNG = np.random.default_rng(3)


def smooth_picture(height: int, width: int) -> np.ndarray:
    """A picture of waves, shape (height, width, 3), that goes on over its left and right border."""
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(2 * np.pi * a * columns / width + b * rows / 9 + c) for a, b, c in RNG.integers(3, 40, (12, 3))]
    return np.stack([np.clip(128 + 30 * sum(waves[k::3]), 0, 255) for k in range(3)], axis=-1).astype(np.uint8)


TOWN = Path(__file__).parents[2] / "samples/town/map/town.osm.pbf"


def test_enu_is_pyprojs_topocentric_frame() -> None:
    places = np.c_[127.1 + RNG.uniform(-0.1, 0.1, 50), 37.4 + RNG.uniform(-0.1, 0.1, 50), RNG.uniform(-10, 200, 50)]
    enu = geo.Enu(127.1, 37.4, 30.0)
    points = enu.to_enu(places)
    pipeline = pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step +proj=cart +ellps=WGS84 "
        "+step +proj=topocentric +ellps=WGS84 +lon_0=127.1 +lat_0=37.4 +h_0=30"
    )
    assert np.abs(points - np.c_[pipeline.transform(*places.T)]).max() < 1e-6
    back = enu.to_geodetic(points)
    assert np.abs(back - places).max() < 1e-9 * 100 and enu.origin == (127.1, 37.4, 30.0)
    with pytest.raises(wl.ConfigError, match="latitude 95"):
        geo.Enu(127.1, 95.0)
    with pytest.raises(wl.ConfigError, match=r"shape \(N, 3\)"):
        enu.to_enu([[1.0, 2.0]])
    with pytest.raises(wl.ConfigError, match="place 1: no longitude"):
        enu.to_enu([[127.1, 37.4, 0.0], [37.4, 127.1, 0.0]])


@pytest.mark.parametrize("code", ["EPSG:5186", "EPSG:5179", "EPSG:32652", "EPSG:3857"])
def test_transform_is_pyprojs(code: str) -> None:
    places = np.c_[127 + RNG.uniform(-1, 1, 50), 37 + RNG.uniform(-1, 1, 50)]
    wanted = np.c_[pyproj.Transformer.from_crs(4326, code, always_xy=True).transform(*places.T)]
    found = geo.transform(places, "EPSG:4326", code)
    assert np.abs(found - wanted).max() < 1e-3
    assert np.abs(geo.transform(found, code) - places).max() < 1e-9
    with pytest.raises(wl.ConfigError):
        geo.transform(places, "EPSG:1")


def test_tiles_and_cells_are_those_of_their_makers() -> None:
    places = np.c_[RNG.uniform(-180, 180, 200), RNG.uniform(-80, 80, 200)]
    tiles = geo.tiles(places, 17)
    for place, (x, y) in zip(places, tiles, strict=True):
        west, south, east, north = geo.tile_bounds(17, int(x), int(y))
        assert west <= place[0] <= east and south <= place[1] <= north
    rows = np.arcsinh(np.tan(np.radians(places[:, 1])))
    assert np.array_equal(tiles[:, 1], np.floor((1 - rows / np.pi) / 2 * 2**17))
    assert geo.cells(places, 9) == [h3.latlng_to_cell(lat, lon, 9) for lon, lat in places]
    with pytest.raises(wl.ConfigError):
        geo.tile_bounds(3, 8, 0)
    with pytest.raises(wl.ConfigError, match="place 1"):
        geo.cells([[1.0, 2.0], [np.nan, 2.0]])


def test_a_camera_projects_as_its_formula_says() -> None:
    k, d = [500.0, 510.0, 320.0, 240.0], [-0.2, 0.05, 0.001, -0.002, 0.0]
    camera = render.Camera("pinhole", 640, 480, k, d)
    points = np.c_[RNG.uniform(-2, 2, 100), RNG.uniform(-1.5, 1.5, 100), RNG.uniform(4, 9, 100)]
    # Brown and Conrady's model as OpenCV's documentation writes it.
    x, y = points[:, 0] / points[:, 2], points[:, 1] / points[:, 2]
    square = x * x + y * y
    radial = 1 + d[0] * square + d[1] * square**2 + d[4] * square**3
    bent = x * radial + 2 * d[2] * x * y + d[3] * (square + 2 * x * x)
    risen = y * radial + d[2] * (square + 2 * y * y) + 2 * d[3] * x * y
    wanted = np.c_[k[0] * bent + k[2], k[1] * risen + k[3]]
    pixels = camera.project(points)
    assert np.abs(pixels - wanted).max() < 1e-9
    rays = camera.unproject(pixels)
    assert np.abs(rays - points / np.linalg.norm(points, axis=1, keepdims=True)).max() < 1e-7
    assert np.isnan(camera.project([[0.0, 0.0, -1.0]])).all()
    half = camera.resized(240, 320)
    assert np.allclose(half.project(points), (pixels + 0.5) / 2 - 0.5)
    assert np.allclose(camera.cropped(40, 100, 200, 300).project(points), pixels - [100, 40])
    moved = np.eye(4)
    moved[:3, 3] = [1.0, 2.0, 3.0]
    plucker = camera.rays((24, 32), moved)
    direction, moment = plucker[:3], plucker[3:]
    assert plucker.shape == (6, 24, 32) and np.abs(np.linalg.norm(direction, axis=0) - 1).max() < 1e-6
    assert np.abs(np.cross([1.0, 2.0, 3.0], direction, axisb=0) - np.moveaxis(moment, 0, -1)).max() < 1e-5
    assert np.array_equal(plucker, camera.rays((24, 32), [1.0, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0]))
    with pytest.raises(wl.ConfigError, match="no camera model"):
        render.Camera("fishy", 640, 480, k)
    with pytest.raises(wl.ConfigError, match="at most 32768"):
        render.Camera("equirectangular", 65536, 65536)
    with pytest.raises(wl.ConfigError, match="cells"):
        camera.rays((65536, 65536))
    with pytest.raises(wl.ConfigError, match="4 x 4"):
        camera.rays((24, 32), np.zeros((4, 4)))


def test_a_cut_is_sampled_where_the_geometry_says() -> None:
    smooth = smooth_picture(512, 1024)
    panorama = render.Camera("equirectangular", 1024, 512)
    view = render.Camera("pinhole", 320, 240, [200.0, 200.0, 159.5, 119.5])
    cut = render.Crop(panorama, view, yaw_deg=30.0, pitch_deg=10.0).cut(smooth)
    rows, columns = np.mgrid[:240, :320]
    ray = np.stack([(columns - 159.5) / 200, (rows - 119.5) / 200, np.ones(rows.shape)])
    up, aside = np.radians(10.0), np.radians(30.0)
    tilt = np.array([[1, 0, 0], [0, np.cos(up), -np.sin(up)], [0, np.sin(up), np.cos(up)]])
    turn = np.array([[np.cos(aside), 0, -np.sin(aside)], [0, 1, 0], [np.sin(aside), 0, np.cos(aside)]])
    x, y, z = np.einsum("ij,jhw->ihw", turn @ tilt, ray)
    u = (np.arctan2(x, z) / (2 * np.pi) + 0.5) * 1024 - 0.5
    v = (0.5 - np.arctan2(-y, np.hypot(x, z)) / np.pi) * 512 - 0.5
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    across, down = (u - left)[..., None], (v - top)[..., None]
    upper, lower = (smooth[top + k, left] * (1 - across) + smooth[top + k, left + 1] * across for k in (0, 1))
    off = cut - (upper * (1 - down) + lower * down)
    assert 10 * np.log10(255**2 / np.mean(off**2)) > 45
    with pytest.raises(wl.FormatError):
        render.Crop(panorama, view).cut(smooth[:100])
    with pytest.raises(wl.ConfigError, match="NaN"):
        render.Crop(panorama, view, yaw_deg=float("nan"))


def test_a_warp_moves_a_wall_by_its_parallax() -> None:
    picture = smooth_picture(240, 320)
    camera = render.Camera("pinhole", 320, 240, [200.0, 200.0, 159.5, 119.5])
    depth = np.full((240, 320), 4.0, np.float32)
    splat = render.Splat(camera, camera)
    same, seen, far = splat.warp(picture, depth, [0, 0, 0, 1, 0, 0, 0])
    assert (seen == 255).all() and np.abs(same.astype(int) - picture).max() <= 1 and np.allclose(far, 4.0)
    # 20 cm to the left of the source: what stands 4 m before it moves 10 pixels to the right.
    moved, seen, _ = splat.warp(picture, depth, [0.2, 0, 0, 1, 0, 0, 0])
    assert (seen[:, :10] == 0).all() and (seen[:, 10:] == 255).all()
    assert np.abs(moved[:, 10:].astype(int) - picture[:, :-10]).max() <= 1
    moving = np.zeros((240, 320), bool)
    moving[100:120, 100:120] = True
    _, seen, _ = splat.warp(picture, depth.astype(np.float64), np.eye(4), moving=moving)
    assert (seen[100:120, 100:120] == 0).all() and seen[:90].all()
    with pytest.raises(wl.FormatError):
        splat.warp(picture, depth[:10], np.eye(4))


@pytest.mark.skipif(not TOWN.exists(), reason="there is no samples/town")
def test_a_raster_is_that_of_a_sample(ds: wl.Dataset) -> None:
    streets = render.Map(TOWN)
    sample = ds[0]
    layers = [layer for layer in sample.bev_layers if layer != "route"]
    wanted = sample.bev()[: len(layers)]
    extent = (wanted.shape[1] * sample.bev_resolution_m, wanted.shape[2] * sample.bev_resolution_m)
    drawn = render.bev(
        streets,
        (sample.lon, sample.lat, sample.heading_deg),
        size_m=extent,
        resolution_m=sample.bev_resolution_m,
        layers=layers,
    )
    assert drawn.shape == wanted.shape and len(streets) > 100 and streets.left_out == []
    # The sample's pose has more digits than its row.
    assert (drawn != wanted).mean() < 2e-3 and wanted.any()
    with pytest.raises(wl.ConfigError, match="no map layer"):
        render.bev(streets, (127.0, 37.0, 0.0), layers=["nothing"])
