"""Train and score a method under LOSO: motion, classifier and report in one command.

    python -m selfme_jax.main --config=configs/synthetic.py

Running it again on the same workdir resumes. The README lists what it writes there.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import flags
from ml_collections import config_flags

from selfme_jax import build, cli, results, workdir
from selfme_jax.data import manifest
from selfme_jax.evaluate import floors, folds, predictions
from selfme_jax.methods.method import Problem
from selfme_jax.report import run as report
from selfme_jax.report import tables
from selfme_jax.report.motion import Picture
from selfme_jax.train import log, parallel
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import Dataset, Predictions, Split, UserError

STAGES = ("motion", "classifier", "report")

_CONFIG = config_flags.DEFINE_config_file(
    "config", None, "Config file, e.g. configs/synthetic.py.", lock_config=True
)
_WORKDIR = flags.DEFINE_string("workdir", None, "Default: runs/<config name>.")
_STAGES = flags.DEFINE_list(
    "stages", list(STAGES), f"Any of {','.join(STAGES)}; the others are left out."
)


class Session:
    """One invocation: what is read, where results go, and the stages asked for."""

    def __init__(self, config, folder: Path, stages: Sequence[str]):
        self.config, self.folder, self.stages = config, folder, stages
        self.dataset: Dataset = build.dataset(config)
        self.samples = self.dataset.samples
        self.splits: list[Split] = folds.loso(self.samples)
        self.seeds = build.seeds(config)
        self.log = Log(folder)
        # Built before anything is written or trained: bad settings fail here.
        if "motion" in stages and config.input == "learned":
            self.motion = build.motion(config, self.dataset)
        if "classifier" in stages:
            self.method = build.method(config, self.dataset)

    def claim(self) -> None:
        """Take the workdir.

        Raises:
          UserError: it was made by another config or from other data.
        """
        workdir.claim(self.folder, self.config.to_dict(), free=build.FREE)
        path = self.folder / "manifest.csv"
        if path.exists() and manifest.read(path) != self.samples:
            raise UserError(
                f"the data are not those that {self.folder} was made from ({path}).\n"
                "Choose another --workdir, or delete that one."
            )
        manifest.write(path, self.samples)

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
            f"\nmethod {self.config.method} on {self.config.input} flow; "
            f"{parallel.describe()}; results in {self.folder}",
            flush=True,
        )

    def stage(self, name: str) -> Stage:
        """Engine settings of a stage."""
        return Stage(name, self.folder, self.log, **self.config.engine[name])

    def flow(self) -> np.ndarray:
        """[d, n, h, w, 3]: the dataset's own images, or learned per fold.

        Learned flow is kept in flow.npy, so that classifying again costs seconds.
        """
        if self.config.input == "images":
            return self.dataset.images[None]
        path = self.folder / "flow.npy"
        if not path.exists():
            if "motion" not in self.stages:
                raise UserError(
                    f"{self.folder} holds no flow.npy. Run the stage motion as well."
                )
            flow = self.motion.fit_flow(
                self.dataset, self.splits, self.seeds[0], self.stage("motion")
            )
            workdir.write_array(path, flow)
        return np.load(path)

    def classify(self, flow: np.ndarray) -> None:
        """Fit and score the method and the floors: predictions.csv, floors.csv."""
        classes = self.dataset.classes
        labels = np.array([s.label for s in self.samples])
        problem = Problem(flow, labels, classes, self.splits, self.seeds)
        logits = self.method.fit_predict(problem, self.stage("classifier"))
        predictions.write(self.folder / "predictions.csv", self.rows(logits))
        print("floors: majority, random, linear on the same input ...", flush=True)
        inputs = build.floor_input(self.config)(flow)
        floor = floors.evaluate(self.samples, self.splits, inputs, classes)
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

    def report(self) -> None:
        """results.json, figures and report.html from the files of the workdir."""
        config = self.config.to_dict()
        found = results.assemble(self.folder, config, protocol=self.protocol())
        workdir.write_json(self.folder / "results.json", found)
        report.write(
            self.folder,
            found,
            title=f"{self.config.method} on {self.config.data.name}",
            command=_command(),
            metrics=log.read(self.folder / "metrics.jsonl"),
            pictures=self.pictures(),
        )
        print(f"{tables.text(found)}\n{self.folder / 'report.html'}", flush=True)

    def pictures(self) -> list[Picture]:
        """A clip of each class with the motion that its own fold learned."""
        path = self.folder / "flow.npy"
        if not path.exists():
            return []
        flow = np.load(path, mmap_mode="r")
        drawn = []
        for label in range(len(self.dataset.classes)):
            ids = [i for i, s in enumerate(self.samples) if s.label == label]
            for i in ids[:1]:
                fold = next(k for k, s in enumerate(self.splits) if i in s.test)
                sample, clip = self.samples[i], self.dataset.clip(i)
                name = self.dataset.classes[label]
                drawn.append(
                    Picture(
                        f"{sample.person}/{sample.sample}, {name}",
                        motion=-flow[fold, i, ..., :2],  # to where a point goes
                        onset=clip.frames[0],
                        apex=clip.frames[clip.apex],
                    )
                )
        return drawn

    def protocol(self) -> dict:
        """How the score came about, printed beside it."""
        names = {s.dataset for s in self.samples}
        learned = self.config.input == "learned"
        trained = not (self.config.method == "ststnet" and self.config.ststnet.weights)
        return {
            "name": "LOSO" if len(names) == 1 else "composite LOSO",
            "epoch_rule": "fixed" if trained else "published weights, not trained here",
            "motion_scope": "per_fold" if learned else "none (given flow images)",
            "saw_test_subject": False,
        }


def main() -> None:
    """The stages asked for, in order."""
    config = build.resolve(cli.config(_CONFIG))
    if not _STAGES.value or not set(_STAGES.value) <= set(STAGES):
        given = ",".join(_STAGES.value)
        raise UserError(f"--stages={given}: give one or more of {', '.join(STAGES)}.")
    name = Path(config_flags.get_config_filename(flags.FLAGS["config"])).stem
    folder = Path(_WORKDIR.value or Path("runs") / name)
    session = Session(config, folder, _STAGES.value)
    session.claim()
    session.announce()
    if "motion" in session.stages or "classifier" in session.stages:
        flow = session.flow()
    if "classifier" in session.stages:
        session.classify(flow)
    if "report" in session.stages:
        session.report()
    session.log.close()


def _command() -> str:
    """What makes the whole run again, whichever stages this one was asked for."""
    flag = flags.FLAGS["config"]
    words = ["python", "-m", "selfme_jax.main"]
    words.append(f"--config={config_flags.get_config_filename(flag)}")
    for key, value in config_flags.get_override_values(flag).items():
        words.append(f"--config.{key}={value}")
    if _WORKDIR.value:
        words.append(f"--workdir={_WORKDIR.value}")
    return shlex.join(words)


if __name__ == "__main__":
    cli.run(main)
