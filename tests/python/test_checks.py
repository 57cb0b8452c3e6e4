"""Programs that check a data set from the outside and do not come with the code hold on what we build."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
CHECKS = Path(os.environ.get("WORLDLOOM_CHECKS", ROOT.parent / "shared/checks"))


@pytest.mark.parametrize("program", ["dataset.py", "bev.py"])
def test_the_check_holds(program: str, built: Path, config: Path) -> None:
    path = CHECKS / program
    if not path.exists():
        pytest.skip(f"{path} is not there: set WORLDLOOM_CHECKS to the folder of the checks")
    if program == "bev.py" and config.parent.name != "town":
        pytest.skip("few samples of the real data lie on its small map")
    run = subprocess.run([sys.executable, path, built], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
