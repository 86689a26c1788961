"""Once more on everybody: the same recipe, and nobody held out."""

import numpy as np
from etils import epath

from selfme_jax import files, first_stages
from selfme_jax.exporting.model import Model
from selfme_jax.exporting.trained import Trained, restore, stage_folder
from selfme_jax.methods.method import Problem
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import FlowDataset, Split


def refit(run: Trained, seed: int) -> Model:
    """Motion (where each fold had its own) and classifier, trained on all samples.

    Kept in <workdir>/refit, where it resumes. A motion network that all folds shared
    is taken as it is. The recipe is that of the folds: as many steps, the same draws.

    Raises:
      UserError: a seed that the run does not have, or checkpoints that do not fit.
    """
    run.check(seed)
    found = run.empty()
    template = found.template()
    everybody = np.arange(len(run.samples))
    # What it says of the samples it was trained on is not kept.
    splits = [Split(-1, "nobody", everybody, everybody)]
    folder = run.folder / "refit"
    folder.mkdir(exist_ok=True)
    log = Log(folder)
    variables = {}
    if isinstance(run.dataset, FlowDataset):
        read = run.dataset.images[None]
    else:
        read, variables = _motion(run, splits, folder, log, template)
    name = f"classifier_seed{seed}"
    labels = np.array([s.label for s in run.samples])
    problem = Problem(read, labels, run.dataset.classes, splits, (seed,))
    engine = run.config.engine.classifier.to_dict()
    run.method.fit_predict(problem, Stage(name, folder, log, **engine))
    log.close()
    variables["classifier"] = restore(
        stage_folder(folder, name),
        steps=run.steps(),
        run=0,
        runs=1,
        template=template["classifier"],
    )
    return found._replace(variables=variables)


def _motion(
    run: Trained, splits, folder: epath.Path, log: Log, template: dict
) -> tuple:
    """What a classifier reads of all clips, [1, n, ...], and the network it is by."""
    learned, scope = run.config.input == "learned", run.config.motion.scope
    if not learned or scope != "per_fold":
        flow = files.read_array(run.folder / "flow.npy")
        variables = {"motion": run.motion(0, template["motion"])} if learned else {}
        return flow, variables
    motion = first_stages.build(run.config, run.dataset)._replace(scope="all_subjects")
    engine = run.config.engine.motion.to_dict()
    del engine["workdir"]
    stage = Stage("motion", folder, log, **engine)
    flow = motion.fit_transform(run.dataset, splits, run.seeds[0], stage)
    variables = restore(
        stage_folder(folder, "motion"),
        steps=run.config.motion.train.steps,
        run=0,
        runs=1,
        template=template["motion"],
    )
    return flow, {"motion": variables}
