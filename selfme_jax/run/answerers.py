"""What answers, by name: the built-in model, an exported network, that of a run."""

import os
from pathlib import Path

from selfme_jax import files, workdir
from selfme_jax.inference import bundle
from selfme_jax.inference.network_answers import NetworkAnswers
from selfme_jax.inference.predictor import Predictor
from selfme_jax.run import config
from selfme_jax.run.trained import Trained
from selfme_jax.types import UserError

BUILTIN = "builtin"


def load(given: str, *, fold: str = "", seed: int | None = None) -> Predictor:
    """What ``--model`` names.

    Args:
      given: 'builtin', the folder of an export (safetensors), or a workdir.
      fold: of a workdir, whose networks that never met this person.
      seed: of a workdir; None = its first.

    Raises:
      UserError: nothing of the kind there.
    """
    if given == BUILTIN:
        from selfme_jax.inference import answering

        return Predictor(answering.load(BUILTIN), BUILTIN)
    folder = Path(given).expanduser()
    if not folder.is_dir() and not files.remote(given):
        raise UserError(
            f"--model={given}: no such folder. Give {BUILTIN}, the folder of an export "
            "(--format=safetensors), or the workdir of a finished run."
        )
    if not files.remote(given) and (folder / bundle.SUMS).exists():
        return bundle.load(folder).predictor(os.path.basename(os.path.abspath(folder)))
    run = workdir.open_workdir(given)
    if not run.config.exists():
        raise UserError(
            f"--model={given} is neither an export (no {bundle.SUMS}) nor the workdir "
            f"of a run (no {run.config.name})."
        )
    return _of_run(
        Trained(run, config.restored(workdir.read_json(run.config))), fold, seed
    )


def _of_run(run: Trained, fold: str, seed: int | None) -> Predictor:
    people = [split.held_out for split in run.splits]
    if not fold:
        raise UserError(
            f"{run.workdir.folder} has networks of {len(people)} folds. Choose one by "
            f"--fold=PERSON (the first is {people[0]}), or export one that met "
            "everybody: python -m selfme_jax.export --refit --format=safetensors"
        )
    seed = run.seeds[0] if seed is None else seed
    made = run.fold(fold, seed)
    found = workdir.read_json(run.workdir.results)
    scores = [f"{k.upper()} {found[k]:.3f}" for k in ("uf1", "uar") if k in found]
    said = (
        f"Answered by the networks of {run.workdir.folder} (fold {fold}, seed {seed}). "
        f"The recipe has {' and '.join(scores)} on held-out people of "
        f"{', '.join(found['datasets'])}; on other people and cameras nobody knows."
    )
    card = {
        "words": [said],
        "scores": found["datasets"],
    }
    return Predictor(NetworkAnswers(made, card), str(run.workdir.folder))
