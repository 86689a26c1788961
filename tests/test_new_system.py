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
    module, line, keys = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert module.count("\n") <= 30
    (tmp_path / "selfme_jax/baselines/motion_energy.py").write_text(module)
    registry = tmp_path / "selfme_jax/methods/registry.py"
    text = registry.read_text().replace("METHODS = {\n", "METHODS = {\n" + line)
    start = "from selfme_jax.baselines.motion_energy import MotionEnergy\n"
    first = "from selfme_jax.baselines"
    registry.write_text(text.replace(first, start + first, 1))
    config = tmp_path / "configs/baselines.py"
    text = config.read_text()
    place = text.index('"""\n', text.index("def add")) + len('"""\n')
    config.write_text(text[:place] + keys + text[place:])
    return tmp_path


def test_the_page_makes_a_system(checkout):
    data = command.write_flow_images(checkout / "data")
    (words,) = re.findall(r"```bash\npython -m (selfme_jax.main .*?)\n```", PAGE)
    words = words.replace("DIR", str(data)).split()
    done = subprocess.run(
        [sys.executable, "-m", *words, *command.TINY[:2], "--workdir=run"],
        cwd=checkout,
        env=command.environment(checkout / "cache"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "method motion_energy on given flow images" in done.stdout
    results = json.loads((checkout / "run" / "results.json").read_text())
    assert results["n"] == 20 and "linear" in results["floors"]
