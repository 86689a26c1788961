"""Export what a run trained, as files that others run, with a model card.

    python -m selfme_jax.export --workdir=DIR --output=DIR \
        --format=stablehlo|safetensors|onnx --fold=PERSON|--refit [--seed=N]

--fold takes the networks that never met that person; --refit trains them once more on
everybody. docs/export.md says what each format holds.
"""

from pathlib import Path

from absl import flags
from etils import epath
from ml_collections import ConfigDict

from selfme_jax import cli, files, results, settings, workdir
from selfme_jax.exporting import (
    bundle,
    card,
    model,
    onnx,
    refit,
    safetensors,
    stablehlo,
)
from selfme_jax.exporting.model import Model
from selfme_jax.exporting.trained import Trained
from selfme_jax.types import UserError

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
    run = _open(files.path(given.workdir))
    seed = run.seeds[0] if given.seed is None else given.seed
    made = refit.refit(run, seed) if given.refit else run.fold(given.fold, seed)
    with bundle.new(output) as folder:
        FORMATS[kind](made, folder)
        names = _describe(run, made, folder, output, seed)
    what = "refit on everybody" if given.refit else f"fold {given.fold}"
    print(f"{run.folder}: {what}, seed {seed}, as {kind} in {output}: {names}")


def _describe(run: Trained, made: Model, folder: Path, output: Path, seed: int) -> str:
    """Write config.json, the hashes and the card; the names of all files."""
    given, found = flags.FLAGS, workdir.read_json(run.folder / "results.json")
    origin = {
        "refit": given.refit,
        "held_out": given.fold or "",
        "seed": seed,
        "versions": results.versions(),
        "run": found["provenance"],
    }
    sums = bundle.write(folder, given.format, made.description, origin)
    card.write(
        folder,
        given.format,
        made,
        run=run,
        results=found,
        origin=origin,
        sums=sums,
        place=output,
    )
    return ", ".join((*sums, bundle.SUMS, bundle.CARD))


def _open(folder: epath.Path) -> Trained:
    """The run of a workdir.

    Raises:
      UserError: there is none that can be exported.
    """
    path = folder / "config.json"
    try:
        config = ConfigDict(model.tuples(workdir.read_json(path)))
        return Trained(folder, settings.resolve(config))
    except (OSError, ValueError) as error:
        raise UserError(
            f"{folder} holds no run: {path.name} cannot be read ({error}). Set "
            "--workdir to that of a finished run."
        ) from error
    except (AttributeError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} is of another version of selfme_jax ({reason}).\n"
            "Export with that one, or train again."
        ) from error


if __name__ == "__main__":
    define()
    cli.run(main)
