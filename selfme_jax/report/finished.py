"""What a finished run left in its workdir, read and checked."""

import json
from typing import Any

from etils import epath

from selfme_jax import files
from selfme_jax.types import UserError

# Of the protocol of a run: what stands beside its score.
PROTOCOL = (
    *("name", "score", "epoch_rule", "motion_scope", "motion_init", "motion_seeds"),
    *("pretrained_weights", "labels_shuffled", "saw_test_subject", "imitation"),
    "partial",
)


def results(folder: epath.Path) -> dict[str, Any]:
    """results.json of a workdir.

    Raises:
        UserError: it is missing, torn, or not that of a finished recognition run.
    """
    path = folder / "results.json"
    remedy = "Write it again with --stages=report."
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise UserError(
            f"{folder} holds no finished run: {path.name}: {files.reason(error)}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is not readable JSON ({files.reason(error)[:200]}). {remedy}"
        ) from error
    protocol = found.get("protocol") if isinstance(found, dict) else None
    known = protocol if isinstance(protocol, dict) else {}
    absent = [key for key in PROTOCOL if key not in known]
    if absent:
        raise UserError(f"{path} has no protocol.{absent[0]}. {remedy}")
    return found
