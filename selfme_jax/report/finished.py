"""What a finished run left in its workdir, read and checked."""

from typing import Any

from selfme_jax import workdir
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir

# Of the protocol of a run: what stands beside its score.
PROTOCOL = (
    *("name", "score", "epoch_rule", "motion_scope", "motion_init", "motion_seeds"),
    *("pretrained_weights", "labels_shuffled", "saw_test_subject", "imitation"),
    "partial",
)


def results(run: Workdir) -> dict[str, Any]:
    """results.json of a workdir.

    Raises:
        UserError: it is missing, torn, or not that of a finished recognition run.
    """
    path = run.results
    remedy = "Write it again with --stages=report."
    found = workdir.read_if_there(path)
    if found is None:
        raise UserError(f"{run.folder} holds no finished run: no {path.name} is there.")
    protocol = found.get("protocol")
    known = protocol if isinstance(protocol, dict) else {}
    absent = [key for key in PROTOCOL if key not in known]
    if absent:
        raise UserError(f"{path} has no protocol.{absent[0]}. {remedy}")
    return found
