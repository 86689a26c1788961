"""predictions.csv: one row per (seed, held-out sample), read back exactly."""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence
from os import PathLike

import numpy as np

from selfme_jax import files
from selfme_jax.evaluate import folds
from selfme_jax.types import Predictions, Sample, Split, UserError

COLUMNS = ("seed", "fold", "dataset", "subject", "sample", "label", "pred")
PROB = "prob_"
UNIT = "au"  # of the names of outputs: 'au4'
LONGEST = 1000  # characters of a name: files of a run hold no longer ones


def table(
    samples: Sequence[Sample],
    splits: Sequence[Split],
    seeds: Sequence[int],
    labels: np.ndarray,
    probs: np.ndarray,
    outputs: Sequence[str],
) -> Predictions:
    """One row per seed and held-out sample, seeds outermost.

    Args:
        samples: n of them. splits: they hold out none twice.
        seeds: s of them.
        labels: [n] or [n, k] int, of the samples.
        probs: [s, n, k]. outputs: k names.
    """
    tested = folds.tested(splits)
    fold = np.empty(len(samples), int)
    for split in splits:
        fold[split.test] = split.fold
    k, samples = len(seeds), [samples[i] for i in tested]
    fold, labels, probs = fold[tested], labels[tested], probs[:, tested]
    return Predictions(
        seed=np.repeat(np.array(seeds, int), len(fold)),
        fold=np.tile(fold, k),
        dataset=np.tile([s.dataset for s in samples], k),
        subject=np.tile([s.subject for s in samples], k),
        sample=np.tile([s.sample for s in samples], k),
        label=np.tile(labels, (k, *[1] * (labels.ndim - 1))),
        probs=probs.reshape(-1, probs.shape[-1]),
        classes=tuple(outputs),
    )


def of_tested(
    link: Callable[[np.ndarray], np.ndarray],
    logits: np.ndarray,
    splits: Sequence[Split],
) -> np.ndarray:
    """``link`` of the logits [s, n, k] of held-out samples; nan of all others."""
    tested = folds.tested(splits)
    probs = np.full(logits.shape, np.nan)
    probs[:, tested] = link(logits[:, tested])
    return probs


def expect(rows: Predictions, outputs: Sequence[str]) -> None:
    """That rows are predictions of these outputs.

    Raises:
        UserError: they are of others: files of another run.
    """
    if rows.classes != tuple(outputs):
        raise UserError(
            f"predictions or floors are of {_listed(rows.classes)}; this run predicts "
            f"{_listed(outputs)}. {_REMEDY}"
        )


def joined(parts: Sequence[Predictions]) -> Predictions:
    """The rows of all, in order; they are of the same outputs."""
    names = Predictions._fields[:-1]
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in names
    }
    return Predictions(**columns, classes=parts[0].classes)


def write(path: PathLike | str, predictions: Predictions) -> None:
    """Write all rows, atomically: a kill leaves the old file or the new one.

    Probabilities are written with all their digits, so every score is recomputed
    from the file exactly. label and pred: index of a class; of action units '4+12',
    those of the run's units that are shown and those of a probability of 0.5, or ''.
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
        [int(seed), int(fold), dataset, subject, sample]
        + [_word(predictions, value) for value in (label, pred)]
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
    names, *table = files.read_csv(path, _REMEDY)
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
    outputs = tuple(n.removeprefix(PROB) for n in names[len(COLUMNS) :])
    if names != header(outputs) or not outputs or len(set(outputs)) < len(outputs):
        raise UserError(
            f"{path} has the columns {_listed(names)}; expected "
            f"{', '.join(COLUMNS)}, then {PROB}<class> for each class. {_REMEDY}"
        )
    check: Callable = _check_units if of_units(outputs) else _check_class
    labels = []
    for number, row in enumerate(table, start=1):
        try:
            numbers = [int(n) for n in row[:2]]
            probs = [float(p) for p in row[len(COLUMNS) :]]
            if not all(0 <= n < 2**31 for n in numbers):
                raise ValueError(f"seed {row[0]:.20} or fold {row[1]:.20} is no such")
            if max(map(len, row[2:5])) > LONGEST:
                raise ValueError(f"a name of more than {LONGEST} characters")
            if not all(0 <= p <= 1 for p in probs):
                raise ValueError(f"{probs} are no probabilities")
            labels.append(check(outputs, row[5], row[6], probs))
        except ValueError as error:
            raise _bad(path, number, str(error)) from error
    column = list(zip(*table, strict=True))
    return Predictions(
        seed=np.array(column[0], int),
        fold=np.array(column[1], int),
        dataset=np.array(column[2], str),
        subject=np.array(column[3], str),
        sample=np.array(column[4], str),
        label=np.array(labels, int),
        probs=np.array(column[7:], float).T,
        classes=outputs,
    )


def of_units(outputs: Sequence[str]) -> bool:
    """Whether outputs are action units (several at once), by their names."""
    return all(re.fullmatch(rf"{UNIT}[1-9]\d?", name) for name in outputs)


def number(output: str) -> str:
    """'au4' -> '4'."""
    return output.removeprefix(UNIT)


def _word(predictions: Predictions, value: np.ndarray) -> int | str:
    """A class as its index; units that are 1 as '4+12'."""
    if not predictions.several:
        return int(value)
    names = (predictions.classes[i] for i in np.flatnonzero(value))
    return "+".join(number(name) for name in names)


def _check_class(
    outputs: Sequence[str], label: str, pred: str, probs: list[float]
) -> int:
    if not 0 <= int(label) < len(outputs):
        raise ValueError(f"label {label:.20} is outside 0..{len(outputs) - 1}")
    if not math.isclose(sum(probs), 1, abs_tol=1e-3):
        raise ValueError(f"{probs} are no probabilities")
    if int(pred) != probs.index(max(probs)):
        raise ValueError(f"pred {pred:.20} is not the most probable class")
    return int(label)


def _check_units(
    outputs: Sequence[str], label: str, pred: str, probs: list[float]
) -> list[int]:
    shown = set(label.split("+")) - {""}
    if unknown := shown - {number(name) for name in outputs}:
        raise ValueError(
            f"label {label:.20} has {min(unknown):.20}, which no column is"
        )
    likely = [n for n, p in zip(outputs, probs, strict=True) if p >= 0.5]
    if pred != "+".join(number(name) for name in likely):
        raise ValueError(f"pred {pred:.20} is not what has a probability of 0.5")
    return [int(number(name) in shown) for name in outputs]


_REMEDY = "Write it again with --stages=classifier."


def _listed(names: Sequence[str], most: int = 12) -> str:
    """The first few, and how many more."""
    cut = [name if len(name) <= 40 else f"{name[:37]}..." for name in names[:most]]
    more = len(names) - len(cut)
    return ", ".join(cut) + (f" and {more} more" if more else "")


def _bad(path: PathLike | str, number: int, what: str) -> UserError:
    what = what if len(what) <= 200 else f"{what[:197]}..."
    return UserError(f"{path}, row {number}: {what}. {_REMEDY}")
