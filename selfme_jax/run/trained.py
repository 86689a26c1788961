"""What a finished run trained: its people, and the networks of any of its folds."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from selfme_jax import workdir
from selfme_jax.data import manifest, protocol
from selfme_jax.evaluate import folds, predictions
from selfme_jax.inference import model
from selfme_jax.inference.model import Model
from selfme_jax.inputs import learning
from selfme_jax.run import build, made_from, pretrained
from selfme_jax.run.plan import Plan
from selfme_jax.systems import base, deep
from selfme_jax.systems.base import Problem
from selfme_jax.systems.builtin import BUILTIN
from selfme_jax.train import schedule, variables
from selfme_jax.train.checkpoint import Checkpoints
from selfme_jax.train.state import Run
from selfme_jax.types import UserError, frames_of, images_of
from selfme_jax.workdir import Workdir


class Made(NamedTuple):
    """How the checkpoints of a stage were made: none else is taken for one of them.

    stage, steps: as they were trained. runs, names: all of them, as the engine had
    them. depends: what else they depend on (``loop.Stage``).
    """

    stage: str
    steps: int
    runs: Run
    names: list[str]
    depends: Mapping[str, Any]


class Trained:
    """A recognition run, all stages of it.

    Raises:
      UserError: no finished run, nothing trained in it, or other data than it saw.
    """

    def __init__(self, run: Workdir, plan: Plan):
        self.workdir, self.plan = run, plan
        _refuse(run, plan)
        self.dataset = build.dataset(plan)
        self.samples = self.dataset.samples
        if plan.shuffle_labels:
            first = plan.settings["first_seed"]
            self.samples = protocol.shuffle_labels(self.samples, first)
        path, classes = run.manifest, self.dataset.classes
        if manifest.read(path, classes=classes) != self.samples:
            raise UserError(
                f"the data are not those that {run.folder} was made from ({path}).\n"
                "Give it its data back; their place is in its config.json."
            )
        self.target = build.target(plan, self.dataset)
        made_from.check(run, made_from.classifier(plan, self.samples, classes))
        used = plan.protocol
        self.splits = folds.split(self.samples, used.split, used.test)
        self.seeds = plan.seeds
        method = build.method(plan, self.dataset)
        if not isinstance(method, deep.Deep) or not plan.input.arguments:
            own = f"method {plan.system.name} on {plan.input.name}"
            advice = ""
            if plan.settings["start"] or plan.system is BUILTIN:
                own += " and the built-in model"
                advice = "\nThe built-in model itself is --model=builtin of predict."
            raise UserError(
                f"{run.folder} trained no network that export knows: {own}.{advice}"
            )
        self.method = method
        shared = plan.motion_workdir
        self.motion_workdir = workdir.open_workdir(shared) if shared else run

    def empty(self) -> Model:
        """The model that the run trained, without its arrays.

        Raises:
          UserError: it is not what the run trained (such as networks that start from
            photographs and read flow as one).
        """
        if self.plan.input.of_clips:
            shape = frames_of(self.dataset).clip(0).frames.shape[1:]
        else:
            shape = images_of(self.dataset).images.shape[1:]
        # Synthetic clips are faces already.
        synthetic = "frame" if self.plan.data == "synthetic" else ""
        detector = getattr(self.dataset, "detector", synthetic)
        described = model.describe(
            self.plan.settings, self.target, shape, detector=detector
        )
        found = model.build(described)
        if not _alike(found.classifier, self.method):
            raise UserError(
                f"{self.workdir.folder} trained {self.plan.system.name} from other "
                "weights or on other inputs than its description says; export does not "
                "know these."
            )
        return found

    def fold(self, held_out: str, seed: int) -> Model:
        """The networks that never met ``held_out`` (the classifier's, by ``seed``).

        Raises:
          UserError: nobody of that name, another seed, or checkpoints that do not fit.
        """
        self.check(seed)
        number, count = self.number(held_out), len(self.splits)
        found = self.empty()
        template = found.template()
        restored = {
            "classifier": restore(
                self.workdir.checkpoints("classifier"),
                made=self._classifiers(),
                run=self.seeds.index(seed) * count + number,
                template=template["classifier"],
            )
        }
        if found.network is not None:
            restored["motion"] = self.motion(number, seed, template["motion"])
        return found._replace(variables=restored)

    def number(self, held_out: str) -> int:
        """Of the fold that held somebody out.

        Raises:
          UserError: none did.
        """
        people = [split.held_out for split in self.splits]
        if held_out not in people:
            raise UserError(
                f"--fold={held_out}: nobody of that name was held out. There are "
                f"{', '.join(people)}."
            )
        return people.index(held_out)

    def motion(self, number: int, seed: int, template: Any) -> dict:
        """Variables of the motion network that fold ``number`` of ``seed`` read by."""
        plan = self.plan
        if plan.scope == "pretrained":
            return self._start(template)
        each = len(self.splits) if plan.scope == "per_fold" else 1
        several = len(plan.motion_seeds)
        first = self.seeds.index(seed) % several * each
        runs, names = learning.runs(
            len(self.samples), self.splits, plan.motion_seeds, scope=plan.scope
        )
        start = self._start(template) if plan.init else None
        depends = self.motion_depends() | {"start": variables.digest(start)}
        steps = plan.motion["train"]["steps"]
        return restore(
            self.motion_workdir.checkpoints("motion"),
            made=Made("motion", steps, runs, names, depends),
            run=first + (number if each > 1 else 0),
            template=template,
        )

    def motion_depends(self) -> dict[str, Any]:
        """What the first stage gives depends on, but for a network it starts from."""
        return made_from.first_stage(self.plan, self.dataset)

    def _start(self, template: Any) -> dict:
        """Variables of the motion network that the run started from."""
        source = pretrained.found(self.plan.init, self.workdir)
        return pretrained.load(source, self.plan.motion["network"], template).variables

    def _classifiers(self) -> "Made":
        """How its classifiers were trained."""
        plan, labels = self.plan, self.target.labels(self.samples)
        several = len(plan.motion_seeds) if plan.scope != "pretrained" else 1
        copies = several * (len(self.splits) if plan.scope == "per_fold" else 1)
        if not plan.input.learns:
            copies = several = 1
        problem = Problem(
            np.empty((copies, 0)),  # nothing of them is asked but how many there are
            labels,
            self.target,
            self.splits,
            self.seeds,
            motion_seeds=several if copies > 1 else 1,
        )
        balance = self.method.training.balance
        runs, names = base.training_runs(problem, balance=balance)
        depends = made_from.read(self.workdir)
        return Made("classifier", self.steps(), runs, names, depends)

    def right(self, held_out: str, seed: int) -> str:
        """'5 of 6': clips of a fold that its very classifier got right."""
        rows = predictions.read(self.workdir.predictions)
        mine = (rows.fold == self.number(held_out)) & (rows.seed == seed)
        right = np.reshape(rows.label == rows.pred, (len(mine), -1))
        hits = np.all(right, axis=-1)
        return f"{hits[mine].sum()} of {mine.sum()}"

    def check(self, seed: int) -> None:
        """Refuse a seed that the run does not have."""
        if seed not in self.seeds:
            raise UserError(
                f"--seed={seed}: the run has {', '.join(map(str, self.seeds))}."
            )

    def steps(self) -> int:
        """Updates of its classifiers."""
        return deep.duration(self.method.training, len(self.samples))


def restore(place: epath.Path, *, made: Made, run: int, template: Any) -> dict:
    """Variables of one run of a stage, host arrays.

    Several runs share a checkpoint, on a leading axis.

    Args:
      place: folder of the stage's checkpoints. made: how they were.
      run: number of the run.
      template: arrays or shapes of one run.

    Raises:
      UserError: not trained to the end, unreadable, other arrays (a diff), or made
        from something else.
    """
    count = len(made.names)
    sizes = schedule.read(place) or _equal(place, made.steps, count)
    if sum(sizes) != count:
        raise UserError(
            f"{place} holds checkpoints of {sum(sizes)} run(s), not of {count}. Finish "
            "the run: the same command resumes."
        )
    number = int(np.searchsorted(np.cumsum(sizes), run, side="right"))
    index = run - sum(sizes[:number])
    part = schedule.split(made.runs, made.names, sizes, 1)[number]
    depends = schedule.made_from(
        part, stage=made.stage, steps=made.steps, depends=made.depends
    )
    chunk = place / f"{number:04d}"
    found = variables.flatten(_read(chunk, made.steps, depends))
    wanted = {
        name: np.empty((sizes[number], *x.shape), x.dtype)
        for name, x in variables.flatten(template).items()
    }
    variables.check(chunk / str(made.steps), found, wanted)
    return variables.unflatten({k: np.asarray(x[index]) for k, x in found.items()})


def _equal(place: epath.Path, steps: int, runs: int) -> list[int]:
    """Sizes of chunks that are all alike, where no sizes were written down."""
    folders = [p for p in place.iterdir() if p.is_dir()] if place.is_dir() else []
    first = variables.flatten(_read(place / "0000", steps))
    size = np.shape(next(iter(first.values()), 0))[:1] or (1,)
    whole = [size[0]] * len(folders)
    return [*whole[:-1], runs - sum(whole[:-1])] if sum(whole) >= runs else whole


def _read(chunk: epath.Path, steps: int, depends: Mapping | None = None) -> Any:
    if not (chunk / str(steps)).is_dir():
        raise UserError(
            f"{chunk} is not trained to its end (step {steps}). Finish the run: the "
            "same command resumes."
        )
    try:
        with Checkpoints(chunk, depends) as store:
            return store.restore(steps)
    except UserError:  # it says what to do already
        raise
    except Exception as error:  # whatever lies there, it is no checkpoint of ours
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise UserError(
            f"{chunk / str(steps)} is no checkpoint that can be read: {reason[0]}\n"
            "It was damaged; delete it and finish the run."
        ) from error


def _alike(mine: deep.Deep, theirs: deep.Deep) -> bool:
    """Whether two classifiers are the same network and read the same."""
    sample = np.random.default_rng(0).normal(size=(1, 1, 8, 8, 3)).astype(np.float32)
    one, other = (np.asarray(made.prepare(sample)) for made in (mine, theirs))
    return mine.module == theirs.module and np.array_equal(one, other)


def _refuse(run: Workdir, plan: Plan) -> None:
    if plan.task != "recognition":
        raise UserError(
            f"{run.folder} holds a pretraining run: motion without a classifier. "
            "Export a recognition run that starts from it (--config.motion.init)."
        )
    if plan.protocol.epochs != "fixed":
        raise UserError(
            f"{run.folder} chose its epochs on the test subjects: no such network is "
            "exported. Train with --config.protocol.epochs=fixed."
        )
    if not run.results.exists():
        raise UserError(
            f"{run.folder} holds no {run.results.name}. Finish the run: the same "
            "command resumes."
        )
