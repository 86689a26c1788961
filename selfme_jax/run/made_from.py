"""What the predictions of a run were made from, and that they still are these."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from selfme_jax import files, workdir
from selfme_jax.data import manifest
from selfme_jax.files import differences
from selfme_jax.run.plan import Plan
from selfme_jax.types import Dataset, Sample, UserError
from selfme_jax.workdir import Workdir

_AGAIN = "Run it again: --stages=classifier,report."
_MOST = 2**31  # bytes of a table


def first_stage(plan: Plan, dataset: Dataset) -> dict[str, Any]:
    """What the first stage gives depends on, but for a network it starts from."""
    digest = manifest.digest(dataset.samples, classes=dataset.classes)
    return {**plan.first_stage(), "samples": digest}


def classifier(
    plan: Plan, samples: Sequence[Sample], classes: Sequence[str]
) -> dict[str, Any]:
    """What predictions depend on, as far as no array has to be read for it."""
    digest = manifest.digest(samples, classes=classes)
    return {"config": plan.classifier(), "samples": digest}


def write(run: Workdir, depends: Mapping[str, Any]) -> None:
    """Note beside what was written what it was made from."""
    workdir.write_json(run.classifier, {"made_from": depends, "sha256": _sums(run)})


def read(run: Workdir) -> dict[str, Any]:
    """What the predictions here were made from; {} where nobody noted it.

    Raises:
      UserError: the note is damaged.
    """
    return _note(run)["made_from"]


def check(run: Workdir, depends: Mapping[str, Any]) -> None:
    """That the tables are what the stage classifier wrote, and of this run.

    Args:
      depends: some of what they must have been made from.

    Raises:
      UserError: a table is another one, or was made from something else.
    """
    note = _note(run)
    for name, digest in _sums(run).items():
        if note["sha256"].get(name) != digest:
            raise UserError(
                f"{run.folder / name} is not what the stage classifier wrote.\n{_AGAIN}"
            )
    then = {k: note["made_from"].get(k) for k in depends}
    if lines := differences.words(then, dict(depends)):
        raise UserError(
            f"the predictions in {run.folder} were made from something else "
            f"({'; '.join(lines)}).\nChoose another --workdir, or run the stages again."
        )


def _note(run: Workdir) -> dict[str, dict[str, Any]]:
    found = workdir.read_if_there(run.classifier) or {}
    parts = {key: found.get(key, {}) for key in ("made_from", "sha256")}
    if not all(isinstance(part, dict) for part in parts.values()):
        raise UserError(f"{run.classifier} is damaged.\n{_AGAIN}")
    return parts


def _sums(run: Workdir) -> dict[str, str]:
    """Hashes of the files that scores come from."""
    found = {}
    for path in (run.predictions, run.floors):
        content = files.read_bytes(path, _AGAIN, most=_MOST)
        found[path.name] = hashlib.sha256(content).hexdigest()
    return found
