"""What a card says of the model that answers, for people."""

from collections.abc import Mapping
from typing import Any

DATA = {"casme2": "CASME II", "smic": "SMIC-HS", "samm": "SAMM"}


def about(card: Mapping[str, Any]) -> list[str]:
    """Sentences: what it is, how it scored, where it ends.

    Args:
        card: of the built-in model; or one with such sentences, as 'words'.
    """
    if "words" in card:
        return list(card["words"])
    said = [f"The {card['name']} model was made of {card['data']}."]
    for name, found in scores(card).items():
        low, high = found["ci95"]["uf1"]
        text = (
            f"On {found['clips']} real {DATA.get(name, name)} clips of "
            f"{found['subjects']} people (onset and apex as annotated) it has UF1/UAR "
            f"{found['uf1']:.2f}/{found['uar']:.2f} (95 % interval of UF1 {low:.2f} to "
            f"{high:.2f})"
        )
        if "au_mean_f1" in found:
            text += f" and a mean F1 of {found['au_mean_f1']:.2f} over action units"
        said.append(f"{text}.")
    if "sure" in card:
        said.append(f"'Not sure' is said below a probability of {card['sure']:g}.")
    return said + list(card.get("limits", ()))


def scores(card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By dataset: clips, subjects, uf1, uar, ci95; au_mean_f1 where it is known."""
    found = {}
    for name, part in card.get("real", {}).items():
        own = part["all"]
        found[name] = {
            "clips": part["n"],
            "subjects": part["subjects"],
            **{key: own[key] for key in ("uf1", "uar", "ci95")},
        }
        if "action_units" in own:
            found[name]["au_mean_f1"] = own["action_units"]["mean_f1"]
    return found
