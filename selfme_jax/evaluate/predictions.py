"""predictions.csv: one row per (seed, held-out sample), read back exactly."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from os import PathLike

import numpy as np

from selfme_jax import files
from selfme_jax.types import Predictions, Sample, Split, UserError

COLUMNS = ("seed", "fold", "dataset", "subject", "sample", "label", "pred")
PROB = "prob_"


def table(
    samples: Sequence[Sample],
    splits: Sequence[Split],
    seeds: Sequence[int],
    labels: np.ndarray,
    probs: np.ndarray,
    outputs: Sequence[str],
) -> Predictions:
    """One row per seed and sample, seeds outermost.

    Args:
        samples: n of them. splits: they hold out every sample once.
        seeds: s of them.
        labels: [n] or [n, k] int, of the samples.
        probs: [s, n, k]. outputs: k names.
    """
    tested = np.concatenate([split.test for split in splits])
    if not np.array_equal(np.sort(tested), np.arange(len(samples))):
        raise ValueError("splits must hold out every sample once")
    fold = np.empty(len(samples), int)
    for split in splits:
        fold[split.test] = split.fold
    k = len(seeds)
    names = (
        np.tile([getattr(s, name) for s in samples], k)
        for name in ("dataset", "subject", "sample")
    )
    return Predictions(
        np.repeat(np.array(seeds, int), len(fold)),
        np.tile(fold, k),
        *names,
        np.tile(labels, (k, *[1] * (labels.ndim - 1))),
        probs.reshape(-1, probs.shape[-1]),
        tuple(outputs),
    )


def joined(parts: Sequence[Predictions]) -> Predictions:
    """The rows of all, in order; they are of the same outputs."""
    columns = zip(*(part[:-1] for part in parts), strict=True)
    return Predictions(*map(np.concatenate, columns), parts[0].classes)


def write(path: PathLike | str, predictions: Predictions) -> None:
    """Write all rows, atomically: a kill leaves the old file or the new one.

    Probabilities are written with all their digits, so every score is recomputed
    from the file exactly.
    """
    write_rows(path, header(predictions.classes), rows(predictions))


def read(path: PathLike | str) -> Predictions:
    """Read and check what ``write`` wrote.

    Raises:
        UserError: missing, torn, or with values that cannot be predictions; names
            the row.
    """
    columns, table = read_rows(path)
    return parse(path, columns, table)


def header(classes: Iterable[str]) -> list[str]:
    """Column names."""
    return [*COLUMNS, *(PROB + name for name in classes)]


def rows(predictions: Predictions) -> Iterable[list]:
    """Rows in the order of ``header``."""
    # float() because repr of a numpy scalar is no number; its repr is exact.
    return (
        [int(seed), int(fold), dataset, subject, sample, int(label), int(pred)]
        + [repr(float(p)) for p in probs]
        for seed, fold, dataset, subject, sample, label, pred, probs in zip(
            *predictions[:6], predictions.pred, predictions.probs, strict=True
        )
    )


def write_rows(path: PathLike | str, names: list[str], table: Iterable[list]) -> None:
    """Write a CSV file atomically."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(table)
    files.write(files.path(path), lines.getvalue())


def read_rows(path: PathLike | str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, all of the same length."""
    try:
        text = files.path(path).read_bytes().decode()
        names, *table = csv.reader(io.StringIO(text, newline=""))
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        reason = getattr(error, "strerror", None) or "empty or not a CSV file"
        raise UserError(f"cannot read {path}: {reason}. {_REMEDY}") from error
    if not table:
        raise UserError(f"{path} has no rows. {_REMEDY}")
    for number, row in enumerate(table, start=1):
        if len(row) != len(names):
            raise _bad(path, number, f"{len(row)} values for {len(names)} columns")
    return names, table


def parse(
    path: PathLike | str, names: list[str], table: list[list[str]]
) -> Predictions:
    """Typed and checked columns of rows as ``read_rows`` gives them."""
    classes = tuple(n.removeprefix(PROB) for n in names[len(COLUMNS) :])
    if names != header(classes) or not classes or len(set(classes)) < len(classes):
        raise UserError(
            f"{path} has the columns {', '.join(names)}; expected "
            f"{', '.join(COLUMNS)}, then {PROB}<class> for each class. {_REMEDY}"
        )
    for number, row in enumerate(table, start=1):
        _check(path, number, row, len(classes))
    column = list(zip(*table, strict=True))
    return Predictions(
        *(np.array(column[i], int) for i in (0, 1)),
        *(np.array(column[i], str) for i in (2, 3, 4)),
        np.array(column[5], int),
        np.array(column[7:], float).T,
        classes,
    )


def _check(path: PathLike | str, number: int, row: list[str], classes: int) -> None:
    try:
        _, _, label, pred = (int(row[i]) for i in (0, 1, 5, 6))
        probs = [float(p) for p in row[7:]]
    except ValueError as error:
        raise _bad(path, number, str(error)) from error
    if not 0 <= label < classes:
        raise _bad(path, number, f"label {label} is outside 0..{classes - 1}")
    if not all(0 <= p <= 1 for p in probs) or not math.isclose(
        sum(probs), 1, abs_tol=1e-3
    ):
        raise _bad(path, number, f"{probs} are no probabilities")
    if pred != probs.index(max(probs)):
        raise _bad(path, number, f"pred {pred} is not the most probable class")


_REMEDY = "Write it again with --stages=classifier."


def _bad(path: PathLike | str, number: int, what: str) -> UserError:
    return UserError(f"{path}, row {number}: {what}. {_REMEDY}")
