"""The built-in model: made again, scored as it is, and as a start. One table.

    python tests/benchmarks/builtin.py --data=DIR [--sheet=CASME2.xlsx] [--work=FOLDER]

DIR is a folder of published flow images (manifest.csv). With the sheet of CASME II its
action units are joined to the manifest. What is in FOLDER already is not made again;
what starts, starts from the model of the package.
Making takes 8 minutes of CPU time, scoring a minute a dataset, a started run of
SCViT or ViT 1 to 3 (--starts= leaves them out). The last line is JSON.
"""

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

KEYS = ("uf1", "uar", "mean_f1", "mean_auc")


def main() -> None:
    """Print a table, then JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--sheet", default="")
    parser.add_argument("--work", default="runs/benchmark_builtin")
    parser.add_argument("--starts", default="scvit,vit")
    options = parser.parse_args()
    work = Path(options.work)
    data = joined(Path(options.data), options.sheet, work / "images")
    begin = time.monotonic()
    run("--config=builtin", f"--config.data.root={data}", f"--workdir={work / 'made'}")
    seconds = time.monotonic() - begin
    weights = work / "made" / "builtin.safetensors"
    print((work / "made" / "builtin.md").read_text(), flush=True)
    rows = {}
    names = datasets(data)
    for sets in (*names, *([",".join(names)] if len(names) > 1 else [])):
        rows[f"as it is, {sets}"] = scored(
            work / f"as-it-is-{sets}",
            *folder(data, sets),
            "--config.method=builtin",
            f"--config.builtin.weights={weights}",
        )
        if all_annotated(data, sets):
            rows[f"as it is, {sets}, action units"] = scored(
                work / f"units-{sets}",
                *folder(data, sets),
                "--config.method=builtin",
                "--config.target=action_units",
                f"--config.builtin.weights={weights}",
            )
        for method in filter(None, options.starts.split(",")):
            rows[f"{method} started from it, {sets}"] = scored(
                work / f"{method}-{sets}",
                *folder(data, sets),
                f"--config.method={method}",
                "--config.start=builtin",
            )
    print(f"{'':48s} {'score':>15s}  {'best floor':>15s}")
    for name, row in rows.items():
        print(f"{name:48s} {shown(row['score']):>15s}  {shown(row['floor']):>15s}")
    size = weights.stat().st_size
    print(json.dumps({"making_seconds": seconds, "bytes": size, "rows": rows}))


def joined(data: Path, sheet: str, made: Path) -> Path:
    """The folder, with the action units of CASME II in a manifest of its own."""
    if not sheet:
        return data
    import openpyxl

    lines = openpyxl.load_workbook(sheet)["Sheet1"].iter_rows(values_only=True)
    head = [str(cell).strip() for cell in next(lines)]
    at = [head.index(name) for name in ("Subject", "Filename", "Action Units")]
    cells = {}
    for line in lines:
        subject, name, units = (line[i] for i in at)
        if subject is not None:
            cells[f"sub{int(subject):02d}", str(name)] = str(units)
    rows = list(csv.DictReader((data / "manifest.csv").open()))
    made.mkdir(parents=True, exist_ok=True)
    with (made / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys([*rows[0], "aus"])))
        writer.writeheader()
        for row in rows:
            place = made / row["file"]
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / row["file"], place)
            if row["dataset"] == "casme2":
                row = {**row, "aus": cells[row["subject"], row["sample"]]}
            writer.writerow(row)
    return made


def datasets(data: Path) -> list[str]:
    """Names in a manifest."""
    return sorted(
        {r["dataset"] for r in csv.DictReader((data / "manifest.csv").open())}
    )


def all_annotated(data: Path, sets: str) -> bool:
    """Whether somebody looked for action units in every clip."""
    rows = csv.DictReader((data / "manifest.csv").open())
    return all(r.get("aus") for r in rows if r["dataset"] in sets.split(","))


def folder(data: Path, sets: str) -> list[str]:
    """Flags."""
    return [
        "--config=flow_images",
        f"--config.data.root={data}",
        f"--config.data.datasets={sets}",
    ]


def scored(place: Path, *words: str) -> dict:
    """Score, interval and the best floor of a run."""
    run(*words, f"--workdir={place}")
    found = json.loads((place / "results.json").read_text())
    keys = [key for key in KEYS if key in found]
    floors = [{k: f[k] for k in keys if k in f} for f in found["floors"].values()]
    best = max(floors, key=lambda f: f.get(keys[0], 0))
    return {
        "score": {key: found[key] for key in keys},
        "ci95": found["ci95"],
        "floor": best,
        "sd": {key: found.get(f"{key}_sd", 0.0) for key in keys},
    }


def shown(score: dict) -> str:
    """'0.887/0.903'."""
    return "/".join(f"{value:.3f}" for value in score.values())


def run(*words: str) -> None:
    """The main command; its lines are ours."""
    subprocess.run([sys.executable, "-m", "selfme_jax.main", *words], check=True)


if __name__ == "__main__":
    main()
