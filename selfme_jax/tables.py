"""The tables of the SelfME paper, made again: ours beside the paper's.

    python -m selfme_jax.tables --table=sota --config=configs/synthetic.py

Tables: sota, motion, ablation, omega, tau, gamma (the paper's), and protocols (what
each choice of protocol does to the score of config.method); several by commas. Every
cell is a run of its own, kept under WORKDIR/cells; run again to resume, or with another
table to reuse what it shares. Motion is learned once for each kind of it.
"""

import hashlib
import json
from pathlib import Path

from absl import flags
from etils import epath
from ml_collections import ConfigDict, config_flags

from selfme_jax import build, cli, comparison, files, first_stages, settings
from selfme_jax.comparison import Part, Row, Table
from selfme_jax.data import manifest
from selfme_jax.methods import registry
from selfme_jax.recognition import Session
from selfme_jax.report import comparison as report
from selfme_jax.report.comparison import Cell
from selfme_jax.train.log import Progress
from selfme_jax.train.loop import NonFiniteError
from selfme_jax.types import UserError

NOT_ASKED = "not run yet (--rows)"


def define_flags() -> None:
    """Those of this command: other ones have flags of the same names."""
    config_flags.DEFINE_config_file(
        "config", None, "Config file, e.g. configs/synthetic.py.", lock_config=True
    )
    known = ",".join(comparison.TABLES)
    flags.DEFINE_list("table", [], f"Any of {known}.")
    flags.DEFINE_list(
        "rows", [], "Run these alone; others are shown if they are there."
    )
    flags.DEFINE_string("workdir", None, "Default: runs/tables_<config name>.")


def main() -> None:
    """Run what is missing of the tables asked for, and write them."""
    given = flags.FLAGS
    config = cli.config(given["config"])
    names = given.table
    if not names or not set(names) <= set(comparison.TABLES):
        known = ", ".join(comparison.TABLES)
        raise UserError(f"--table={','.join(names)}: give one or more of {known}.")
    stem = Path(config_flags.get_config_filename(given["config"])).stem
    folder = files.path(given.workdir or Path("runs") / f"tables_{stem}")
    resolved = settings.resolve(config)
    if resolved.task != "recognition":
        raise UserError(f"{stem} pretrains motion; tables are of recognition.")
    data = build.dataset(resolved)
    wanted = {name: comparison.table(name, resolved, data) for name in names}
    wanted = _only(given.rows, wanted)
    parts = comparison.parts(config, data)
    held = {part.name: _held(config, part) for part in parts}
    parts = [part for part in parts if held[part.name]]
    count = sum(not r.why_not for t in wanted.values() for r in t.rows) * len(parts)
    print(
        f"tables {', '.join(names)}: {count} cells on {_listed(parts)}, "
        f"{resolved.seeds} seed(s); results in {folder}",
        flush=True,
    )
    progress = Progress("tables", count)
    done = 0
    for name, table in wanted.items():
        cells = []
        for part in parts:
            for row in table.rows:
                cell, ran = _cell(config, row, part, held[part.name], folder)
                cells.append(cell)
                done += not row.why_not
                progress(done, f"{name}: {row.name} on {part.name}", kept=not ran)
        _write(folder, name, table, cells)


def _only(names: list[str], tables: dict[str, Table]) -> dict[str, Table]:
    """The tables with a reason at the rows that are not to be run now.

    Raises:
      UserError: a name that no row has.
    """
    known = [row.name for table in tables.values() for row in table.rows]
    if not set(names) <= set(known):
        asked, rows = ",".join(names), "; ".join(dict.fromkeys(known))
        raise UserError(f"--rows={asked}: the rows are {rows}.")

    def marked(row: Row) -> Row:
        if not names or row.name in names:
            return row
        return row._replace(why_not=row.why_not or NOT_ASKED)

    return {
        name: table._replace(rows=tuple(map(marked, table.rows)))
        for name, table in tables.items()
    }


def _held(config: ConfigDict, part: Part) -> str:
    """Digest of the samples of a part; '' where they cannot be read."""
    try:
        data = build.dataset(settings.resolve(_changed(config, part.changes)))
    except UserError as error:
        print(f"left out: {part.name} alone ({error})", flush=True)
        return ""
    return manifest.digest(data.samples, classes=data.classes)


def _listed(parts: list[Part]) -> str:
    return ", ".join(part.name for part in parts)


def _changed(config: ConfigDict, changes: dict[str, object]) -> ConfigDict:
    config = config.copy_and_resolve_references()  # sub-dicts are copied as well
    config.update_from_flattened_dict(changes)
    return config


def _cell(
    config: ConfigDict, row: Row, part: Part, held: str, folder: epath.Path
) -> tuple[Cell, bool]:
    """A row on a part of the data, whose digest is ``held``; run unless it is there.

    And whether it was run: the others took no time.
    """
    cell = Cell(row.name, part.name, row.x, row.paper, why_not=row.why_not)
    if row.why_not not in ("", NOT_ASKED):
        return cell, False
    changes = row.changes | part.changes
    # Another rule of scoring needs no other run.
    rule = changes.pop("protocol.score", config.protocol.score)
    try:
        config = settings.resolve(_changed(config, changes))
        place = _place(config, row.name, held, folder)
        finished = (place / "results.json").exists()
        if row.why_not and not finished:
            return cell, False
        if not finished:
            _run(config, row.name, place, _motion(config, held, folder))
    except UserError as error:
        why_not = str(error).splitlines()[0].rstrip(".")
        return cell._replace(why_not=why_not), False
    except NonFiniteError as error:
        why_not = f"training failed: {error}".rstrip(".")
        return cell._replace(why_not=why_not), True
    return cell._replace(folder=place, rule=rule, why_not=""), not finished


def depends_on(config: ConfigDict) -> dict:
    """The part of a (resolved) config that the results of a cell depend on.

    Not the engine, other methods, or a first stage that is not used.
    """
    whole = settings.decisive(config)
    others = {*registry.NAMES, "motion", "pretraining", "synthetic"}
    others -= {config.method}
    own = {key: value for key, value in whole.items() if key not in others}
    return own | {"first_stage": first_stages.depends_on(config)}


def _place(config: ConfigDict, name: str, held: str, folder: epath.Path) -> epath.Path:
    """Where the run of a (resolved) config is or goes; ``name``: what to call it.

    By what its results depend on, not by where the data lie: cells can be moved.
    """
    words = "".join(c if c.isalnum() else " " for c in name).lower().split()
    digest = _digest(depends_on(config) | {"samples": held})
    made = sorted((folder / "cells").glob(f"*_{digest}"))  # under another row's name
    return made[0] if made else folder / "cells" / f"{'_'.join(words)}_{digest}"


def _motion(config: ConfigDict, held: str, folder: epath.Path) -> epath.Path:
    """Where the first stage is that all cells share which read the same of it."""
    depends = first_stages.depends_on(config) | {"samples": held}
    return folder / "motion" / _digest(depends)


def _run(config: ConfigDict, name: str, place: epath.Path, motion: epath.Path) -> None:
    """Run a (resolved) config; its first stage is in ``motion``, or goes there."""
    if config.input != "images":
        config.engine.motion.workdir = str(motion)
    print(f"\n== {name}", flush=True)
    inputs = motion / "inputs.npy"
    stages = ["classifier"] if inputs.exists() else ["motion", "classifier"]
    session = Session(config, place, stages)
    session.claim()
    session.announce()
    if inputs.exists():
        files.copy(inputs, place / "flow.npy")
    session.run("")
    if (place / "flow.npy").exists() and not inputs.exists():
        files.copy(place / "flow.npy", inputs)
    session.score()


def _digest(tree: dict) -> str:
    text = json.dumps(tree, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _write(folder: epath.Path, name: str, table: Table, cells: list[Cell]) -> None:
    entries = report.entries(table.reference, cells)
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    text = report.write(place, table.title, table.axis, table.reference, entries)
    print(f"\n{text}\n{place}", flush=True)


if __name__ == "__main__":
    define_flags()
    cli.run(main)
