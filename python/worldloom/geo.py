"""Coordinates and frames on their own.

>>> from worldloom import geo
>>> geo.Enu(127.111, 37.394).to_enu([[127.112, 37.394, 0.0]])
>>> geo.transform([[127.111, 37.394]], "EPSG:4326", "EPSG:5186")
"""

from worldloom._native import Enu, cells, tile_bounds, tiles, transform

__all__ = ["Enu", "cells", "tile_bounds", "tiles", "transform"]
