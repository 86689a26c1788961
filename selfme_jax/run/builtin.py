"""Making the built-in model: from procedural fields to weights and a model card."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from selfme_jax import files, workdir
from selfme_jax.data.synthetic import expressions, flow_fields, rendered_pairs
from selfme_jax.data.synthetic.expressions import Mixture
from selfme_jax.data.synthetic.flow_fields import Fields
from selfme_jax.data.synthetic.rendered_pairs import Pairs
from selfme_jax.inputs import published
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
# Pairs of photographs: pixels of a frame, and how many times as often as a field each
# is trained on. Our choice, by scores on CASME II (development).
_FRAME, _TIMES = 128, 6
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
                fields = self._draw(stream, self.making["fields"])
                lesson = _joined([fields, *[self.photographed] * _TIMES])
            say = functools.partial(_told, progress, before, f"{kind} {seed}")
            found[kind] = committee_making.train(
                kind, lesson, steps=steps, seed=stream, tell=say
            )
            place.parent.mkdir(parents=True, exist_ok=True)
            files.write(place, committee.dump_network(found[kind]))
        return found

    @property
    def mixture(self) -> Mixture:
        """What is drawn from."""
        flat, sharpness = self.making["flat"], self.making["sharpness"]
        return expressions.mixture(flat=flat, sharpness=sharpness)

    @functools.cached_property
    def photographed(self) -> Lesson:
        """Rendered pairs, read as the built-in model reads frames; for all seeds."""
        count, parts = self.making["rendered"], []
        progress = Progress("photographing faces and reading their motion", count)
        for step, start in enumerate(range(0, count, rendered_pairs.PAIRS)):
            pairs = rendered_pairs.draw(
                self.plan.settings["first_seed"],
                step,
                mixture=self.mixture,
                spread=flow_fields.Spread(),
                size=_FRAME,
                window=published.FRAME,
            )
            read = published.as_published(published.motions(pairs.onset, pairs.apex))
            images = np.asarray(read).astype(np.uint8)
            parts.append(_lesson(self.mixture, images, pairs))
            progress(min(start + rendered_pairs.PAIRS, count), "")
        return Lesson(*(x[:count] for x in _joined(parts)))

    def _draw(self, stream: int, count: int) -> Lesson:
        """``count`` fields of a stream; they depend on it and the mixture alone."""
        mixture = self.mixture
        progress, parts = Progress(f"drawing fields, stream {stream}", count), []
        for step, start in enumerate(range(0, count, _BATCH)):
            size = min(_BATCH, count - start)
            spread = flow_fields.Spread()
            drawn = flow_fields.draw(stream, step, size, mixture=mixture, spread=spread)
            parts.append(_lesson(mixture, drawn.images, drawn))
            progress(start + size, "")
        return _joined(parts)


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


def _lesson(mixture: Mixture, images: np.ndarray, drawn: Fields | Pairs) -> Lesson:
    """Images of what was drawn, with the units of the committee alone."""
    ids = [mixture.units.index(unit) for unit in committee.UNITS]
    return Lesson(images, drawn.classes, drawn.units[:, ids], drawn.sides[:, ids])


def _joined(parts: Sequence[Lesson]) -> Lesson:
    return Lesson(*(np.concatenate(x) for x in zip(*parts, strict=True)))
