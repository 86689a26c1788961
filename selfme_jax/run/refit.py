"""Once more on everybody: the same recipe, and nobody held out."""

import numpy as np

from selfme_jax import files
from selfme_jax.inference.model import Model
from selfme_jax.inputs import learning
from selfme_jax.inputs.motion_learning import MotionLearning
from selfme_jax.run import build, made_from
from selfme_jax.run.trained import Made, Trained, restore
from selfme_jax.systems import base
from selfme_jax.systems.base import Problem
from selfme_jax.train import variables as names
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Split, frames_of, images_of


def refit(run: Trained, seed: int) -> Model:
    """Motion (where each fold had its own) and classifier, trained on all samples.

    Kept in the workdir, where it resumes. A motion network that all folds shared is
    taken as it is. The recipe is that of the folds: as many steps, the same draws.

    Raises:
      UserError: a seed that the run does not have, or checkpoints that do not fit.
    """
    run.check(seed)
    found = run.empty()
    template = found.template()
    everybody = np.arange(len(run.samples))
    # What it says of the samples it was trained on is not kept.
    splits = [Split(-1, "nobody", everybody, everybody)]
    place = run.workdir.refit
    place.folder.mkdir(exist_ok=True)
    log = Log(place)
    read, variables = _motion(run, splits, seed, log, template)
    name = f"classifier_seed{seed}"
    labels = run.target.labels(run.samples)
    problem = Problem(read, labels, run.target, splits, (seed,))
    engine = run.plan.engine("classifier")
    depends = made_from.read(run.workdir) | {"inputs": files.digest(read)}
    stage = Stage(name, place, log, depends=depends, **engine)
    run.method.fit_predict(problem, stage)
    log.close()
    runs = base.training_runs(problem, balance=run.method.training.balance)
    variables["classifier"] = restore(
        place.checkpoints(name),
        made=Made(name, run.steps(), *runs, depends),
        run=0,
        template=template["classifier"],
    )
    return found._replace(variables=variables)


def _motion(
    run: Trained, splits: list[Split], seed: int, log: Log, template: dict
) -> tuple[np.ndarray, dict]:
    """What a classifier reads of all clips, [1, n, ...], and the network it is by."""
    plan = run.plan
    if not plan.input.of_clips:
        return images_of(run.dataset).images[None], {}
    number = run.seeds.index(seed) % len(plan.motion_seeds)
    if not plan.input.learns or plan.scope != "per_fold":
        flow = files.read_array(run.workdir.flow)
        variables = {}
        if plan.input.learns:
            variables["motion"] = run.motion(0, seed, template["motion"])
        return flow[number if len(flow) > 1 else 0][None], variables
    frame = frames_of(run.dataset).clip(0).frames.shape[1:]
    motion = build.first_stage(plan, frame, run.workdir)
    assert isinstance(
        motion, MotionLearning
    )  # of what can be exported, all that learns
    motion = motion._replace(scope="all_subjects")
    motion_seed = plan.motion_seeds[number]
    name = "motion" if len(plan.motion_seeds) == 1 else f"motion_seed{motion_seed}"
    place = run.workdir.refit
    depends = run.motion_depends() | {"start": names.digest(motion.start)}
    stage = Stage(name, place, log, depends=depends, **plan.engine("motion"))
    seeds, scope = (motion_seed,), motion.scope
    flow = motion.fit_transform(frames_of(run.dataset), splits, seeds, stage)
    runs = learning.runs(len(run.samples), splits, seeds, scope=scope)
    variables = restore(
        place.checkpoints(name),
        made=Made(name, plan.motion["train"]["steps"], *runs, depends),
        run=0,
        template=template["motion"],
    )
    return flow, {"motion": variables}
