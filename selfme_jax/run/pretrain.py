"""Pretraining: motion learned from frames without labels, scored on held-out pairs."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import jax
import numpy as np
from etils import epath

from selfme_jax import workdir
from selfme_jax.data import manifest
from selfme_jax.data.pairs import prefetch
from selfme_jax.inputs.device_clips import to_float
from selfme_jax.inputs.motion_learning import MotionLearning
from selfme_jax.motion import quality
from selfme_jax.report import pretraining as report
from selfme_jax.report.reconstruction import Picture, picture
from selfme_jax.run import build, pretrained, provenance
from selfme_jax.run.plan import FREE, Plan, without
from selfme_jax.train import log, parallel
from selfme_jax.train import variables as names
from selfme_jax.train.log import Log
from selfme_jax.train.loop import Stage
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir

AHEAD = 4  # batches loaded ahead
SCORED = 64  # held-out pairs of each gap, spread evenly
DRAWN = 2  # of them, for each gap


class Session:
    """One invocation: the frames, and where the network goes."""

    def __init__(self, plan: Plan, run: Workdir, stages: Sequence[str]):
        self.plan, self.workdir, self.stages = plan, run, stages
        if plan.input.of_clips and not plan.input.starts:
            raise UserError(
                f"config.input={plan.input.name}: pretraining is of SelfME's motion. "
                "Set --config.input=learned."
            )
        self.pairs = build.pairs(plan)
        self.clips = self.pairs.frames.clips
        self.log = Log(run)
        size = self.pairs.frames.size
        # What starts from a network is MotionLearning.
        self.motion = cast(
            MotionLearning, build.first_stage(plan, (size, size, 3), run)
        )

    def folders(self) -> list[epath.Path]:
        """Those that are written to."""
        return [self.workdir.folder]

    def claim(self) -> None:
        """Take the workdir.

        Raises:
          UserError: it was made by another config or from other frames.
        """
        self.workdir.claim(self.plan.settings, free=FREE)
        if self.plan.init:
            source = pretrained.found(self.plan.init, self.workdir)
            pretrained.adopt(source, self.workdir)
        path = self.workdir.clips
        table = {"clips": [list(clip) for clip in self.clips]}
        if path.exists() and workdir.read_json(path) != table:
            raise UserError(
                f"the clips are not those that {self.workdir.folder} was made from "
                f"({path}).\n"
                "Choose another --workdir, or delete that one."
            )
        workdir.write_json(path, table)
        if self.plan.data != "video":  # people of a labelled dataset
            data = build.dataset(self.plan)
            manifest.write(self.workdir.manifest, data.samples, classes=data.classes)

    def announce(self) -> None:
        """The first lines: what was found, on what it runs, where results go."""
        frames = sum(clip.count for clip in self.clips)
        size = self.pairs.frames.size
        what = "pretraining motion"
        if self.as_it_is:
            what = f"motion of {self.plan.init} as it is, not trained"
        print(
            f"{self.plan.data}: {len(self.clips)} clips, {frames} frames of "
            f"{size}x{size}, the last {self.options['holdout']:.0%} of each "
            f"clip held out\n{what}; {parallel.describe()}; results in "
            f"{self.workdir.folder}",
            flush=True,
        )

    def run(self, command: str) -> None:
        """Train, or take what was trained as it is; report on the held-out pairs.

        Raises:
          UserError: the stage motion is not asked for.
        """
        if self.as_it_is:
            variables = self.motion.start
        elif "motion" not in self.stages:
            raise UserError(
                "pretraining needs the stage motion: what is trained is not redone. "
                "Add it to --stages."
            )
        else:
            variables = self.motion.pretrain(
                self.batches, self.plan.motion_seeds[0], self.stage()
            )
        if "report" in self.stages and parallel.leads():
            self.report(variables, command)
        self.log.close()

    def stage(self) -> Stage:
        """Engine settings, and what the network is made from."""
        settings = without(self.plan.settings, (*FREE, "start"))
        table = json.dumps([list(clip) for clip in self.clips])
        depends = {
            **settings,
            "clips": hashlib.sha256(table.encode()).hexdigest(),
            "start": names.digest(self.motion.start),
        }
        options = self.plan.engine("motion")
        return Stage("motion", self.workdir, self.log, depends=depends, **options)

    @property
    def as_it_is(self) -> bool:
        """Whether the network of config.motion.init is scored, and nothing trained."""
        return self.plan.scope == "pretrained"

    @property
    def options(self) -> Mapping[str, Any]:
        """Of the pairs."""
        return self.plan.settings["pretraining"]

    def batches(self, start: int, stop: int):
        """(source, driving) of each step, loaded ahead in threads."""
        for _, batch in prefetch(self.pairs.batch, start, stop, AHEAD):
            yield batch

    def report(self, variables: Any, command: str) -> None:
        """results.json, figures and report.html."""
        scores, pictures = {}, []
        for gap in self.options["gaps"]:
            pairs = self.pairs.held_out(gap)
            if not pairs:
                print(f"no held-out pair has a gap of {gap} frames", flush=True)
                continue
            ids = np.linspace(0, len(pairs) - 1, min(len(pairs), SCORED)).astype(int)
            table, drawn = self.score([pairs[i] for i in ids], variables)
            scores[str(gap)] = {"pairs": len(ids), **table}
            pictures += [p._replace(title=f"gap {gap}, {p.title}") for p in drawn]
        found = {
            "reconstruction": scores,
            "trained": not self.as_it_is,
            "clips": len(self.clips),
            "frames": sum(clip.count for clip in self.clips),
            "parameters": sum(x.size for x in jax.tree.leaves(variables)),
            "provenance": provenance.origin(self.workdir, self.plan.settings),
        }
        workdir.write_json(self.workdir.results, found)
        rows = log.read(self.workdir.metrics)
        report.write(
            self.workdir, found, command=command, metrics=rows, pictures=pictures
        )
        print(f"{report.text(found)}\n{self.workdir.report}", flush=True)

    def score(
        self, pairs: Sequence[tuple[int, int]], variables: Any
    ) -> tuple[dict[str, float], list[Picture]]:
        """Mean distances over pairs of frame indices, and pictures of some."""
        read = jax.jit(
            lambda v, *pair: quality.reconstruct(self.motion.network, v, *pair)
        )
        rows, drawn = [], []
        shown = {len(pairs) * (2 * i + 1) // (2 * DRAWN) for i in range(DRAWN)}
        for i, pair in enumerate(pairs):
            source, driving = (to_float(self.pairs.frames.frame(k))[None] for k in pair)
            row, output = read(variables, source, driving)
            rows.append([float(x[0]) for x in row])
            if i in shown:
                drawn.append(picture(self.name(pair[0]), source, driving, output))
        means = np.mean(rows, axis=0)
        names = quality.Reconstruction._fields
        return dict(zip(names, map(float, means), strict=True)), drawn

    def name(self, index: int) -> str:
        """'clip 12': where a frame comes from."""
        for clip in self.clips:
            if clip.start <= index < clip.start + clip.count:
                return f"{clip.name}, frame {index - clip.start}"
        raise IndexError(index)
