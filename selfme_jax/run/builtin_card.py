"""The model card of a built-in model: what it is, how it scores, what it cannot do."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfme_jax.data import action_unit_labels
from selfme_jax.evaluate import folds, loso, units
from selfme_jax.run import provenance
from selfme_jax.run.plan import Plan
from selfme_jax.systems import committee, committee_making
from selfme_jax.systems.builtin import Untrained
from selfme_jax.systems.committee import ALL, KINDS, Committee
from selfme_jax.systems.committee_making import Lesson
from selfme_jax.targets.action_units import ActionUnits
from selfme_jax.targets.base import Target
from selfme_jax.targets.classes import Classes
from selfme_jax.types import FlowDataset, Sample

LIMITS = (
    "It reads how a face moved between two frames, not what anybody feels; the classes "
    "are how annotators of published datasets sorted such movements.",
    "Its scores are of frontal faces of adults in a laboratory, filmed at 100 to 200 "
    "frames/s; for other cameras, ages, poses and talk nothing is measured.",
    "Some AUs are found poorly: hold the F1 of each below against what you need.",
    "How often its fields show which AUs, and of which class, follows counts of the "
    "sheets of CASME II, SAMM, CAS(ME)^3 and DFME: that helps on clips of these sets.",
    "Whoever chose its settings looked at CASME II; SMIC-HS was looked at before as "
    "well. Neither was trained on.",
    "Not for decisions about persons.",
)


def card(
    plan: Plan,
    made: Committee,
    held_out: Lesson,
    real: FlowDataset | None,
    content: bytes,
    *,
    command: str,
) -> dict[str, Any]:
    """JSON-ready; ``text`` says the same.

    Args:
        plan: of the making. made: what came of it, ``content`` as a file.
        held_out: fields that decisions were fitted on.
        real: flow images that it is scored on as it is, or None.
        command: that makes it again.
    """
    making = dict(plan.settings["builtin"]["making"])
    return {
        "name": "builtin",
        "made_by": command,
        "data": "procedural flow fields and faces; no person, no clip, no network of "
        "others",
        "classes": list(committee.CLASSES),
        "units": list(committee.UNITS),
        "sure": making["sure"],
        "making": making,
        "parameters": _count(made),
        "held_out": _held_out(made, held_out, making["sure"]),
        "real": _real(made, real, plan.bootstrap, making["sure"]) if real else {},
        "limits": list(LIMITS),
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "versions": provenance.versions(),
    }


def _count(made: Committee) -> dict[str, int]:
    """Numbers in one network of each kind."""
    from jax import tree

    return {
        kind: sum(x.size // len(x) for x in tree.leaves(params))
        for kind, params in made.networks.items()
    }


def _held_out(made: Committee, lesson: Lesson, sure: float) -> dict[str, Any]:
    """On procedural fields: of the classes that the AUs make likeliest, and of AUs."""
    logits = committee.predict(made.networks, lesson.images)
    counts = lesson.classes.any(1)
    found = {}
    for name, own in logits.items():
        probs, _, noted = committee.decide(made.decisions[name], own)
        right = probs.argmax(1) == lesson.classes.argmax(1)
        hits = (noted & (lesson.units > 0)).sum(0)
        f1 = 2 * hits / np.maximum(noted.sum(0) + lesson.units.sum(0), 1)
        found[name] = {
            "accuracy": float(right[counts].mean()),
            "mean_f1": float(f1.mean()),
            **committee_making.reliability(probs[counts], right[counts], sure=sure),
        }
    return found


def _real(
    made: Committee, data: FlowDataset, resamples: int, sure: float
) -> dict[str, Any]:
    found = {}
    for name in sorted({s.dataset for s in data.samples}):
        ids = [i for i, s in enumerate(data.samples) if s.dataset == name]
        samples = [data.samples[i] for i in ids]
        logits = committee.predict(made.networks, data.images[ids])
        own: dict[str, Any] = {"n": len(ids)}
        own["subjects"] = len({s.subject for s in samples})
        for member in (ALL, *KINDS):
            own[member] = _member(
                made, member, samples, logits[member], resamples, sure
            )
        found[name] = own
    return found


def _member(
    made: Committee,
    member: str,
    samples: Sequence[Sample],
    logits: np.ndarray,
    resamples: int,
    sure: float,
) -> dict[str, Any]:
    """Scores of a committee or a kind on the clips of one dataset."""

    def rows(target: Target) -> Any:
        scores = Untrained(made, member, target).adjust(logits)
        return target.table(scores[None], samples, folds.loso(samples), (0,))

    classes = rows(Classes(committee.CLASSES))
    whole = loso.summarise(classes, resamples=resamples)
    keys = ("uf1", "uar", "ci95", "accuracy", "per_class_f1", "confusion")
    found = {key: whole[key] for key in keys}
    right = classes.pred == classes.label
    found |= committee_making.reliability(classes.probs, right, sure=sure)
    if all(action_unit_labels.annotated(s.aus) for s in samples):
        whole = units.summarise(rows(ActionUnits(committee.UNITS)), resamples=resamples)
        of_units = ("mean_f1", "mean_auc", "ci95", "aus")
        found["action_units"] = {key: whole[key] for key in of_units}
    return found


def text(found: Mapping[str, Any]) -> str:
    """Markdown of a card."""
    lines = [
        "# Built-in model",
        "",
        f"Data: {found['data']}. Classes: {', '.join(found['classes'])}; action units: "
        f"{', '.join(map(str, found['units']))}.",
        "",
        f"Made by `{found['made_by']}`.",
        "",
        f"Weights: {found['bytes'] / 1e6:.2f} MB, SHA-256 `{found['sha256']}`. Numbers "
        "in one network: "
        + ", ".join(f"{k} {v:,}" for k, v in found["parameters"].items())
        + f"; {found['making']['seeds']} of each.",
        "",
    ]
    for name, own in found["real"].items():
        lines += [*_of_dataset(name, own), ""]
    if not found["real"]:
        lines += ["No real clips were given (--config.data.root=DIR).", ""]
    lines += ["Limits:", ""] + [f"- {line}" for line in found["limits"]]
    return "\n".join(lines) + "\n"


def _of_dataset(name: str, own: Mapping[str, Any]) -> list[str]:
    lines = [
        f"## {name}, as it is: {own['n']} clips, {own['subjects']} subjects",
        "",
        "| | UF1 | UAR | ECE | wrong of all / 80 % / 50 % surest | mean F1 of AUs |",
        "|---|---|---|---|---|---|",
    ]
    for member in (ALL, *KINDS):
        row = own[member]
        risk = " / ".join(f"{row['risk'][k]:.2f}" for k in ("100", "80", "50"))
        aus = "-"
        if "action_units" in row:
            scores = row["action_units"]
            aus = _with(scores["mean_f1"], scores["ci95"]["mean_f1"])
        lines.append(
            f"| {member} | {_with(row['uf1'], row['ci95']['uf1'])} | "
            f"{_with(row['uar'], row['ci95']['uar'])} | {row['ece']:.3f} | {risk} | "
            f"{aus} |"
        )
    whole = own[ALL]
    lines += [
        "",
        f"'Not sure' is said of {1 - whole['answered']:.0%}; of the other answers "
        f"{whole['risk_answered']:.0%} are wrong. F1 by class: "
        + ", ".join(
            f"{c} {f:.2f}"
            for c, f in zip(committee.CLASSES, whole["per_class_f1"], strict=True)
        )
        + ".",
    ]
    if "action_units" in whole:
        aus = whole["action_units"]["aus"].items()
        lines[-1] += (
            " F1 by AU (clips that show it): "
            + ", ".join(f"{unit} {x['f1']:.2f} ({x['n']})" for unit, x in aus)
            + "."
        )
    return lines


def _with(value: float, span: Sequence[float]) -> str:
    return f"{value:.3f} ({span[0]:.2f}-{span[1]:.2f})"
