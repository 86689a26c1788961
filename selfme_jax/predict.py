r"""What happens in a face, when, and how sure that is.

    python -m selfme_jax.predict WHAT... [--output=DIR]
        [--model=builtin|DIR] [--onset=N --apex=N] [--fps=N] [--face=largest]

WHAT is a video, a folder of frames (with --fps), a folder of videos, two pictures
(onset apex), or the word example. docs/own_clips.md says what is written.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from selfme_jax.train import preemption

    preemption.starting()

from functools import partial
from pathlib import Path

import numpy as np
from absl import flags

from selfme_jax import files
from selfme_jax.files import mirror
from selfme_jax.files.mirror import Mirror
from selfme_jax.inference import sources
from selfme_jax.inference.predictor import COMPILING, Options
from selfme_jax.inference.sources import Given
from selfme_jax.report import clip_tables, kinds
from selfme_jax.run import answerers, cli, example, own_clips
from selfme_jax.run.own_clips import Work
from selfme_jax.train import parallel
from selfme_jax.train.log import Progress
from selfme_jax.types import UserError

EXAMPLE = "example"
MANY = 1_000_000  # of WHAT


def define() -> None:
    """The flags. Not at import: other entry points have some of the same names."""
    flags.DEFINE_string(
        "output", None, "Folder, or gs://BUCKET/DIR; default: predictions/NAME."
    )
    flags.DEFINE_string(
        "model",
        answerers.BUILTIN,
        "builtin, the folder of an export (safetensors), or a workdir (with --fold).",
    )
    flags.DEFINE_string("fold", "", "Of a workdir: who was held out.")
    flags.DEFINE_integer("onset", None, "Frame of it, from 0, where it is known.")
    flags.DEFINE_integer("apex", None, "Frame of it; without it, the most motion.")
    flags.DEFINE_float("fps", 0.0, "Frames per second of folders of frames.")
    flags.DEFINE_string("face", "largest", "largest, left, right, or a number.")
    flags.DEFINE_bool("overlay", True, "Write overlay.mp4.")


def main(*what: str) -> None:
    """Answer what is given."""
    flag = flags.FLAGS
    if what == (EXAMPLE,) and not Path(EXAMPLE).exists():
        what = (str(example.clip()),)
    what = tuple(map(files.local, what))
    given = sources.find(what, fps=flag.fps)
    options = Options(flag.face, onset=flag.onset, apex=flag.apex)
    if given.several and (flag.onset, flag.apex) != (None, None):
        raise UserError(
            f"--onset and --apex are of one clip; {len(given.sources)} are given."
        )
    output = files.path(flag.output or own_clips.default_output(given)).expanduser()
    parallel.lead(lambda: own_clips.claim(output))
    predictor = answerers.load(flag.model, fold=flag.fold)
    work = Work(predictor, options, flag.overlay, own_clips.command())
    count = len(given.sources)
    print(
        f"{count} clip{'s' if count > 1 else ''}; model {predictor.name}; results in "
        f"{output}",
        flush=True,
    )
    with mirror.opened(output) as made:
        if given.several:
            _several(work, given, made)
        else:
            _one(work, given, made)


def _one(work: Work, given: Given, output: Mirror) -> None:
    (source,) = given.sources
    progress = Progress(source.name, 1000)

    def tell(what: str, done: int, total: int) -> None:
        _compiling(work, what)
        progress(int(999 * own_clips.share(what, done, total)), what)

    clip = own_clips.one(work, source, output.folder, tell)
    output.push(last=own_clips.PREDICTIONS)
    for note in clip["notes"]:
        print(f"note: {note}")
    for gap in clip["unseen"]:
        first, last = gap["seconds"]
        print(f"note: {first:.1f} to {last:.1f} s: {gap['why']}")
    for interval in clip["intervals"]:
        onset, _, offset = interval["seconds"]
        frames = f"frames {interval['onset']} to {interval['offset']}"
        print(
            f"{onset:8.2f} to {offset:.2f} s ({frames})  {clip_tables.line(interval)}"
        )
    found = sum(i["kind"] in kinds.EXPRESSIONS for i in clip["intervals"])
    print(f"{found} expression(s); look at {output.place / 'report.html'}", flush=True)


def _compiling(work: Work, what: str) -> None:
    """A line of its own, before a silence of minutes."""
    if what == COMPILING:
        name = work.predictor.name
        print(f"compiling the network of {name}, for minutes ...", flush=True)


def _several(work: Work, given: Given, output: Mirror) -> None:
    """Each process of a pod takes its part of the clips, the first writes of all."""
    process, processes = parallel.process(), parallel.processes()
    mine = [i for i in range(len(given.sources)) if i % processes == process]
    progress = Progress("predict", max(1, 1000 * len(mine)))

    def tell(index: int, what: str, share: float) -> None:
        _compiling(work, what)
        at = mine.index(index)
        name = given.sources[index].name
        progress(int(1000 * (at + share)), f"{at + 1} of {len(mine)}: {name}: {what}")

    for path, why in given.left_out.items():
        print(f"left out: {path}: {why}")
    keep = partial(output.push, last=own_clips.PREDICTIONS)
    failed = own_clips.several(
        work, given, output.folder, tell, lambda i: i in mine, keep
    )
    for why in failed.values():
        print(f"left out: {why}")
    parallel.everywhere(np.zeros(1))  # until all have done their part
    if parallel.leads():
        output.pull()
        done = own_clips.collect(work, given, output.folder)
        output.push(last=own_clips.PREDICTIONS, deep=False)
        total = len(given.sources) + len(given.left_out)
        print(
            f"{done} of {total} clips; look at {output.place / 'report.html'}",
            flush=True,
        )


def start() -> None:
    """The command."""
    define()
    cli.run(main, positional=MANY, pod=True)


if __name__ == "__main__":
    start()
