"""Programs that check a data set from the outside and do not come with the code hold on what we build."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CHECKS = Path(os.environ.get("WORLDLOOM_CHECKS", ROOT.parent / "shared/checks"))


def checked(program: str) -> Path:
    path = CHECKS / program
    if not path.exists():
        pytest.skip(f"{path} is not there: set WORLDLOOM_CHECKS to the folder of the checks")
    return path


@pytest.mark.parametrize("program", ["dataset.py", "bev.py"])
def test_the_check_holds(program: str, built: Path, config: Path) -> None:
    path = checked(program)
    if program == "bev.py" and config.parent.name != "town":
        pytest.skip("few samples of the real data lie on its small map")
    run = subprocess.run([sys.executable, path, built], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_drives_are_fused_near_their_truth(built: Path, config: Path) -> None:
    path = checked("fusion.py")
    if config.parent.name != "town":
        pytest.skip("the truth is that of samples/town")
    limits = ["rmse_xy_m=1.0", "rmse_z_m=1.0", "rmse_heading_deg=0.5", "rpe_1s_m=0.1", "nees_per_dof=2"]
    command = [sys.executable, path, built, "--truth", config.parent / "truth", "--json", "--require", *limits]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    for drive in json.loads(run.stdout):
        clock = drive["clock"]
        # The front camera turns with the ego four times a second; nothing tells of a microphone.
        assert clock["imu"] and clock["wheel"] and clock["front"] and clock["cabin"] is None, drive
        known = {k: c for k, c in clock.items() if c and c["sigma_ms"] is not None}
        assert all(abs(c["error_ms"]) < 3 * c["sigma_ms"] < 30 for c in known.values()), known


def test_traces_are_matched_to_their_routes() -> None:
    path = checked("matching.py")
    data = os.environ.get("WORLDLOOM_DATA")
    if data is None:
        pytest.skip("WORLDLOOM_DATA does not name the folder of real data")
    program = Path(sys.executable).parent / "worldloom"
    command = [sys.executable, path, "--worldloom", program, "--data", data, "--quick", "--require"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
