"""Rasters, views and warps on their own.

>>> from worldloom import render
>>> town = render.Map("town.osm.pbf")
>>> raster = render.bev(town, (127.111, 37.394, 90.0), layers=["drivable", "building"])
"""

from worldloom._native import Camera, Crop, Map, Splat, bev

__all__ = ["Camera", "Crop", "Map", "Splat", "bev"]
