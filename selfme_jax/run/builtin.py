"""Making the built-in model: from procedural fields to weights and a model card."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from etils import epath

from selfme_jax import files, workdir
from selfme_jax.data.synthetic import expressions, flow_fields
from selfme_jax.data.synthetic.expressions import Mixture
from selfme_jax.run import build, builtin_card
from selfme_jax.run.plan import FREE_OF_SAMPLES, Plan
from selfme_jax.systems import committee, committee_making
from selfme_jax.systems.committee import KINDS
from selfme_jax.systems.committee_making import Lesson
from selfme_jax.train import parallel
from selfme_jax.train.log import Progress
from selfme_jax.types import UserError, images_of
from selfme_jax.workdir import Workdir

_BATCH = 1000  # fields drawn at once
_HELD_OUT = 1_000_000  # the stream of fields that no network is trained on
_AGAIN = "Delete it: the same command makes it again."


class Session:
    """One invocation: what is made, and on which real clips it is scored.

    Every network is kept as soon as it is trained; the same command goes on from there.
    """

    def __init__(self, plan: Plan, run: Workdir, stages: Sequence[str]):
        self.plan, self.workdir = plan, run
        if not {"classifier", "report"} <= set(stages):
            raise UserError(
                "the built-in model is made in one go: leave --stages as it is."
            )
        self.making: Mapping[str, Any] = plan.settings["builtin"]["making"]
        # Read before anything is trained: bad folders fail here.
        given = plan.settings["data"]["root"]
        self.real = images_of(build.dataset(plan)) if given else None

    def folders(self) -> list[epath.Path]:
        """Those that are written to."""
        return [self.workdir.folder]

    def claim(self) -> None:
        """Take the workdir.

        Raises:
          UserError: it was made by another config.
        """
        self.workdir.claim(self.plan.settings, free=FREE_OF_SAMPLES)

    def announce(self) -> None:
        """The first lines: what is made, on what it runs, where it goes."""
        seeds, fields = self.making["seeds"], self.making["fields"]
        real = f"{len(self.real.samples)} clips" if self.real else "none"
        print(
            f"built-in model: {', '.join(KINDS)} x {seeds} seed(s), {fields} flow "
            f"fields each, no person; real clips to score it on: {real}\n"
            f"{parallel.describe()}; results in {self.workdir.folder}",
            flush=True,
        )

    def run(self, command: str) -> None:
        """Networks, calibration, scores, files."""
        networks: dict[str, list] = {kind: [] for kind in KINDS}
        total = self.making["seeds"] * len(KINDS) * self.making["steps"]
        progress = Progress("training", total)
        for seed in range(self.making["seeds"]):
            for kind, own in self._networks(seed, progress).items():
                networks[kind].append(own)
        stacked = committee_making.assemble(networks)
        held_out = self._draw(_HELD_OUT, self.making["held_out"])
        print("calibrating on fields that no network has seen ...", flush=True)
        made = committee_making.calibrated(stacked, held_out)
        content = committee.dump(made)
        files.write(self.workdir.builtin, content)
        card = builtin_card.card(
            self.plan, made, held_out, self.real, content, command=command
        )
        workdir.write_json(self.workdir.builtin_card, card)
        text = builtin_card.text(card)
        files.write(self.workdir.builtin_page, text)
        print(f"{text}\n{self.workdir.builtin}", flush=True)

    def _networks(self, seed: int, progress: Progress) -> dict[str, Any]:
        """By kind: kept ones, or trained on the fields of this seed."""
        stream, steps = self.plan.settings["first_seed"] + seed, self.making["steps"]
        found: dict[str, Any] = {}
        lesson: Lesson | None = None
        for number, kind in enumerate(KINDS):
            place = self.workdir.network(f"{kind}-{seed}")
            before = (seed * len(KINDS) + number) * steps
            if place.exists():
                content = files.read_bytes(place, _AGAIN)
                found[kind] = committee.restore_network(content, kind, place)
                progress(before + steps, f"{kind} {seed} was there", kept=True)
                continue
            if lesson is None:
                lesson = self._draw(stream, self.making["fields"])
            say = partial(_told, progress, before, f"{kind} {seed}")
            found[kind] = committee_making.train(
                kind, lesson, steps=steps, seed=stream, tell=say
            )
            place.parent.mkdir(parents=True, exist_ok=True)
            files.write(place, committee.dump_network(found[kind]))
        return found

    def _draw(self, stream: int, count: int) -> Lesson:
        """``count`` fields of a stream; they depend on it and the mixture alone."""
        mixture = expressions.mixture(
            flat=self.making["flat"], sharpness=self.making["sharpness"]
        )
        progress, parts = Progress(f"drawing fields, stream {stream}", count), []
        for step, start in enumerate(range(0, count, _BATCH)):
            size = min(_BATCH, count - start)
            parts.append(_lesson(stream, step, size, mixture))
            progress(start + size, "")
        return Lesson(*(np.concatenate(x) for x in zip(*parts, strict=True)))


def _told(
    progress: Progress,
    before: int,
    name: str,
    what: str,
    done: int,
    total: int,
    where: str,
) -> None:
    del what, total
    progress(before + done, f"{name}, {where}")


def _lesson(stream: int, step: int, count: int, mixture: Mixture) -> Lesson:
    spread = flow_fields.Spread()
    drawn = flow_fields.draw(stream, step, count, mixture=mixture, spread=spread)
    units = [mixture.units.index(unit) for unit in committee.UNITS]
    return Lesson(
        drawn.images, drawn.classes, drawn.units[:, units], drawn.sides[:, units]
    )
