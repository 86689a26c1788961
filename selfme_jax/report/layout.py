"""Tables of several runs laid out for readers: Markdown (which is text) and LaTeX.

What is laid out are entries of ``report.comparison``: dicts by its ``columns``.
"""

from selfme_jax.report import measures, tables


def markdown(title: str, reference: str, found: list[dict]) -> str:
    """A table for each set of data, and what to know of them."""
    parts = [f"## {title}"]
    for data, own in by_data(found).items():
        first, second = measures.of(own[0]).names
        head = [
            *("", first, "95 %", second, "95 %", "linear floor"),
            *(f"{first} - {reference}", *_paper_head(own)),
        ]
        rows = [_row(entry)[: len(head)] for entry in own]
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
                    *(_tex(entry, key) for key in measures.of(entry).keys),
                    _pair(entry, "floor") or "--",
                    *([_pair(entry, "paper") or "--"] if "paper_data" in entry else []),
                ]
            )
            + r" \\"
            for entry in own
        ]
        names = (*measures.of(own[0]).names, "linear floor", *_paper_head(own))
        head = "".join(f" & {_escape(name)}" for name in names)
        made += [
            f"% {data}",
            rf"\begin{{tabular}}{{{'l' * (len(names) + 1)}}}",
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


def _paper_head(own: list[dict]) -> list[str]:
    """Of its column: the paper has no action units."""
    if "paper_data" not in own[0]:
        return []
    names = sorted({entry["paper_data"] for entry in own} - {None})
    return [f"paper ({', '.join(names)})" if names else "paper"]


def _row(entry: dict) -> tuple[str, ...]:
    if entry["why_not"]:
        return (entry["row"], "-", "", "-", "", "", "", _pair(entry, "paper"))
    first, second = measures.of(entry).keys
    return (
        entry["row"],
        *(f"{entry[first]:.3f}", _interval(entry, first)),
        *(f"{entry[second]:.3f}", _interval(entry, second)),
        _pair(entry, "floor"),
        _change(entry),
        _pair(entry, "paper"),
    )


def _interval(entry: dict, key: str) -> str:
    return f"{entry[f'{key}_low']:.3f}-{entry[f'{key}_high']:.3f}"


def _pair(entry: dict, name: str) -> str:
    values = [entry.get(f"{name}_{key}") for key in measures.of(entry).keys]
    return "" if None in values else " / ".join(f"{v:.3f}" for v in values)


def _change(entry: dict) -> str:
    name = f"difference_{measures.of(entry).keys[0]}"
    value = entry[name]
    if value is None:
        return ""
    low, high = entry[f"{name}_low"], entry[f"{name}_high"]
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
    ran = [entry for entry in found if entry["seeds"]]
    pair = " / ".join(measures.of(found[0]).names)
    lines = [
        f"Mean of {_counted(ran, 'seeds')} seed(s){_motion(ran)}; intervals are 95 %, "
        f"over subjects. *: the interval of the difference to {reference}, over the "
        "same subjects, leaves out 0 (not corrected for the number of rows).",
        f"Linear floor: a linear model on the same input, {pair}; where systems read "
        "each image divided by its deviation, the better one of with and without that.",
    ]
    if "paper_data" in found[0]:
        lines[1] += " Paper: as printed, of flow and frames that cannot be had."
    if any("synthetic" in entry["data"] for entry in found):
        lines.append("Synthetic faces: this says nothing about real ones.")
    if any(entry["saw_test_subject"] for entry in found):
        lines.append("Some motion networks met the test subjects (see table.csv).")
    missing = {entry["row"]: entry["why_not"] for entry in found if entry["why_not"]}
    lines += [f"{name}: {why}." for name, why in missing.items()]
    return "\n".join(f"- {line}" for line in lines)


def _counted(ran: list[dict], key: str) -> str:
    return " or ".join(map(str, sorted({entry[key] for entry in ran})))


def _motion(ran: list[dict]) -> str:
    """How many seeds the motion networks had, where any was learned."""
    learned = [entry for entry in ran if entry["motion_seeds"]]
    if not learned:
        return ""
    return f", {_counted(learned, 'motion_seeds')} of the motion network"
