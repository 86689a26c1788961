"""Every speed in one table: runs the other benchmarks of this folder, one by one.

    python tests/benchmarks/speed.py [--repeats=3] [--only=loso_speed,...]

Their own output comes first; the table, in Markdown, last. The first contestant of a
group is ours; the last column holds multiples of it. Nothing else should run meanwhile.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from selfme_jax.report import tables  # noqa: E402

# Parity is a test as well; it is no speed.
PARTS = {
    "loso_speed": ("--steps=3",),
    "motion_speed": ("--only=inference,step,memory",),
    "field_speed": (),
    "tvl1_speed": (),
}
HEAD = ("what", "contestant", "", "x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows")
        for name in options.only.split(","):
            words = [sys.executable, HERE / f"{name}.py", *PARTS[name]]
            words.append(f"--repeats={options.repeats}")
            env = os.environ | {"SELFME_SPEED_ROWS": str(path)}
            subprocess.run(words, env=env, check=True)
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    once = {tuple(row[:2]): row for row in rows}  # what several races compile
    print(tables.draw(HEAD, list(once.values())))


if __name__ == "__main__":
    main()
