#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets into `fuzz/corpus/` (logs are in `tests/fixtures/logs`).

    python fuzz/seeds.py

Needs: laspy with lazrs, numpy, pillow.
"""

import io
import struct
from pathlib import Path

import laspy
import numpy as np
from PIL import Image

CORPUS = Path(__file__).resolve().parent / "corpus"


def write(name: str, content: bytes) -> None:
    path = CORPUS / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def nmea(body: str) -> str:
    total = 0
    for c in body:
        total ^= ord(c)
    return f"${body}*{total:02X}\r\n"


def ubx(kind: int, identity: int, payload: bytes) -> bytes:
    body = struct.pack("<BBH", kind, identity, len(payload)) + payload
    a = b = 0
    for byte in body:
        a = (a + byte) & 255
        b = (b + a) & 255
    return b"\xb5\x62" + body + bytes([a, b])


class Cdr:
    """Little-endian CDR: every number at a multiple of its size."""

    def __init__(self) -> None:
        self.bytes = b""

    def put(self, kind: str, *values: float) -> "Cdr":
        size = struct.calcsize(kind.lstrip("0123456789")[0])
        self.bytes += b"\0" * (-len(self.bytes) % size) + struct.pack("<" + kind, *values)
        return self

    def text(self, text: str) -> "Cdr":
        self.put("I", len(text) + 1).bytes += text.encode() + b"\0"
        return self


def main() -> None:
    epochs = ""
    for i in range(4):
        t, lat, lon = f"1200{i:02}.00", f"3724.{i:04}", f"12706.{2 * i:04}"
        epochs += nmea(f"GNGGA,{t},{lat},N,{lon},E,4,12,0.8,50.0,M,23.0,M,1.0,0000")
        epochs += nmea(f"GNRMC,{t},A,{lat},N,{lon},E,10.5,87.0,010524,,,D")
        epochs += nmea(f"GNGST,{t},1.2,0.5,0.4,12.0,0.4,0.5,0.9")
        epochs += nmea("GNVTG,87.0,T,,M,10.5,N,19.4,K,D")
        epochs += nmea(f"GNZDA,{t},01,05,2024,00,00")
    write("nmea/epochs.nmea", epochs.encode())

    pvt = b""
    for i in range(3):
        payload = struct.pack(
            "<IHBBBBBBIiBBBBiiiiIIiiiiiIIHHIihH",
            *(43_200_000 + 1000 * i, 2024, 5, 1, 12, 0, i, 0x37, 30, 0, 3, 1, 0, 12),
            *(
                1_271_000_000 + 100 * i,
                374_000_000,
                50_000,
                27_000,
                800,
                1200,
                5000,
                0,
                0,
                5000,
                9_000_000,
                200,
                100_000,
            ),
            *(120, 0, 0, 0, 0, 0),
        )
        pvt += ubx(1, 7, payload)
    write("ubx/pvt.ubx", pvt)

    points = "".join(
        f'<trkpt lat="{37.4 + 1e-5 * i:.6f}" lon="127.1"><ele>{50 + i}</ele><time>2024-05-01T12:00:{i:02}Z</time>'
        f"<extensions><speed>3.5</speed><course>12</course></extensions></trkpt>"
        for i in range(5)
    )
    head = '<?xml version="1.0" encoding="UTF-8"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">'
    write(
        "gpx/track.gpx", f"{head}<trk><name>&#54032;교 &amp; back</name><trkseg>{points}</trkseg></trk></gpx>".encode()
    )

    cdr = Cdr()
    cdr.put("iI", 1_714_521_600, 0).text("gnss")
    cdr.put("b", 0).put("H", 1).put("3d", 37.4, 127.1, 50.0).put("9d", 4, 0, 0, 0, 4, 0, 0, 0, 9).put("B", 2)
    cdr.put("I", 3).put("3B", 1, 2, 3).put("I", 2).text("one").text("two")
    write("cdr/fix.cdr", b"\0\1\0\0" + cdr.bytes)

    for name, form, packed in (("plain.las", 1, False), ("packed.laz", 6, True)):
        las = laspy.LasData(laspy.LasHeader(point_format=form, version="1.4"))
        las.x, las.y, las.z = np.arange(30.0), np.arange(30.0) % 7, np.arange(30.0) % 3
        las.intensity, las.gps_time = np.arange(30), 1e-3 * np.arange(30)
        out = io.BytesIO()
        las.write(out, do_compress=packed)
        write(f"las/{name}", out.getvalue())

    head = "# .PCD v0.7\nVERSION 0.7\nFIELDS x y z intensity\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\n"
    head += "WIDTH 4\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS 4\nDATA "
    xyz = np.arange(16, dtype="<f4").reshape(4, 4)
    write("pcd/ascii.pcd", (head + "ascii\n" + "\n".join(" ".join(map(str, p)) for p in xyz)).encode())
    write("pcd/binary.pcd", (head + "binary\n").encode() + xyz.tobytes())

    picture = Image.fromarray((np.add.outer(np.arange(16), np.arange(32)) * 5).astype(np.uint8)).convert("RGB")
    exif = picture.getexif()
    exif[0x0112], exif[0x010F] = 6, "worldloom"
    exif.get_ifd(0x8769).update({0x9003: "2024:05:01 12:00:00", 0x9011: "+09:00", 0xA405: 28})
    exif.get_ifd(0x8825).update({1: "N", 2: (37.0, 24.0, 0.0), 3: "E", 4: (127.0, 6.0, 0.0), 17: 45.0})
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
        'GPano:ProjectionType="equirectangular" '
        'GPano:FullPanoWidthPixels="32" GPano:FullPanoHeightPixels="16" GPano:CroppedAreaLeftPixels="0" '
        'GPano:CroppedAreaTopPixels="0" GPano:CroppedAreaImageWidthPixels="32" '
        'GPano:CroppedAreaImageHeightPixels="16"/></rdf:RDF></x:xmpmeta>'
    )
    out = io.BytesIO()
    picture.save(out, "jpeg", exif=exif, xmp=xmp.encode())
    write("picture/panorama.jpg", out.getvalue())


if __name__ == "__main__":
    main()
