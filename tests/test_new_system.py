"""docs/new_system.md: its blocks, put where it says, make a system."""

import json
import re
import shutil
import subprocess
import sys

import command
import pytest

PAGE = (command.ROOT / "docs" / "new_system.md").read_text()


@pytest.fixture
def checkout(tmp_path):
    """A copy of the package with the page applied to it."""
    for part in ("selfme_jax", "configs"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(command.ROOT / part, tmp_path / part, ignore=ignore)
    module, line = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    (tmp_path / "selfme_jax/systems/motion_energy.py").write_text(module)
    registry = tmp_path / "selfme_jax/systems/registry.py"
    first = "from selfme_jax.systems."
    start = f"{first}motion_energy import MOTION_ENERGY\n"
    text = registry.read_text().replace(first, start + first, 1)
    before = "_ALL: tuple[System, ...] = (\n"
    assert before in text
    registry.write_text(text.replace(before, before + line))
    return tmp_path


def test_the_page_makes_a_system(checkout):
    data = command.write_flow_images(checkout / "data")
    (words,) = re.findall(r"```bash\npython -m (selfme_jax.main .*?)\n```", PAGE)
    words = words.replace("DIR", str(data)).split()
    done = subprocess.run(
        [sys.executable, "-m", *words, *command.TINY[:2], "--workdir=run"],
        cwd=checkout,
        env=command.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "method motion_energy on given flow images" in done.stdout, done.stderr
    results = json.loads((checkout / "run" / "results.json").read_text())
    assert results["n"] == 20 and "linear" in results["floors"]
