"""Differences between finished runs, with intervals over their subjects.

    python -m selfme_jax.compare RUN RUN [RUN...] [--output=DIR]

RUN is a workdir of selfme_jax.main, of either target; all must hold the same samples.
Every later one is held against every earlier one. Written are compare.md, .txt, .csv
and .png.
"""

from collections.abc import Sequence

from absl import flags

from selfme_jax import cli, files
from selfme_jax.evaluate import predictions
from selfme_jax.report import compare, finished
from selfme_jax.types import UserError

MOST = 20  # runs: each pair of them is a row


def define_flags() -> None:
    """Those of this command: other ones have flags of the same names."""
    flags.DEFINE_string("output", None, "A folder. Default: runs/compare_<names>.")


def main(*runs: str) -> None:
    """Read the runs, and write and print how they differ."""
    if len(runs) < 2:
        raise UserError("give the workdirs of two or more finished runs.")
    folders = [files.path(run) for run in runs]
    names = _names([folder.parts for folder in folders])
    read = [
        (name, predictions.read(folder / "predictions.csv"), finished.results(folder))
        for name, folder in zip(names, folders, strict=True)
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


if __name__ == "__main__":
    define_flags()
    cli.run(main, positional=MOST, devices=False)
