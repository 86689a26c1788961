"""The tables of the SelfME paper, made again: ours beside the paper's; and others.

    python -m selfme_jax.tables --table=sota --config=synthetic

Tables: sota, motion, ablation, omega, tau, gamma (the paper's); protocols (what each
choice of protocol does to the score of config.method; with --systems=all, of every
system that reads flow, on one page); action_units and cd6me (action units; each dataset
by what the others trained, beside MEB's numbers); several by commas. Every cell is a
run of its own, kept under WORKDIR/cells; run again to resume, or with another table to
reuse what it shares. Motion is learned once for each kind of it.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from selfme_jax.train import preemption

    preemption.starting()

import hashlib
import json
from pathlib import Path

from absl import flags
from etils import epath

from selfme_jax import files
from selfme_jax.data import manifest
from selfme_jax.report import audit, by_unit, measures
from selfme_jax.report import comparison as report
from selfme_jax.report.comparison import Cell
from selfme_jax.run import build, cli, config, table_rows
from selfme_jax.run.config import Source
from selfme_jax.run.plan import Plan
from selfme_jax.run.recognise import Session
from selfme_jax.run.table_rows import Part, Row, Table
from selfme_jax.systems.registry import SYSTEMS
from selfme_jax.train import lock, parallel
from selfme_jax.train.log import Progress
from selfme_jax.train.loop import NonFiniteError
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir

NOT_ASKED = "not run yet (--rows)"


def define() -> None:
    """The flags. Not at import: other entry points have some of the same names."""
    config.define()
    known = ",".join(table_rows.TABLES)
    flags.DEFINE_list("table", [], f"Any of {known}.")
    flags.DEFINE_list(
        "rows", [], "Run these alone; others are shown if they are there."
    )
    flags.DEFINE_list(
        "systems", [], "protocols: of these (config.method's names), or all of flow."
    )
    flags.DEFINE_string("workdir", None, "Default: runs/tables_<config name>.")


def main() -> None:
    """Run what is missing of the tables asked for, and write them."""
    given, source = flags.FLAGS, config.given()
    names = given.table
    if not names or not set(names) <= set(table_rows.TABLES):
        known = ", ".join(table_rows.TABLES)
        raise UserError(f"--table={','.join(names)}: give one or more of {known}.")
    folder = files.path(given.workdir or Path("runs") / f"tables_{source.name}")
    plan = source.plan()
    if plan.task != "recognition":
        raise UserError(f"{source.name} pretrains motion; tables are of recognition.")
    data = build.dataset(plan)
    wanted = {name: table_rows.table(name, plan, data, given.systems) for name in names}
    wanted = _only(given.rows, wanted)
    parts = table_rows.parts(plan, data)
    held = {part.name: _held(source, part) for part in parts}
    parts = [part for part in parts if held[part.name]]
    count = sum(
        (not row.why_not) * len(_of(table, parts))
        for table in wanted.values()
        for row in table.rows
    )
    print(
        f"tables {', '.join(names)}: {count} cells on {_listed(parts)}, "
        f"{len(plan.seeds)} seed(s); results in {folder}",
        flush=True,
    )
    with lock.held(folder):
        _fill(source, wanted, parts, held, folder, Progress("tables", count))


def _fill(
    source: Source,
    wanted: dict[str, Table],
    parts: list[Part],
    held: dict[str, str],
    folder: epath.Path,
    progress: Progress,
) -> None:
    """Run what is missing of the tables, and write each as soon as it is whole."""
    done = 0
    for name, table in wanted.items():
        cells = []
        for part in _of(table, parts):
            for row in table.rows:
                cell, ran = _cell(source, row, part, held[part.name], folder)
                cells.append(cell)
                done += not row.why_not
                progress(done, f"{name}: {row.name} on {part.name}", kept=not ran)
        if parallel.leads():
            _write(folder, name, table, cells)


def _of(table: Table, parts: list[Part]) -> list[Part]:
    """The parts of the data that a table is made on."""
    return parts[-1:] if table.whole else parts


def _only(names: list[str], tables: dict[str, Table]) -> dict[str, Table]:
    """The tables with a reason at the rows that are not to be run now.

    Raises:
      UserError: a name that no row has.
    """
    known = [row.name for table in tables.values() for row in table.rows]
    names = _whole(names, known)
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


def _whole(pieces: list[str], known: list[str]) -> list[str]:
    """Names of a list that was cut at every comma, though some names have commas."""
    found = []
    while pieces:
        ends = range(len(pieces), 0, -1)
        end = next((n for n in ends if ", ".join(pieces[:n]) in known), 1)
        found.append(", ".join(pieces[:end]))
        pieces = pieces[end:]
    return found


def _held(source: Source, part: Part) -> str:
    """Digest of the samples of a part; '' where they cannot be read."""
    try:
        data = parallel.lead(lambda: build.dataset(source.plan(part.changes)))
    except UserError as error:
        print(f"left out: {part.name} alone ({error})", flush=True)
        return ""
    return manifest.digest(data.samples, classes=data.classes)


def _listed(parts: list[Part]) -> str:
    return ", ".join(part.name for part in parts)


def _cell(
    source: Source, row: Row, part: Part, held: str, folder: epath.Path
) -> tuple[Cell, bool]:
    """A row on a part of the data, whose digest is ``held``; run unless it is there.

    And whether it was run: the others took no time.
    """
    cell = Cell(row.name, part.name, row.x, row.paper, why_not=row.why_not)
    if row.why_not not in ("", NOT_ASKED):
        return cell, False
    changes = row.changes | part.changes
    # Another rule of scoring needs no other run.
    rule = changes.pop("protocol.score", None)
    agreed = True  # whether all processes of a pod fail alike
    try:
        rule = rule or source.plan(changes).protocol.score
        plan = source.plan({**changes, "engine.motion.workdir": ""})
        run = Workdir(_place(plan, row.name, held, folder))
        finished = parallel.decide(run.results.exists())
        if row.why_not and not finished:
            return cell, False
        if not finished:
            motion = _motion(plan, held, folder)
            if plan.input.of_clips:
                shared = {**changes, "engine.motion.workdir": str(motion)}
                plan = source.plan(shared)
            print(f"\n== {row.name}", flush=True)
            there = parallel.decide((motion / "inputs.npy").exists())
            session = parallel.lead(lambda: _open(plan, run, motion, there))
            agreed = parallel.alone()
            _run(session, motion)
    except UserError as error:
        if not agreed:
            raise  # the others wait for this one: end all
        why_not = str(error).splitlines()[0].rstrip(".")
        return cell._replace(why_not=why_not), False
    except NonFiniteError as error:
        why_not = f"training failed: {error}".rstrip(".")
        return cell._replace(why_not=why_not), True
    return cell._replace(folder=run.folder, rule=str(rule), why_not=""), not finished


def depends_on(plan: Plan) -> dict:
    """The part of a plan that the results of a cell depend on.

    Not the engine, other methods, or a first stage that is not used.
    """
    whole = plan.decisive()
    others = {*SYSTEMS, "motion", "pretraining", "synthetic"} - {plan.system.name}
    own = {key: value for key, value in whole.items() if key not in others}
    return own | {"first_stage": plan.first_stage()}


def _place(plan: Plan, name: str, held: str, folder: epath.Path) -> epath.Path:
    """Where the run of a plan is or goes; ``name``: what to call it.

    By what its results depend on, not by where the data lie: cells can be moved.
    """
    words = "".join(c if c.isalnum() else " " for c in name).lower().split()
    digest = _digest(depends_on(plan) | {"samples": held})
    made = sorted((folder / "cells").glob(f"*_{digest}"))  # under another row's name
    return made[0] if made else folder / "cells" / f"{'_'.join(words)}_{digest}"


def _motion(plan: Plan, held: str, folder: epath.Path) -> epath.Path:
    """Where the first stage is that all cells share which read the same of it."""
    depends = plan.first_stage() | {"samples": held}
    return folder / "motion" / _digest(depends)


def _open(plan: Plan, run: Workdir, motion: epath.Path, there: bool) -> Session:
    """A cell's session, claimed by who writes. there: its first stage is."""
    stages = ["classifier"] if there else ["motion", "classifier"]
    session = Session(plan, run, stages)
    if parallel.leads():
        session.claim()
        if there:
            files.copy(motion / "inputs.npy", run.flow)
    return session


def _run(session: Session, motion: epath.Path) -> None:
    """Run a cell; its first stage is in ``motion``, or goes there."""
    session.announce()
    session.run("")
    if parallel.leads():
        inputs, flow = motion / "inputs.npy", session.workdir.flow
        if flow.exists() and not inputs.exists():
            files.copy(flow, inputs)
        session.score()


def _digest(tree: dict) -> str:
    text = json.dumps(tree, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _write(folder: epath.Path, name: str, table: Table, cells: list[Cell]) -> None:
    entries = report.entries(table.reference, cells)
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    text = report.write(place, table.title, table.axis, table.reference, entries)
    if table.audit:
        text = audit.write(place, table.title, cells)
    elif measures.of(entries[0]) is measures.UNITS:
        found = by_unit.lines(cells, published=name == "cd6me")
        text += "\n" + by_unit.write(place, table.title, found)
    print(f"\n{text}\n{place}", flush=True)


def start() -> None:
    """The command."""
    define()
    cli.run(main, pod=True)


if __name__ == "__main__":
    start()
