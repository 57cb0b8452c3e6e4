#!/usr/bin/env python3
"""Reading an MCAP beside the pure-Python `mcap` reader, on the same files in one run.

    pip install mcap mcap-ros2-support rosbags numpy pillow
    python benchmarks/logs_vs_python.py [--binary target/release/worldloom]

Writes two logs of ROS 2: 200,000 IMU readings and 10,000 fixes without compression, and 20,000 readings with 500
pictures of 175 kB in LZ4. `worldloom probe` reads all messages of a log and the headers of its pictures; the reader in
Python decodes all messages. Both in a new process, three times, warm; the least time counts.
"""

import argparse
import io
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType
from mcap_ros2.writer import Writer
from PIL import Image
from rosbags.typesys import Stores, get_typestore

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/fixtures/logs"))
from make import T0, ros2_messages  # noqa: E402

READ = """
import sys
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
with open(sys.argv[1], "rb") as log:
    for _ in make_reader(log, decoder_factories=[DecoderFactory()]).iter_decoded_messages():
        pass
"""


def jpeg() -> bytes:
    """A picture of 1280 x 720 pixels of noise in blocks."""
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.kron(noise, np.ones((8, 8, 1), dtype=np.uint8))).save(out, "JPEG", quality=90)
    return out.getvalue()


def write(path: Path, readings: int, compression: CompressionType, pictures: bool) -> None:
    """Writes a log at 200 Hz; a fix every 20th reading, a picture every 40th."""
    store, schemas = get_typestore(Stores.ROS2_HUMBLE), {}
    wanted = {"/imu": 1, "/fix": 20} | ({"/front/image_raw/compressed": 40} if pictures else {})
    picture = jpeg()
    templates = [(topic, kind, message) for _, topic, kind, message in list(ros2_messages())[:4] if topic in wanted]
    with path.open("wb") as out:
        writer = Writer(out, chunk_size=1 << 20, compression=compression)
        for i in range(readings):
            ns = T0 * 10**9 + i * 5_000_000
            for topic, kind, message in templates:
                if i % wanted[topic]:
                    continue
                if kind not in schemas:
                    schemas[kind] = writer.register_msgdef(kind, store.generate_msgdef(kind, ros_version=2)[0])
                stamp = {"sec": ns // 10**9, "nanosec": ns % 10**9}
                message = message | {"header": {"stamp": stamp, "frame_id": "a"}}
                if "data" in message:
                    message["data"] = picture
                writer.write_message(topic, schemas[kind], message, log_time=ns, publish_time=ns)
        writer.finish()


def least(command: list[str]) -> float:
    """Least wall time of three runs, seconds."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/worldloom")
    binary = parser.parse_args().binary
    with tempfile.TemporaryDirectory() as folder:
        logs = [("imu", 200_000, CompressionType.NONE, False), ("pictures", 20_000, CompressionType.LZ4, True)]
        for name, readings, compression, pictures in logs:
            path = Path(folder) / f"{name}.mcap"
            write(path, readings, compression, pictures)
            ours = least([str(binary), "probe", str(path)])
            python = least([sys.executable, "-c", READ, str(path)])
            size = path.stat().st_size / 1e6
            rates = f"worldloom {ours:6.3f} s ({size / ours:5.0f} MB/s)  python {python:6.2f} s"
            print(f"{name:9} {size:6.1f} MB  {rates}  ratio {python / ours:5.1f}")


if __name__ == "__main__":
    main()
