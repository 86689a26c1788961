"""Recognition: first stage, classifier and report of one run under LOSO."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from etils import epath

from selfme_jax import files, workdir
from selfme_jax.data import manifest, protocol
from selfme_jax.evaluate import floors, folds, predictions
from selfme_jax.inputs import flow_reading
from selfme_jax.report import run as report
from selfme_jax.report import tables
from selfme_jax.report.motion import Picture
from selfme_jax.run import build, made_from, pretrained, provenance
from selfme_jax.run.plan import FREE_OF_SAMPLES, Plan
from selfme_jax.systems.base import Problem
from selfme_jax.train import checkpoint, log, parallel, variables
from selfme_jax.train.log import Log, Teller
from selfme_jax.train.loop import Stage
from selfme_jax.types import (
    Dataset,
    Predictions,
    Sample,
    Split,
    UserError,
    frames_of,
    images_of,
)
from selfme_jax.workdir import Workdir

STAGES = ("motion", "classifier", "report")


class Session:
    """One invocation: what is read, where results go, and the stages asked for."""

    def __init__(self, plan: Plan, run: Workdir, stages: Sequence[str]):
        self.plan, self.workdir, self.stages = plan, run, stages
        self.dataset: Dataset = build.dataset(plan)
        self.samples: tuple[Sample, ...] = self.dataset.samples
        if plan.shuffle_labels:
            first = plan.settings["first_seed"]
            self.samples = protocol.shuffle_labels(self.samples, first)
        used = plan.protocol
        self.splits: list[Split] = folds.split(self.samples, used.split, used.test)
        self.target = build.target(plan, self.dataset)
        folds.check(self.splits, self.target.labels(self.samples))
        self.log = Log(run)
        shared = plan.motion_workdir
        self.motion_workdir = workdir.open_workdir(shared) if shared else run
        # Built before anything is written or trained: bad settings fail here.
        if {"motion", "classifier"} & set(stages) and plan.input.of_clips:
            frame = frames_of(self.dataset).clip(0).frames.shape[1:]
            self.first_stage = build.first_stage(plan, frame, run)
        if "classifier" in stages:
            self.method = build.method(plan, self.dataset)

    def folders(self) -> list[epath.Path]:
        """Those that are written to."""
        both = (self.workdir.folder, self.motion_workdir.folder)
        return list(dict.fromkeys(both))

    def claim(self) -> None:
        """Take the workdir, and that of the first stage where it is another.

        Raises:
          UserError: it was made by another config or from other data.
        """
        classes = self.dataset.classes
        self.workdir.check(self.plan.settings, free=FREE_OF_SAMPLES)
        _same_samples(self.workdir, self.samples, classes)
        if self.plan.input.of_clips:
            self.motion_workdir.claim_motion(self.motion_depends())
        self.workdir.claim(self.plan.settings, free=FREE_OF_SAMPLES)
        if self.plan.init and self.plan.input.starts:
            source = pretrained.found(self.plan.init, self.workdir)
            pretrained.adopt(source, self.workdir)
        manifest.write(self.workdir.manifest, self.samples, classes=classes)

    def motion_depends(self) -> dict[str, Any]:
        """What the first stage gives depends on, but for a network it starts from."""
        return made_from.first_stage(self.plan, self.dataset)

    def depends(self) -> dict[str, Any]:
        """What the predictions depend on, as far as no array has to be read for it."""
        return made_from.classifier(self.plan, self.samples, self.dataset.classes)

    def classifier_depends(self, inputs: np.ndarray) -> dict[str, Any]:
        """All that the predictions depend on."""
        return self.depends() | {
            "inputs": files.digest(inputs),
            "weights": provenance.weights_used(self.plan),
        }

    def announce(self) -> None:
        """The first lines: what was found, on what it runs, where results go."""
        counts = []
        for name in sorted({s.dataset for s in self.samples}):
            own = [s for s in self.samples if s.dataset == name]
            people = len({s.subject for s in own})
            said = self.target.announce(own)
            counts.append(f"{name}: {len(own)} clips ({said}), {people} subjects")
        seeds = f"{len(self.plan.seeds)} seed(s)"
        if self.plan.input.learns:
            seeds += f", {len(self.plan.motion_seeds)} of the motion"
        held = f"{len(self.splits)} folds"
        if self.plan.protocol.split == "hold_out":
            held = f"tested on {self.splits[0].held_out} alone"
        print(
            f"{'; '.join(counts)}; {held} x {seeds}"
            f"\nmethod {self.plan.system.name} on {self.plan.input.words}; "
            f"{parallel.describe()}; results in {self.workdir.folder}",
            flush=True,
        )

    def run(self, command: str) -> None:
        """The stages asked for, in order; ``command`` makes the whole run again."""
        if "motion" in self.stages or "classifier" in self.stages:
            inputs = self.inputs()
        if "classifier" in self.stages:
            self.classify(inputs)
        if "report" in self.stages and parallel.leads():
            self.report(command)
        self.log.close()

    def inputs(self) -> np.ndarray:
        """[d, n, h, w, c]: the dataset's own images, or what the first stage gives.

        What a classifier reads is kept in the workdir.
        """
        if not self.plan.input.of_clips:
            return images_of(self.dataset).images[None]
        path = self.workdir.flow
        start = getattr(self.first_stage, "start", None)
        depends = self.motion_depends() | {"start": variables.digest(start)}
        if "motion" in self.stages:
            writer = self.log
            if self.motion_workdir != self.workdir:
                writer = Log(self.motion_workdir)
            options = self.plan.engine("motion")
            stage = Stage(
                "motion", self.motion_workdir, writer, depends=depends, **options
            )
            inputs = self.first_stage.fit_transform(
                frames_of(self.dataset), self.splits, self.plan.motion_seeds, stage
            )
            writer.close()
            checkpoint.write_array(path, inputs, depends)
            return inputs
        elif not path.exists():
            raise UserError(
                f"{self.workdir.folder} holds no {path.name}. Run the stage motion as "
                "well."
            )
        return files.read_array(
            path, depends=depends, remedy="Run the stage motion as well."
        )

    def classify(self, inputs: np.ndarray) -> None:
        """Fit and score the method and the floors."""
        plan = self.plan
        labels = self.target.labels(self.samples)
        several = self.motion_copies(inputs)
        problem = Problem(
            inputs,
            labels,
            self.target,
            self.splits,
            plan.seeds,
            motion_seeds=several,
            people=tuple(s.person for s in self.samples),
        )
        if plan.system.positional and plan.input.is_flow:
            read = build.prepare(plan)(inputs)
            if note := flow_reading.advice(read, scale=plan.flow["scale"]):
                print(note, flush=True)
        depends = self.classifier_depends(inputs)
        stage = Stage(
            "classifier",
            self.workdir,
            self.log,
            one_by_one=plan.system.convolutional,
            depends=depends,
            **plan.engine("classifier"),
        )
        logits = self.method.fit_predict(problem, stage)
        if not parallel.leads():
            return
        rows = self.target.table(logits, self.samples, self.splits, plan.seeds)
        predictions.write(self.workdir.predictions, rows)
        print("floors: the same folds without a network ...", flush=True)
        floors.write(self.workdir.floors, self.floors(inputs, several))
        made_from.write(self.workdir, depends)

    def motion_copies(self, inputs: np.ndarray) -> int:
        """How many motion seeds ``inputs`` [d, ...] hold: d is that, or times folds."""
        return len(self.plan.motion_seeds) if len(inputs) > 1 else 1

    def floors(self, inputs: np.ndarray, several: int) -> dict[str, Predictions]:
        """Predictions of the floors; what reads the input, once a motion seed."""
        tell = Teller()
        found: list[dict[str, Predictions]] = []
        for copies in np.split(inputs, several):
            read = self.plan.input.floor(self.plan.flow)(copies)
            standardised = None
            if self.plan.input.is_flow and self.plan.flow["standardise"]:
                scaled: Callable = self.plan.input.floor(
                    self.plan.flow, standardise=True
                )
                standardised = scaled(copies)
            options = self.samples, self.splits, read
            made = self.target.floors(*options, standardised=standardised, tell=tell)
            number = len(found)
            found.append({k: p._replace(seed=p.seed + number) for k, p in made.items()})
        return {name: predictions.joined([f[name] for f in found]) for name in found[0]}

    def score(self) -> dict:
        """results.json from the files of the workdir.

        Raises:
          UserError: predictions are missing (the classifier stage has not finished), or
            are not those that it wrote.
        """
        path = self.workdir.predictions
        if not path.exists():
            raise UserError(
                f"{self.workdir.folder} holds no {path.name}. Run the stages "
                "motion,classifier."
            )
        made_from.check(self.workdir, self.depends())
        used = provenance.protocol(self.plan, self.workdir, self.dataset, self.samples)
        scores = self.target.summarise(
            predictions.read(path),
            floors.read(self.workdir.floors),
            resamples=self.plan.bootstrap,
            rule=used["score"],
        )
        origin = provenance.origin(self.workdir, self.plan.settings)
        found = {**scores, "protocol": used, "provenance": origin}
        workdir.write_json(self.workdir.results, found)
        return found

    def report(self, command: str) -> None:
        """results.json, figures and report.html from the files of the workdir."""
        found = self.score()
        rows = log.read(self.workdir.metrics)
        if self.motion_workdir != self.workdir:
            rows = log.read(self.motion_workdir.metrics) + rows
        report.write(
            self.workdir,
            found,
            title=f"{self.plan.system.name} on {self.plan.data}",
            command=command,
            metrics=rows,
            pictures=self.pictures(),
        )
        print(f"{tables.text(found)}\n{self.workdir.report}", flush=True)

    def pictures(self) -> list[Picture]:
        """A clip of each class with the motion that its own fold learned."""
        path = self.workdir.flow
        if not path.exists() or not self.plan.input.is_flow:
            return []
        flow = files.read_array(path)
        if files.digest(flow) != made_from.read(self.workdir).get("inputs"):
            raise UserError(
                f"{path} is not what the predictions were made from.\nRun the stages "
                "motion,classifier,report."
            )
        per_fold = len(flow) // self.motion_copies(flow) > 1
        drawn, tested = [], folds.tested(self.splits)
        for label, name in enumerate(self.dataset.classes):
            ids = [i for i in tested if self.samples[i].label == label]
            for i in ids[:1]:
                fold = next(k for k, s in enumerate(self.splits) if i in s.test)
                sample, clip = self.samples[i], frames_of(self.dataset).clip(i)
                own = flow[fold if per_fold else 0, i, ..., :2]
                drawn.append(
                    Picture(
                        f"{sample.person}/{sample.sample}, {name}",
                        motion=-own,  # to where a point goes
                        onset=clip.frames[0],
                        apex=clip.frames[clip.apex],
                    )
                )
        return drawn


def _same_samples(
    run: Workdir, samples: tuple[Sample, ...], classes: Sequence[str]
) -> None:
    path = run.manifest
    if path.exists() and manifest.read(path, classes=classes) != samples:
        raise UserError(
            f"the data are not those that {run.folder} was made from ({path}).\n"
            "Choose another --workdir, or delete that one."
        )
