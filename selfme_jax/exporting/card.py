"""The model card: what was trained on whom, how it scored, what its files are."""

from pathlib import Path

import jax

from selfme_jax.evaluate import predictions
from selfme_jax.exporting import bundle, template
from selfme_jax.exporting.model import Model
from selfme_jax.exporting.trained import Trained
from selfme_jax.report import verdict


def write(
    folder: Path,
    kind: str,
    made: Model,
    *,
    run: Trained,
    results: dict,
    origin: dict,
    sums: dict[str, str],
    place: Path,
) -> None:
    """Write README.md.

    Args:
      folder: of the export. kind: its format. made: what is in it.
      run: that trained it. results: its results.json.
      origin: fold, seed, refit and versions, as in config.json.
      sums: SHA-256 of its other files by name. place: where the folder will be.
    """
    text = template.render(
        "card.md.j2",
        kind=kind,
        version=bundle.VERSION,
        place=place,
        model=made,
        run=run,
        results=results,
        origin=origin,
        sums=sums,
        own="" if origin["refit"] else own_fold(run, origin),
        arrays=count(made.variables),
        verdict=verdict,
        outputs=made.outputs(),
    )
    (folder / bundle.CARD).write_text(text)


def own_fold(run: Trained, origin: dict) -> str:
    """'5 of 6': clips of those held out that this very classifier got right."""
    rows = predictions.read(run.folder / "predictions.csv")
    mine = (rows.fold == run.number(origin["held_out"])) & (rows.seed == origin["seed"])
    right = rows.label[mine] == rows.pred[mine]
    return f"{right.sum()} of {right.size}"


def count(variables: dict) -> dict[str, int]:
    """Numbers in the arrays of each part."""
    return {k: sum(x.size for x in jax.tree.leaves(v)) for k, v in variables.items()}
