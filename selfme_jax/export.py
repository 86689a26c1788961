r"""Export what a run trained, as files that others run, with a model card.

    python -m selfme_jax.export --workdir=DIR --output=DIR \
        --format=stablehlo|safetensors|onnx --fold=PERSON|--refit [--seed=N]

--fold takes the networks that never met that person; --refit trains them once more on
everybody. docs/export.md says what each format holds.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from selfme_jax.train import preemption

    preemption.starting()

from pathlib import Path

from absl import flags

from selfme_jax import files, workdir
from selfme_jax.exporting import bundle, card, onnx, safetensors, stablehlo
from selfme_jax.inference.bundle import CARD, SUMS
from selfme_jax.inference.model import Model
from selfme_jax.run import cli, config, provenance, refit
from selfme_jax.run.trained import Trained
from selfme_jax.train import lock
from selfme_jax.types import UserError
from selfme_jax.workdir import Workdir

FORMATS = {
    "stablehlo": stablehlo.write,
    "safetensors": safetensors.write,
    "onnx": onnx.write,
}


def define() -> None:
    """The flags. Not at import: other entry points have some of the same names."""
    flags.DEFINE_string("workdir", None, "Of a finished run of selfme_jax.main.")
    flags.DEFINE_string("output", None, "A new folder.")
    flags.DEFINE_enum("format", "stablehlo", list(FORMATS), "What is written.")
    flags.DEFINE_string(
        "fold", None, "Who was held out, as in manifest.csv: dataset/subject."
    )
    flags.DEFINE_bool("refit", False, "Train once more, on everybody.")
    flags.DEFINE_integer("seed", None, "Of the classifier; default: the first.")


def main() -> None:
    """Find or train what is asked for, and write it."""
    given = flags.FLAGS
    for name in ("workdir", "output"):
        if not given[name].value:
            raise UserError(f"--{name} is missing. Try --help.")
    if bool(given.fold) == given.refit:
        raise UserError(
            "which networks? Give one of --fold=PERSON (those that never met that "
            "person) and --refit (trained once more, on everybody)."
        )
    output, kind = Path(given.output), given.format
    if files.remote(given.output):
        raise UserError(
            f"--output={given.output}: an export is written on this machine. Give a "
            "folder of it; gcloud storage cp -r takes it to a bucket."
        )
    bundle.vacant(output)
    run = _open(workdir.open_workdir(given.workdir))
    seed = run.seeds[0] if given.seed is None else given.seed
    lock.free(run.workdir.folder)
    if given.refit:
        with lock.held(run.workdir.refit.folder):
            made = refit.refit(run, seed)
    else:
        made = run.fold(given.fold, seed)
    with bundle.new(output) as folder:
        FORMATS[kind](made, folder)
        names = _describe(run, made, folder, output, seed)
    what = "refit on everybody" if given.refit else f"fold {given.fold}"
    print(f"{run.workdir.folder}: {what}, seed {seed}, as {kind} in {output}: {names}")


def _describe(run: Trained, made: Model, folder: Path, output: Path, seed: int) -> str:
    """Write config.json, the hashes and the card; the names of all files."""
    given, found = flags.FLAGS, workdir.read_json(run.workdir.results)
    origin = {
        "refit": given.refit,
        "held_out": given.fold or "",
        "seed": seed,
        "versions": provenance.versions(),
        "run": found["provenance"],
    }
    sums = bundle.write(folder, given.format, made.description, origin)
    card.write(
        folder,
        given.format,
        made,
        results=found,
        origin=origin,
        sums=sums,
        right="" if given.refit else run.right(given.fold, seed),
    )
    return ", ".join((*sums, SUMS, CARD))


def _open(run: Workdir) -> Trained:
    """The run of a workdir.

    Raises:
      UserError: there is none that can be exported.
    """
    if not run.config.exists():
        raise UserError(
            f"{run.folder} holds no run: no {run.config.name} is there. Set --workdir "
            "to that of a finished run."
        )
    return Trained(run, config.restored(workdir.read_json(run.config)))


def start() -> None:
    """The command."""
    define()
    cli.run(main)


if __name__ == "__main__":
    start()
