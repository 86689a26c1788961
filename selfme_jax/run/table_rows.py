"""What the tables of the paper compare: each row as changes of a config.

A row that cannot be had from some data (learned motion of ready-made flow images, say)
has a reason in place of changes.
"""

from collections.abc import Sequence
from typing import NamedTuple

from selfme_jax.report import paper
from selfme_jax.report.audit import VARIANTS
from selfme_jax.report.paper import Scores
from selfme_jax.run.plan import Plan
from selfme_jax.systems.registry import SYSTEMS
from selfme_jax.types import Dataset, FlowDataset, UserError

OMEGAS = (0.0, 0.03, 0.11, 0.3, 1.0)
TAUS = (0.03, 0.07, 0.2, 0.5)
GAMMAS = (1.0, 2.0, 3.0)
OFF = (0, 1, 2, 4, 8)  # frames
# The audit: what lies between a score and what is published as one.
_ORACLE: dict[str, object] = {"protocol.epochs": "oracle_epoch"}
_SHUFFLED: dict[str, object] = {"shuffle_labels": True}
AUDIT = dict(zip(VARIANTS, ({}, _ORACLE, _SHUFFLED, _SHUFFLED | _ORACLE), strict=True))


class Row(NamedTuple):
    """A system or setting.

    changes: dotted keys of the config -> values. paper: its scores by dataset.
    x: its place on a curve. why_not: reason that it cannot be had, or ''.
    """

    name: str
    changes: dict[str, object]
    paper: Scores = {}  # noqa: RUF012 (never changed)
    x: float | None = None
    why_not: str = ""


class Table(NamedTuple):
    """rows, in the order of the paper; reference: the row all are held against.

    axis: what changes along a curve, or ''. whole: made on all datasets together
    alone. audit: systems across, in fours of AUDIT.
    """

    title: str
    rows: tuple[Row, ...]
    reference: str
    axis: str = ""
    whole: bool = False
    audit: bool = False


class Part(NamedTuple):
    """Data that a table is made on: a dataset alone, or all of them together."""

    name: str
    changes: dict[str, object]


def parts(plan: Plan, data: Dataset) -> list[Part]:
    """Each dataset alone, and then all together, where there are several."""
    names = sorted({s.dataset for s in data.samples})
    if len(names) == 1:
        return [Part(names[0], {})]
    alone: dict[str, dict[str, object]] = {}
    for name in names:
        if plan.data == "flow_images":
            alone[name] = {"data.datasets": name}
        else:
            own = {"smic": "smic_hs"}.get(name, name)
            alone[name] = {"data.name": own, "data.root": "", "data.source": ""}
    return [Part(n, c) for n, c in alone.items()] + [Part("all", {})]


def table(name: str, plan: Plan, data: Dataset, systems: Sequence[str] = ()) -> Table:
    """One of TABLES for a config.

    Args:
      systems: of 'protocols': names, or 'all' of flow; () = config.method alone.

    Raises:
      UserError: none of its rows can be had from such data, or an unknown system.
    """
    if name == "protocols" and systems:
        made = _audit(systems)
    else:
        made = TABLES[name](plan, data)
    rows = tuple(_possible(row, data) for row in made.rows)
    able = [row.name for row in rows if not row.why_not]
    if not able:
        raise UserError(
            f"--table={name} learns motion, for which {plan.data} has no "
            "frames. Take a config of clips, such as configs/synthetic.py."
        )
    reference = made.reference if made.reference in able else able[-1]
    return made._replace(rows=rows, reference=reference)


def _possible(row: Row, data: Dataset) -> Row:
    """The row for flow images: TV-L1 flow is what they are."""
    if not isinstance(data, FlowDataset):
        return row
    if row.changes.get("data.key_frames_off"):
        return row._replace(why_not="needs frames, which flow images do not hold")
    given = row.changes.get("input", "images")
    if given in ("tvl1", "images"):
        changes = {k: v for k, v in row.changes.items() if k != "flow.size"}
        return row._replace(changes=changes | {"input": "images"})
    return row._replace(why_not="needs frames, which flow images do not hold")


def _sota(plan: Plan, data: Dataset) -> Table:
    rows = []
    for system in SYSTEMS.values():
        for row in system.rows:
            changes = _system(system.name, row.input)
            if system.whole and not isinstance(data, FlowDataset):
                changes["flow.size"] = min(data.clip(0).frames.shape[1:3])
            rows.append(Row(row.title, changes, dict(row.scores)))
    # SelfME, the last one of the paper's table, is what all are held against.
    rows.sort(key=lambda row: row.name == "SelfME")
    return Table("Comparison of systems", tuple(rows), "SelfME")


def _motion(plan: Plan, data: Dataset) -> Table:
    motions = {
        "TV-L1": "tvl1",
        "B-spline registration": "registered",
        "TCAE's motion": "tcae",
        "SelfME's motion": "learned",
    }
    changes = {
        f"{name} + {classifier}": _system(method, given)
        for name, given in motions.items()
        for classifier, method in (("ViT", "vit"), ("SCViT", "scvit"))
    }
    changes["TCAE + FC"] = _system("tcae", "tcae_features")
    # The paper's in its order; ours, which it has not, before them.
    names = [name for name in changes if name not in paper.MOTION] + list(paper.MOTION)
    rows = [Row(name, changes[name], paper.MOTION.get(name, {})) for name in names]
    return Table("Impact of the learned motion", tuple(rows), rows[-1].name)


def _ablation(plan: Plan, data: Dataset) -> Table:
    rows = []
    for (b, sc, ma), scores in paper.ABLATION.items():
        changes = _system("scvit" if sc else "vit", "learned")
        changes["motion.network.sparse"] = "bspline" if b else "tps"
        changes["flow.gamma"] = plan.flow["gamma"] if ma else 1.0
        marks = ("B" if b else "-", "SC" if sc else "-", "MA" if ma else "-")
        rows.append(Row(" ".join(marks), changes, scores))
    return Table("Ablation", tuple(rows), rows[-1].name)


def _curve(key: str, axis: str, values: tuple[float, ...]) -> Table:
    rows = [
        Row(
            f"{axis} = {value:g}",
            {"method": "scvit", key: value},
            paper.GAMMA.get(value, {}) if axis == "gamma" else {},
            value,
        )
        for value in values
    ]
    best = f"{axis} = {paper.BEST[axis]:g}"
    return Table(f"SelfME by {axis}", tuple(rows), best, axis)


def _protocols(plan: Plan, data: Dataset) -> Table:
    oracle: dict[str, object] = {"protocol.epochs": "oracle_epoch"}
    mean: dict[str, object] = {"protocol.score": "mean_of_folds"}
    shuffled: dict[str, object] = {"shuffle_labels": True}
    rows = [
        Row("pooled, fixed epochs", {}),
        Row("best epoch on the test subject", oracle),
        Row("mean of folds", mean),
        Row("best epoch on the test subject, mean of folds", oracle | mean),
        Row("labels shuffled", shuffled),
        Row("labels shuffled, best epoch on the test subject", shuffled | oracle),
        Row("leave one dataset out", {"protocol.split": "leave_one_dataset_out"}),
    ]
    title = f"What the protocol does to the score of {plan.system.name}"
    return Table(title, tuple(rows), rows[0].name)


def _audit(names: Sequence[str]) -> Table:
    """Each system under AUDIT."""
    flow = [s.name for s in SYSTEMS.values() if not s.reads and "train" in s.settings]
    if list(names) == ["all"]:
        names = flow
    if unknown := [name for name in names if name not in flow]:
        raise UserError(
            f"--systems={','.join(unknown)}: those of flow that are trained in epochs "
            f"are {', '.join(flow)}; all takes each."
        )
    rows = []
    for name in names:
        system = SYSTEMS[name]
        paper = dict(system.rows[0].scores) if system.rows else {}
        for variant, changes in AUDIT.items():
            title = audited(system.title, variant)
            rows.append(Row(title, {"method": name, **changes}, paper))
    title = "What the protocol does to published systems"
    return Table(title, tuple(rows), rows[0].name, audit=True)


def audited(title: str, variant: str) -> str:
    """Name of a row of the audit."""
    return f"{title}: {variant}"


def _units(plan: Plan, data: Dataset, split: str = "") -> Table:
    """Action units by every system of flow that predicts them."""
    changes: dict[str, object] = {"target": "action_units"}
    if split:
        changes["protocol.split"] = split
    rows = []
    for system in SYSTEMS.values():
        if "action_units" in system.targets and not system.reads:
            given = {"method": system.name, **changes}
            rows.append(Row(system.title, given))
    return Table("Action units", tuple(rows), SYSTEMS["scvit"].title)


def _cd6me(plan: Plan, data: Dataset) -> Table:
    """The same, each dataset by what the others trained.

    Raises:
      UserError: a single dataset.
    """
    names = sorted({s.dataset for s in data.samples})
    if len(names) < 2:
        raise UserError(
            f"--table=cd6me tests on each dataset what the others trained; {plan.data} "
            f"is {names[0]} alone. Take several, such as --config=cd6me, or "
            "--table=action_units."
        )
    made = _units(plan, data, "leave_one_dataset_out")
    title = f"Action units, leave one dataset out ({len(names)} of MEB's 6)"
    return made._replace(title=title, whole=True)


def _key_frames(plan: Plan, data: Dataset) -> Table:
    """Motions from onsets and apexes that are wrong by up to so many frames."""
    motions = {
        "TV-L1": "tvl1",
        "B-spline registration": "registered",
        "SelfME's motion": "learned",
    }
    rows = [
        Row(
            f"{name} off by up to {most}" if most else f"{name} as annotated",
            {"method": plan.system.name, "input": given, "data.key_frames_off": most},
        )
        for name, given in motions.items()
        for most in OFF
    ]
    title = f"{plan.system.title} where onset and apex are wrong"
    return Table(title, tuple(rows), rows[len(OFF)].name)


def _system(method: str, given: str) -> dict[str, object]:
    return {"method": method, "input": given}


TABLES = {
    "sota": _sota,
    "motion": _motion,
    "ablation": _ablation,
    "omega": lambda plan, data: _curve("scvit.loss.omega", "omega", OMEGAS),
    "tau": lambda plan, data: _curve("scvit.loss.tau", "tau", TAUS),
    "gamma": lambda plan, data: _curve("flow.gamma", "gamma", GAMMAS),
    "protocols": _protocols,
    "key_frames": _key_frames,
    "action_units": _units,
    "cd6me": _cd6me,
}
