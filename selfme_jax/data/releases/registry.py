"""The releases by name, and the composites that are made of several."""

from collections.abc import Sequence
from types import MappingProxyType

from selfme_jax.data.releases import (
    casme,
    casme2,
    casme3,
    casme3c,
    dfme,
    fourdme,
    mmew,
    samm,
    smic_hs,
)
from selfme_jax.data.releases.record import ALL, Protocol, Release
from selfme_jax.types import UserError

_ALL = (
    *(casme2.RELEASE, smic_hs.RELEASE, samm.RELEASE),
    *(casme.RELEASE, casme3.RELEASE, casme3c.RELEASE, mmew.RELEASE, fourdme.RELEASE),
    *(dfme.RELEASE, dfme.TEST_A_RELEASE, dfme.TEST_B_RELEASE),
)
RELEASES = MappingProxyType({release.name: release for release in _ALL})
# (parts, numbers of classes); explicit: a further release changes none of them.
COMPOSITES = MappingProxyType(
    {
        "megc2019": (("casme2", "smic_hs", "samm"), (3,)),
        "cd6me": (("casme", "casme2", "casme3", "fourdme", "mmew", "samm"), (ALL,)),
    }
)
NAMES = (*RELEASES, *COMPOSITES)


def parts(name: str) -> tuple[Release, ...]:
    """The releases that a dataset is made of.

    Raises:
        UserError: no dataset is called so.
    """
    if name not in NAMES:
        raise UserError(f"unknown dataset {name!r}. Known: {', '.join(NAMES)}.")
    own = COMPOSITES[name][0] if name in COMPOSITES else (name,)
    return tuple(RELEASES[part] for part in own)


def numbers(name: str) -> tuple[int, ...]:
    """The numbers of classes that a dataset has protocols of; ALL is every clip."""
    return (
        COMPOSITES[name][1] if name in COMPOSITES else tuple(RELEASES[name].protocols)
    )


def protocols(name: str, number: int) -> tuple[Protocol, ...]:
    """The protocol of so many classes of each part.

    Raises:
        UserError: no dataset is called so, or it has no such protocol.
    """
    own = parts(name)
    known = numbers(name)
    if number not in known:
        raise UserError(f"{name} has no protocol of {number} classes. {_use(known)}")
    return tuple(part.protocols[number] for part in own)


def classes(name: str, number: int) -> tuple[str, ...]:
    """Names of the classes of a dataset.

    Raises:
        UserError: see ``protocols``.
    """
    return protocols(name, number)[0].classes


def total(name: str, number: int) -> int | None:
    """How many clips there should be; None where no source says."""
    totals = [own.total for own in protocols(name, number)]
    known = [count for count in totals if count is not None]
    return sum(known) if len(known) == len(totals) else None


def _use(known: Sequence[int]) -> str:
    classed = [str(n) for n in sorted(known) if n != ALL]
    words = " or ".join([", ".join(classed[:-1]), classed[-1]]) if classed[1:] else ""
    said = f"Use {words or ''.join(classed) or ALL}"
    return (
        f"{said}; {ALL} takes every clip." if ALL in known and classed else f"{said}."
    )
