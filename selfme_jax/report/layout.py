"""Tables of several runs laid out for readers: Markdown (which is text) and LaTeX.

What is laid out are entries of ``report.comparison``: dicts by its COLUMNS.
"""

from selfme_jax.report import tables

HEAD = ("", "UF1", "95 %", "UAR", "95 %", "linear floor")


def markdown(title: str, reference: str, found: list[dict]) -> str:
    """A table for each set of data, and what to know of them."""
    parts = [f"## {title}"]
    for data, own in by_data(found).items():
        head = (*HEAD, f"UF1 - {reference}", f"paper{_paper_data(own)}")
        rows = [_row(entry) for entry in own]
        parts.append(f"### {data}{_counts(own)}\n\n{tables.draw(head, rows).strip()}")
    parts.append(_notes(reference, found))
    return "\n\n".join(parts) + "\n"


def latex(title: str, found: list[dict]) -> str:
    """A booktabs table for each set of data."""
    made = [f"% {title}; needs \\usepackage{{booktabs}}"]
    for data, own in by_data(found).items():
        body = [
            " & ".join(
                [
                    _escape(entry["row"]),
                    *(_tex(entry, key) for key in ("uf1", "uar")),
                    _pair(entry, "floor") or "--",
                    _pair(entry, "paper") or "--",
                ]
            )
            + r" \\"
            for entry in own
        ]
        head = f" & UF1 & UAR & linear floor & paper{_escape(_paper_data(own))}"
        made += [
            f"% {data}",
            r"\begin{tabular}{lllll}",
            r"\toprule",
            head + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    return "\n".join(made) + "\n"


def by_data(found: list[dict]) -> dict[str, list[dict]]:
    """The entries of each set of data, in order."""
    names = dict.fromkeys(entry["data"] for entry in found)
    return {n: [entry for entry in found if entry["data"] == n] for n in names}


def _counts(own: list[dict]) -> str:
    for entry in own:
        if entry["seeds"]:
            return f" ({entry['clips']} clips, {entry['subjects']} subjects)"
    return ""


def _paper_data(own: list[dict]) -> str:
    names = sorted({entry["paper_data"] for entry in own} - {None})
    return f" ({', '.join(names)})" if names else ""


def _row(entry: dict) -> tuple[str, ...]:
    if entry["why_not"]:
        return (entry["row"], "-", "", "-", "", "", "", _pair(entry, "paper"))
    return (
        entry["row"],
        *(f"{entry['uf1']:.3f}", _interval(entry, "uf1")),
        *(f"{entry['uar']:.3f}", _interval(entry, "uar")),
        _pair(entry, "floor"),
        _change(entry),
        _pair(entry, "paper"),
    )


def _interval(entry: dict, key: str) -> str:
    return f"{entry[f'{key}_low']:.3f}-{entry[f'{key}_high']:.3f}"


def _pair(entry: dict, name: str) -> str:
    uf1, uar = entry[f"{name}_uf1"], entry[f"{name}_uar"]
    return "" if uf1 is None else f"{uf1:.3f} / {uar:.3f}"


def _change(entry: dict) -> str:
    value = entry["difference_uf1"]
    if value is None:
        return ""
    low, high = entry["difference_uf1_low"], entry["difference_uf1_high"]
    real = " *" if low > 0 or high < 0 else ""
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}]{real}"


def _tex(entry: dict, key: str) -> str:
    if entry[key] is None:
        return "--"
    low, high = entry[f"{key}_low"], entry[f"{key}_high"]
    return f"{entry[key]:.3f} [{low:.3f}, {high:.3f}]"


def _escape(text: str) -> str:
    for mark in "&%_#":
        text = text.replace(mark, f"\\{mark}")
    return text


def _notes(reference: str, found: list[dict]) -> str:
    seeds = sorted({entry["seeds"] for entry in found} - {None})
    lines = [
        f"Mean of {' or '.join(map(str, seeds))} seed(s); intervals are 95 %, over "
        f"subjects. *: the interval of the difference to {reference}, over the same "
        "subjects, leaves out 0 (not corrected for the number of rows).",
        "Linear floor: a linear model on the same input, UF1 / UAR; where systems read "
        "each image divided by its deviation, the better one of with and without that. "
        "Paper: as printed, of flow and frames that cannot be had.",
    ]
    if any("synthetic" in entry["data"] for entry in found):
        lines.append("Synthetic faces: this says nothing about real ones.")
    if any(entry["saw_test_subject"] for entry in found):
        lines.append("Some motion networks met the test subjects (see table.csv).")
    missing = {entry["row"]: entry["why_not"] for entry in found if entry["why_not"]}
    lines += [f"{name}: {why}." for name, why in missing.items()]
    return "\n".join(f"- {line}" for line in lines)
