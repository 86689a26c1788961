"""What holds for all scripts in launch/."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    str(p.relative_to(ROOT))
    for p in (ROOT / "launch").iterdir()
    if p.suffix in (".sh", ".sbatch")
)


@pytest.mark.parametrize("script", SCRIPTS)
def test_bash_reads_it(script):
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


def test_shellcheck_finds_nothing():
    tool = Path(sys.executable).with_name("shellcheck")  # of the test extra
    command = [tool, "--external-sources", *SCRIPTS, ".ci/run"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
