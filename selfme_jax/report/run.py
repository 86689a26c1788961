"""Everything that is told of a run, from the files of its workdir."""

from collections.abc import Sequence
from pathlib import Path

from selfme_jax import workdir
from selfme_jax.evaluate import floors, loso, predictions
from selfme_jax.report import html, motion, plots, tables
from selfme_jax.types import Predictions


def results(
    rows: Predictions,
    floor_rows: dict[str, Predictions],
    *,
    resamples: int,
    protocol: dict,
    provenance: dict,
) -> dict:
    """The content of results.json.

    Args:
        rows: of predictions.csv. floor_rows: of floors.csv.
        resamples: of the subject bootstrap.
        protocol: name, epoch_rule, motion_scope, saw_test_subject.
        provenance: config_sha256, manifest_sha256, git, versions, device,
            wall_seconds.
    """
    return {
        **loso.summarise(rows, resamples=resamples),
        "floors": floors.summarise(floor_rows, resamples=resamples),
        "margins": {
            name: loso.margin(rows, floor, resamples=resamples)
            for name, floor in floor_rows.items()
        },
        "protocol": protocol,
        "provenance": provenance,
    }


def write(
    folder: Path,
    *,
    title: str,
    command: str,
    resamples: int,
    protocol: dict,
    provenance: dict,
    metrics: Sequence[dict] = (),
    pictures: Sequence[motion.Picture] = (),
) -> dict:
    """Write results.json, figures/*.png and report.html; print the tables.

    Args:
        folder: holds predictions.csv and floors.csv.
        title: of the page. command: what regenerates the run.
        resamples, protocol, provenance: see ``results``.
        metrics: rows of metrics.jsonl.
        pictures: clips to draw.

    Returns:
        The content of results.json.

    Raises:
        UserError: predictions.csv or floors.csv is missing or wrong.
    """
    rows = predictions.read(folder / "predictions.csv")
    content = results(
        rows,
        floors.read(folder / "floors.csv"),
        resamples=resamples,
        protocol=protocol,
        provenance=provenance,
    )
    workdir.write_json(folder / "results.json", content)
    images = plots.save(_figures(content, rows, metrics, pictures), folder / "figures")
    html.write(
        folder / "report.html",
        title=title,
        results=content,
        figures=images,
        command=command,
    )
    print(tables.text(content), flush=True)
    return content


def _figures(
    content: dict,
    rows: Predictions,
    metrics: Sequence[dict],
    pictures: Sequence[motion.Picture],
) -> dict:
    figures = {
        "scores": plots.scores(content),
        "confusion": plots.confusion(content),
        "subjects": plots.subjects(rows),
    }
    if metrics:
        figures["curves"] = plots.curves(metrics)
    if pictures:
        figures["motion"] = motion.pictures(pictures)
    return figures
