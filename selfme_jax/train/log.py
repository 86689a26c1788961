"""What a run tells: lines for a person, metrics.jsonl and TensorBoard events."""

import json
import tempfile
import time
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from etils import epath

from selfme_jax import files
from selfme_jax.workdir import Workdir

# A person wants a sign of life, not a flood.
_SECONDS_BETWEEN_LINES = 1.0
_KEYS = {"stage", "chunk", "step"}  # of every row


def read(path: epath.Path) -> list[dict]:
    """Rows of a metrics.jsonl; a last line torn by a kill is dropped.

    Raises:
      UserError: it holds something else.
    """
    if not path.exists():
        return []
    remedy = "Delete it: nothing but the curves of training is lost."
    lines = files.read_text(path, remedy).split("\n")
    rows = []
    with files.reading(path, remedy):
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                if number == len(lines):  # the end of the last line is missing, or ""
                    break
                raise ValueError(f"line {number} is no row of metrics") from None
            if not isinstance(row, dict) or not row.keys() >= _KEYS:
                raise ValueError(f"line {number} is no row of metrics")
            if not all(isinstance(row[k], int | float | str) for k in row):
                raise ValueError(f"line {number} holds other values than numbers")
            rows.append(row)
    return rows


def duration(seconds: float) -> str:
    """'1:02:03' or '2:03'."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02d}:{seconds:02d}"
    return f"{hours}:{clock}" if hours else clock


class Log:
    """Writer of metrics and progress of one workdir.

    Objects of a bucket cannot be added to: there it writes on this machine, and
    ``flush`` copies.
    """

    def __init__(self, run: Workdir):
        self._run = run
        self._writers: dict[str, _Events] = {}
        self._since = time.monotonic()

    @cached_property
    def _scratch(self) -> tempfile.TemporaryDirectory | None:
        return tempfile.TemporaryDirectory() if files.remote(self._run.folder) else None

    @property
    def _here(self) -> Workdir:
        """The workdir, or where it is written until it is copied."""
        scratch = self._scratch
        return Workdir(epath.Path(scratch.name)) if scratch else self._run

    def start(self) -> None:
        """Restart the clock of ``seconds``: the time each row took."""
        self._since = time.monotonic()

    def rewind(self, stage: str, chunk: int, step: int) -> None:
        """Forget rows after ``step`` of a chunk: they will be written again."""
        self.flush()
        rows = read(self._run.metrics)
        later = [
            (r["stage"], r["chunk"]) == (stage, chunk) and r["step"] > step
            for r in rows
        ]
        kept = [r for r, drop in zip(rows, later, strict=True) if not drop]
        lines = "".join(json.dumps(r) + "\n" for r in kept)
        files.write(self._here.metrics, lines)

    def metrics(
        self, stage: str, chunk: int, step: int, values: Mapping[str, np.ndarray]
    ) -> None:
        """Append a row for each of some steps, and TensorBoard scalars.

        Args:
          stage, chunk: what is trained.
          step: number of the first of the steps.
          values: metrics by name, [steps] each.
        """
        now = time.monotonic()
        count = len(next(iter(values.values())))
        seconds, self._since = round((now - self._since) / count, 4), now
        name = f"{stage}_{chunk:04d}"
        if name not in self._writers:
            self._writers[name] = _Events(self._here.events / name)
        lines = []
        for i in range(count):
            row = {"stage": stage, "chunk": chunk, "step": step + i, "seconds": seconds}
            scalars = {k: float(v[i]) for k, v in values.items()}
            lines.append(json.dumps(row | scalars) + "\n")
            self._writers[name].add(scalars, step + i)
        with self._here.metrics.open("a") as file:
            file.write("".join(lines))

    def flush(self) -> None:
        """Copy what was written to the bucket, if the workdir is in one."""
        if not self._writers or not self._scratch:
            return
        for writer in self._writers.values():
            writer.flush()
        for path in files.below(self._here.folder):
            target = self._run.folder / path.relative_to(self._here.folder)
            target.write_bytes(path.read_bytes())

    def close(self) -> None:
        """Flush the event files."""
        self.flush()
        for writer in self._writers.values():
            writer.close()


class _Events:
    """Scalars for TensorBoard; its package is imported when there are some."""

    def __init__(self, folder: epath.Path):
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._writer = EventFileWriter(str(folder))
        self.flush, self.close = self._writer.flush, self._writer.close

    def add(self, scalars: Mapping[str, float], step: int) -> None:
        """The scalars of a step."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        values = [Summary.Value(tag=k, simple_value=v) for k, v in scalars.items()]
        summary = Summary(value=values)
        self._writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))


class Progress:
    """Lines with elapsed time and ETA for a known amount of work."""

    def __init__(self, title: str, total: int):
        self._title, self._total = title, total
        self._begin = time.monotonic()
        self._done = self._kept = 0
        self._first: tuple[int, float] | None = None
        self._said = 0.0

    def __call__(self, done: int, text: str, *, kept: bool = False) -> None:
        """Say where we are, at most a line a second.

        Args:
          done: of the total.
          text: what was done last.
          kept: it was there from an earlier time: no measure of what is to come.
        """
        now = time.monotonic()
        self._kept += done - self._done if kept else 0
        self._done = done
        if self._first is None and not kept:  # compilation is over: time from here
            self._first = (done - self._kept, now)
        last = done >= self._total
        if now - self._said < _SECONDS_BETWEEN_LINES and not last:
            return
        self._said = now
        share = f"{100 * done / self._total:3.0f}%"
        elapsed = duration(now - self._begin)
        print(
            f"{self._title} {share}  {text}  {elapsed} gone, {self._eta(now)}",
            flush=True,
        )

    def _eta(self, now: float) -> str:
        worked, left = self._done - self._kept, self._total - self._done
        if left <= 0:
            return "done"
        if self._first is None or worked == self._first[0]:
            return "ETA after the next line"
        first, since = self._first
        return f"ETA {duration((now - since) / (worked - first) * left)}"


class Teller:
    """Lines with an ETA for each part of some work: ``Progress`` by its name."""

    def __init__(self) -> None:
        self._parts: dict[str, Progress] = {}

    def __call__(self, what: str, done: int, total: int, where: str) -> None:
        if what not in self._parts:
            self._parts[what] = Progress(what, total)
        self._parts[what](done, where)
