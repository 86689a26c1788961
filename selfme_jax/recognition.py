"""Recognition: motion, classifier and report of one run under LOSO."""

from collections.abc import Sequence

import numpy as np
from etils import epath

from selfme_jax import (
    build,
    conduct,
    files,
    first_stages,
    results,
    settings,
    workdir,
)
from selfme_jax.data import manifest, protocol
from selfme_jax.evaluate import floors, folds, predictions
from selfme_jax.methods import registry
from selfme_jax.methods.inputs import FLOWS, advice
from selfme_jax.methods.method import Problem
from selfme_jax.report import run as report
from selfme_jax.report import tables
from selfme_jax.report.motion import Picture
from selfme_jax.train import checkpoint, log, parallel
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Dataset, Predictions, Sample, Split, UserError

STAGES = ("motion", "classifier", "report")


class Session:
    """One invocation: what is read, where results go, and the stages asked for."""

    def __init__(self, config, folder: epath.Path, stages: Sequence[str]):
        self.config, self.folder, self.stages = config, folder, stages
        self.dataset: Dataset = build.dataset(config)
        self.samples: tuple[Sample, ...] = self.dataset.samples
        if config.shuffle_labels:
            self.samples = protocol.shuffle_labels(self.samples, config.first_seed)
        self.splits: list[Split] = folds.SPLITS[config.protocol.split](self.samples)
        self.seeds = build.seeds(config)
        self.log = Log(folder)
        self.motion_folder = files.path(config.engine.motion.workdir or folder)
        # Built before anything is written or trained: bad settings fail here.
        if "motion" in stages and config.input != "images":
            self.motion = first_stages.build(config, self.dataset)
        if "classifier" in stages:
            self.method = build.method(config, self.dataset)

    def claim(self) -> None:
        """Take the workdir, and that of the motion where it is another.

        Raises:
          UserError: it was made by another config or from other data.
        """
        classes = self.dataset.classes
        _claim(self.folder, self.config.to_dict(), self.samples, classes)
        if self.motion_folder != self.folder:
            part = first_stages.depends_on(self.config)
            _claim(self.motion_folder, part, self.dataset.samples, classes)

    def announce(self) -> None:
        """The first lines: what was found, on what it runs, where results go."""
        counts = []
        for name in sorted({s.dataset for s in self.samples}):
            labels = [s.label for s in self.samples if s.dataset == name]
            people = len({s.subject for s in self.samples if s.dataset == name})
            shares = ", ".join(
                f"{labels.count(i)} {c}" for i, c in enumerate(self.dataset.classes)
            )
            counts.append(f"{name}: {len(labels)} clips ({shares}), {people} subjects")
        print(
            f"{'; '.join(counts)}; {len(self.splits)} folds x {len(self.seeds)} seed(s)"
            f"\nmethod {self.config.method} on {conduct.INPUTS[self.config.input]}; "
            f"{parallel.describe()}; results in {self.folder}",
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

    def stage(self, name: str) -> Stage:
        """Engine settings of a stage."""
        engine = self.config.engine[name].to_dict()
        convolves = self.config.method in registry.CONVOLUTIONS
        if name == "classifier" and convolves and parallel.on_cpu():
            # Side by side they become grouped convolutions, far slower there.
            engine["runs_per_device"] = 1
        folder, writer = self.folder, self.log
        if files.path(engine.pop("workdir", "") or folder) != folder:
            folder = self.motion_folder
            writer = Log(folder)
        return Stage(name, folder, writer, **engine)

    def inputs(self) -> np.ndarray:
        """[d, n, h, w, c]: the dataset's own images, or what the first stage gives.

        What a classifier reads is kept in flow.npy.
        """
        if self.config.input == "images":
            return self.dataset.images[None]
        path = self.folder / "flow.npy"
        if "motion" in self.stages:
            stage = self.stage("motion")
            inputs = self.motion.fit_transform(
                self.dataset, self.splits, self.seeds[0], stage
            )
            stage.log.close()
            checkpoint.write_array(path, inputs)
            if not parallel.leads():
                return inputs
        elif not path.exists():
            raise UserError(
                f"{self.folder} holds no flow.npy. Run the stage motion as well."
            )
        return files.read_array(path)

    def classify(self, inputs: np.ndarray) -> None:
        """Fit and score the method and the floors: predictions.csv, floors.csv."""
        classes = self.dataset.classes
        labels = np.array([s.label for s in self.samples])
        problem = Problem(inputs, labels, classes, self.splits, self.seeds)
        if self.config.method in registry.POSITIONS and self.config.input in FLOWS:
            read = build.prepare(self.config)(inputs)
            if note := advice(read, scale=self.config.flow.scale):
                print(note, flush=True)
        logits = self.method.fit_predict(problem, self.stage("classifier"))
        if not parallel.leads():
            return
        predictions.write(self.folder / "predictions.csv", self.rows(logits))
        print("floors: majority, random, linear on the same input ...", flush=True)
        read, standardised = build.floor_input(self.config)(inputs), None
        if self.config.input in FLOWS and self.config.flow.standardise:
            standardised = build.floor_input(self.config, standardise=True)(inputs)
        options = self.samples, self.splits, read, classes
        floor = floors.evaluate(*options, standardised=standardised)
        floors.write(self.folder / "floors.csv", floor)

    def rows(self, logits: np.ndarray) -> Predictions:
        """[seeds, n, c] logits -> one row per seed and sample."""
        probs = np.exp(logits - logits.max(-1, keepdims=True))
        probs /= probs.sum(-1, keepdims=True)
        fold = np.empty(len(self.samples), int)
        for split in self.splits:
            fold[split.test] = split.fold
        k = len(self.seeds)
        columns = {
            f: np.tile([getattr(s, f) for s in self.samples], k)
            for f in ("dataset", "subject", "sample", "label")
        }
        return Predictions(
            seed=np.repeat(self.seeds, len(fold)),
            fold=np.tile(fold, k),
            probs=probs.reshape(-1, probs.shape[-1]),
            classes=self.dataset.classes,
            **columns,
        )

    def score(self) -> dict:
        """results.json from the files of the workdir."""
        used = conduct.protocol(self.config, self.dataset, self.samples)
        found = results.assemble(self.folder, self.config.to_dict(), protocol=used)
        workdir.write_json(self.folder / "results.json", found)
        return found

    def report(self, command: str) -> None:
        """results.json, figures and report.html from the files of the workdir."""
        found = self.score()
        rows = log.read(self.folder / "metrics.jsonl")
        if self.motion_folder != self.folder:
            rows = log.read(self.motion_folder / "metrics.jsonl") + rows
        report.write(
            self.folder,
            found,
            title=f"{self.config.method} on {self.config.data.name}",
            command=command,
            metrics=rows,
            pictures=self.pictures(),
        )
        print(f"{tables.text(found)}\n{self.folder / 'report.html'}", flush=True)

    def pictures(self) -> list[Picture]:
        """A clip of each class with the motion that its own fold learned."""
        path = self.folder / "flow.npy"
        if not path.exists() or self.config.input not in FLOWS:
            return []
        flow = files.read_array(path)
        drawn = []
        for label in range(len(self.dataset.classes)):
            ids = [i for i, s in enumerate(self.samples) if s.label == label]
            for i in ids[:1]:
                fold = next(k for k, s in enumerate(self.splits) if i in s.test)
                sample, clip = self.samples[i], self.dataset.clip(i)
                name = self.dataset.classes[label]
                own = flow[fold if len(flow) > 1 else 0, i, ..., :2]
                drawn.append(
                    Picture(
                        f"{sample.person}/{sample.sample}, {name}",
                        motion=-own,  # to where a point goes
                        onset=clip.frames[0],
                        apex=clip.frames[clip.apex],
                    )
                )
        return drawn


def _claim(
    folder: epath.Path,
    config: dict,
    samples: tuple[Sample, ...],
    classes: Sequence[str],
) -> None:
    workdir.check(folder, config, free=settings.FREE_OF_SAMPLES)
    path = folder / "manifest.csv"
    if path.exists() and manifest.read(path, classes=classes) != samples:
        raise UserError(
            f"the data are not those that {folder} was made from ({path}).\n"
            "Choose another --workdir, or delete that one."
        )
    workdir.claim(folder, config, free=settings.FREE_OF_SAMPLES)
    manifest.write(path, samples, classes=classes)
