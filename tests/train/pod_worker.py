"""One worker of a pod that trains toy runs: python pod_worker.py FOLDER."""

import os
import sys
from pathlib import Path

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))
import toy

from selfme_jax.train import parallel, pod
from selfme_jax.train.log import Log
from selfme_jax.types import UserError
from selfme_jax.workdir import open_workdir


def refuse(number):
    """Bad input that one process alone meets."""
    if jax.process_index() == number:
        raise UserError(f"no file in {'x' * number}")


def agreed(function):
    """What all of them say of it."""
    try:
        parallel.lead(function)
    except parallel.AgreedError as error:
        return str(error)


def main(folder):
    """Several runs, one run, and what another number of devices began."""
    member = pod.join(os.environ)
    found = {}
    for name, runs, options in (
        ("several", slice(None), {"runs_per_device": 2, "at_once": 2}),
        ("one", slice(3, 4), {}),
        ("begun", slice(None), {"runs_per_device": 1}),
    ):
        place = folder / name
        if jax.process_index() == 0:
            place.mkdir(exist_ok=True)
        log = Log(open_workdir(place))
        found[name] = toy.fit(place, log, runs, **options)
        log.close()
    leaves = {
        f"{name}{jax.tree_util.keystr(path)}": leaf
        for name, tree in found.items()
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    }
    said = [agreed(lambda k=k: refuse(k)) for k in range(member.place.size)]
    leaves["agreed"] = np.array(said)
    leaves["decided"] = np.array(parallel.decide(member.place.number == 0))
    np.savez(folder / f"worker{jax.process_index()}.npz", **leaves)
    member.finish()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
