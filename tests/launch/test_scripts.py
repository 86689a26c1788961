"""What holds for all scripts in launch/."""

import re
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


def test_what_runs_in_a_pod_is_known_to_all_launchers():
    text = (ROOT / "launch" / "pod.sh").read_text()
    (names,) = re.findall(r'^pod_modules="(.*)"$', text, re.M)
    package = ROOT / "selfme_jax"
    able = {p.stem for p in package.glob("*.py") if "pod=True" in p.read_text()}
    assert able <= set(names.split())
    assert all((package / f"{name}.py").exists() for name in names.split())
    for script in SCRIPTS:
        text = (ROOT / script).read_text()
        assert ("source launch/pod.sh" not in text) or (
            "choose_module" in text or script == "launch/fetch.sh"
        )
