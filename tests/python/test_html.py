"""What notebooks show: whole HTML, nothing from the network, no scripts, whatever names hold."""

import re
from base64 import b64decode
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import worldloom as wl
from worldloom import _html

VOID = {"img"}


class Balanced(HTMLParser):
    """Checks that every element is closed, and keeps elements and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def checked(html: str) -> Balanced:
    page = Balanced(html)
    for tag, attributes in page.elements:
        assert tag not in ("script", "iframe", "link", "object")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:image/").startswith("data:image/")
    return page


def test_a_data_set_shows_counts_coverage_and_pictures(pictured: wl.Dataset) -> None:
    page = checked(pictured._repr_html_())
    assert str(len(pictured)) in page.text
    assert pictured.manifest["name"] in page.text
    tags = [tag for tag, _ in page.elements]
    assert "circle" in tags
    assert "img" in tags
    assert "no samples" not in checked(pictured[:0]._repr_html_()).text


def test_a_sample_shows_frames_map_texts_and_provenance(pictured: wl.Dataset) -> None:
    image = pytest.importorskip("PIL.Image")
    sample = pictured[0]
    page = checked(sample._repr_html_())
    for text in (sample.id, sample.recording_id, *sample.licenses, *(c.text for c in sample.captions)):
        assert text in page.text
    pictures = [a["src"] for tag, a in page.elements if tag == "img"]
    assert pictures
    small = image.open(BytesIO(b64decode(str(pictures[0]).split(",")[1])))
    assert (small.format, small.width) == ("JPEG", 200)
    bird = next(a["href"] for tag, a in page.elements if tag == "image")
    raster = sample.bev()
    want = _html.colour(raster, sample.bev_layers)
    np.testing.assert_array_equal(np.asarray(image.open(BytesIO(b64decode(str(bird).split(",")[1])))), want)


def test_a_sheet_is_a_picture_that_can_be_saved(pictured: wl.Dataset, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    sheet = pictured[0].show()
    sheet.save(tmp_path / "sheet.png")
    for png in (tmp_path / "sheet.png", BytesIO(sheet._repr_png_())):
        np.testing.assert_array_equal(np.asarray(image.open(png)), sheet.image())
    assert sheet.problems == []
    with pytest.raises(wl.MissingFileError):
        sheet.save(tmp_path / "nothing/sheet.png")


def test_the_svg_is_well_formed(ds: wl.Dataset) -> None:
    for html in (ds._repr_html_(), ds[0]._repr_html_()):
        for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
            ElementTree.fromstring(svg)


def test_what_is_painted_last_lies_on_top() -> None:
    raster = np.zeros((3, 1, 2), np.uint8)
    raster[:, 0, 0] = 1
    picture = _html.colour(raster, ["crossing", "drivable", "sidewalk"])
    assert tuple(picture[0, 0]) == _html.LAYERS["crossing"]
    assert tuple(picture[0, 1]) == _html.GROUND


def test_names_are_escaped() -> None:
    page = checked(_html._table([("<b>", "a & <script>alert(1)</script>")]))
    assert "<script>" in page.text
