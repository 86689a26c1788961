"""Differences between finished runs, with intervals over their subjects.

    python -m selfme_jax.compare RUN RUN [RUN...] [--output=DIR]

RUN is a workdir of selfme_jax.main, of either target; all must hold the same samples.
Every later one is held against every earlier one. Written are compare.md, .txt, .csv
and .png.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from selfme_jax.train import preemption

    preemption.starting()

from collections.abc import Sequence

from absl import flags

from selfme_jax import files, workdir
from selfme_jax.evaluate import predictions
from selfme_jax.report import compare, finished
from selfme_jax.run import cli
from selfme_jax.types import UserError

MOST = 20  # runs: each pair of them is a row


def define() -> None:
    """The flags. Not at import: other entry points have some of the same names."""
    flags.DEFINE_string("output", None, "A folder. Default: runs/compare_<names>.")


def main(*runs: str) -> None:
    """Read the runs, and write and print how they differ."""
    if len(runs) < 2:
        raise UserError("give the workdirs of two or more finished runs.")
    places = [workdir.open_workdir(run) for run in runs]
    names = _names([place.folder.parts for place in places])
    read = [
        (name, predictions.read(place.predictions), finished.results(place))
        for name, place in zip(names, places, strict=True)
    ]
    joined = "_".join(name.replace("/", "-") for name in names)
    default = f"runs/compare_{joined[:80]}"
    output = files.path(flags.FLAGS.output or default)
    print(f"{compare.write(output, read)}\n{output / 'compare.png'}", flush=True)


def _names(parts: Sequence[tuple[str, ...]]) -> list[str]:
    """The last parts of the folders, as many as tell them apart."""
    for count in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-count:]) for own in parts]
        if len(set(names)) == len(names):
            break
    return names


def start() -> None:
    """The command."""
    define()
    cli.run(main, positional=MOST, devices=False)


if __name__ == "__main__":
    start()
