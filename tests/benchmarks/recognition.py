"""What learned motion is worth for recognition, on synthetic faces, strict LOSO.

    python tests/benchmarks/recognition.py --workdir=runs/recognition [--seeds=5]

SelfME's motion and TV-L1 under SCViT and ViT, the eight rows of the paper's ablation,
and a control whose labels are shuffled. Every cell is a run of the main command of its
own; motion is learned once for each kind of it. Run again to resume: cells that are
there are kept.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from selfme_jax.report import tables

ROOT = Path(__file__).resolve().parents[2]

HEAD = ("row", "UF1", "95 %", "UAR", "95 %", "linear floor", "paper (CASME II)")


class Cell(NamedTuple):
    """A row: its name, the main command's flags, the paper's UF1/UAR."""

    name: str
    flags: tuple[str, ...]
    paper: str = ""


def flags(
    motion: str, method: str, gamma: int = 2, *further: str, stem: Path
) -> tuple[str, ...]:
    """Flags of a cell; motion: 'bspline', 'tps' (what B-splines replace) or 'tvl1'."""
    given = [
        f"--config.method={method}",
        f"--config.flow.gamma={gamma}.0",
        f"--config.engine.motion.workdir={stem / ('motion_' + motion)}",
    ]
    if motion == "tvl1":
        given.append("--config.input=tvl1")
    else:
        given.append(f"--config.motion.network.sparse={motion}")
    return (*given, *further)


def cells(stem: Path) -> list[Cell]:
    """All rows, in the order of the paper's tables."""

    def cell(name, paper, *what):
        return Cell(name, flags(*what, stem=stem), paper)

    ablation = [
        ("-  -  -", "0.8468 / 0.8849", "tps", "vit", 1),
        ("B  -  -", "0.8629 / 0.8903", "bspline", "vit", 1),
        ("-  SC -", "0.8903 / 0.9028", "tps", "scvit", 1),
        ("-  -  MA", "0.8718 / 0.8851", "tps", "vit", 2),
        ("B  SC -", "0.8923 / 0.8984", "bspline", "scvit", 1),
        ("-  SC MA", "0.8951 / 0.9109", "tps", "scvit", 2),
        ("B  -  MA", "0.8784 / 0.8960", "bspline", "vit", 2),
        ("B  SC MA", "0.9078 / 0.9290", "bspline", "scvit", 2),
    ]
    return [
        cell("SelfME's motion + SCViT", "0.9078 / 0.9290", "bspline", "scvit", 2),
        cell("SelfME's motion + ViT", "0.8784 / 0.8960", "bspline", "vit", 2),
        cell("TV-L1 + SCViT", "0.8460 / 0.8305", "tvl1", "scvit", 2),
        cell("TV-L1 + ViT", "0.8060 / 0.8016", "tvl1", "vit", 2),
        cell(
            "control: labels shuffled",
            "",
            *("bspline", "scvit", 2, "--config.shuffle_labels=True"),
        ),
        *(cell(f"ablation {name}", paper, *what) for name, paper, *what in ablation),
    ]


def run(folder: Path, given: tuple[str, ...]) -> dict:
    """results.json of a cell, computed unless it is there."""
    path = folder / "results.json"
    if not path.exists():
        words = [sys.executable, "-m", "selfme_jax.main"]
        words += ["--config=configs/synthetic.py", f"--workdir={folder}", *given]
        subprocess.run(words, cwd=ROOT, check=True)
    return json.loads(path.read_text())


def row(cell: Cell, found: dict) -> tuple[str, ...]:
    """Of the table, in the order of HEAD."""

    def interval(key):
        low, high = found["ci95"][key]
        return f"{low:.3f}-{high:.3f}"

    floor = found["floors"]["linear"]
    return (
        cell.name,
        *(f"{found['uf1']:.3f}", interval("uf1")),
        *(f"{found['uar']:.3f}", interval("uar")),
        f"{floor['uf1']:.3f} / {floor['uar']:.3f}",
        cell.paper,
    )


def main() -> None:
    """Run the cells, print the table, leave table.md and table.json in the workdir."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workdir", default="runs/recognition", type=Path)
    parser.add_argument("--seeds", default=5, type=int)
    parser.add_argument("--only", default="", help="cells whose name holds this")
    arguments = parser.parse_args()
    stem = arguments.workdir.resolve()
    rows, kept = [], {}
    for cell in cells(stem):
        if arguments.only not in cell.name:
            continue
        given = (*cell.flags, f"--config.seeds={arguments.seeds}")
        key = "_".join(f.rsplit("=", 1)[1].rsplit("/", 1)[-1] for f in given)
        print(f"\n== {cell.name}", flush=True)
        found = kept[cell.name] = run(stem / key, given)
        rows.append(row(cell, found))
    text = tables.draw(HEAD, rows)
    (stem / "table.md").write_text(text + "\n")
    scores = {name: [r["uf1"], r["uar"]] for name, r in kept.items()}
    (stem / "table.json").write_text(json.dumps(scores, indent=2) + "\n")
    print(text)


if __name__ == "__main__":
    main()
