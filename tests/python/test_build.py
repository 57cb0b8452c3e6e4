"""`build`, `probe`, the command line and their errors."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import worldloom as wl


def write_config(folder: Path, fixes: int = 60, extra: str = "") -> Path:
    """A recording of GNSS fixes alone, 10 m/s eastwards, and its config."""
    drive = folder / "drives/one"
    drive.mkdir(parents=True)
    rows = [f"{1_700_000_000 + i}000000000,{127 + i * 1.1e-4:.6f},37.4,30.0" for i in range(fixes)]
    (drive / "gnss.csv").write_text("t_ns,lon,lat,height_m\n" + "\n".join(rows) + "\n")
    config = folder / "build.toml"
    config.write_text(
        '[dataset]\nname = "small"\nlicense = "CC0-1.0"\n'
        f'[[recording]]\nkind = "folder"\npath = "drives/*"\nlicense = "CC0-1.0"\n{extra}'
    )
    return config


def test_a_build_returns_the_data_set_and_tells_of_its_phases(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    ds = wl.build(
        write_config(tmp_path),
        out=tmp_path / "out",
        set={"sample.stride_s": 5, "sample.text.languages": ["en"]},
        progress=lambda phase, done, total: told.append((phase, done, total)),
    )
    assert len(ds) > 5
    assert ds.manifest["config"]["sample"]["stride_s"] == 5.0
    assert {caption.lang for sample in ds for caption in sample.captions} <= {"en"}
    assert told
    assert all(0 <= done <= total for _, done, total in told)


def test_progress_is_a_line_a_phase_where_nobody_watches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write_config(tmp_path)
    wl.build(config, out=tmp_path / "out")
    lines = capsys.readouterr().err.splitlines()
    assert all("\r" not in line for line in lines)
    wl.build(config, out=tmp_path / "again", progress=False)
    assert capsys.readouterr().err == ""


def test_a_bar_shows_what_is_left() -> None:
    from worldloom._progress import bar

    assert bar("building samples", 1, 4, 2.0).endswith("1/4  6 s left")
    assert "#" * 32 in bar("finishing", 1, 1, 0.0)


def test_errors_are_named_and_say_where(tmp_path: Path) -> None:
    config = write_config(tmp_path, extra="colour = 3\n")
    with pytest.raises(wl.ConfigError) as caught:
        wl.build(config, out=tmp_path / "out")
    assert caught.value.location is not None
    assert (caught.value.location.source, caught.value.location.line) == (str(config), 8)
    with pytest.raises(FileNotFoundError) as missing:
        wl.open(tmp_path / "nothing")
    assert isinstance(missing.value, wl.MissingFileError)
    assert missing.value.hint is not None
    assert missing.value.hint in str(missing.value)


def test_a_data_set_is_replaced_only_when_asked(tmp_path: Path) -> None:
    config = write_config(tmp_path)
    first = wl.build(config, out=tmp_path / "out", progress=False)
    with pytest.raises(wl.ExistingFileError, match="overwrite=True"):
        wl.build(config, out=tmp_path / "out", progress=False)
    second = wl.build(config, out=tmp_path / "out", set={"sample.stride_s": 5}, overwrite=True, progress=False)
    assert 0 < len(second) < len(first)


def test_other_threads_run_and_what_progress_raises_stops_the_build(tmp_path: Path) -> None:
    config = write_config(tmp_path, fixes=2000)
    beats = []
    done = threading.Event()

    def beat() -> None:
        while not done.is_set():
            beats.append(time.monotonic())
            time.sleep(0.002)

    thread = threading.Thread(target=beat)
    thread.start()
    wl.build(config, out=tmp_path / "out", progress=False)
    done.set()
    thread.join()
    assert max(b - a for a, b in itertools.pairwise(beats)) < 0.5

    def refuse(phase: str, done: int, total: int) -> None:
        raise RuntimeError(phase)

    with pytest.raises(RuntimeError):
        wl.build(config, out=tmp_path / "other", progress=refuse)


def test_ctrl_c_stops_a_build_and_the_same_call_goes_on(tmp_path: Path) -> None:
    config = write_config(tmp_path, fixes=4_000)
    out = tmp_path / "out"
    code = (
        "import sys, worldloom as wl\n"
        "try:\n"
        f"    wl.build({str(config)!r}, out={str(out)!r}, progress=lambda *a: print(*a, flush=True))\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(7)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline(), "it never told how far it is"
    child.send_signal(signal.SIGINT)
    code = child.wait(timeout=60)
    assert code in (0, 7)  # 0 where the machine was done before the signal came
    assert out.exists() == (code == 0)
    assert len(wl.build(config, out=out, overwrite=True, progress=False)) > 1000


def test_probe_says_what_a_folder_is(tmp_path: Path) -> None:
    write_config(tmp_path)
    probe = wl.probe(tmp_path / "drives/one")
    assert probe["kind"] == "folder"
    assert probe["extent"][0] == pytest.approx(127.0)
    with pytest.raises(wl.MissingFileError):
        wl.probe(tmp_path / "nothing")


def test_the_console_script_is_the_command_line() -> None:
    script = Path(sys.executable).parent / "worldloom"
    version = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.strip() == f"worldloom {wl.__version__}"
    wrong = subprocess.run([script, "build"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--out" in wrong.stderr


def test_importing_is_quick() -> None:
    code = "import time; t = time.perf_counter(); import worldloom; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(5)]
    seconds = min(float(run.stdout) for run in runs)
    # A busy machine may take longer; numpy alone takes 0.1 s and must not come in.
    assert seconds < float(os.environ.get("WORLDLOOM_IMPORT_S", "0.1"))
