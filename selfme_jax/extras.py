"""How an extra of this package is installed: from where the package was got."""

import json
from importlib import metadata
from urllib.parse import unquote, urlsplit


def advice(extra: str) -> str:
    """The command, such as ``pip install 'selfme-jax[gcs]'``.

    The name alone where it came from an index; else the folder, archive or repository
    that pip wrote down (direct_url.json).
    """
    wanted = f"selfme-jax[{extra}]"
    try:
        text = metadata.distribution("selfme-jax").read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # a clone, not installed
        return f"pip install '.[{extra}]'"
    if not text:
        return f"pip install '{wanted}'"
    origin = json.loads(text)
    place = origin["url"]
    if vcs := origin.get("vcs_info"):
        place = f"{vcs['vcs']}+{place}@{vcs['commit_id']}"
    editable = "--editable " if origin.get("dir_info", {}).get("editable") else ""
    if "dir_info" in origin:
        return f"pip install {editable}'{unquote(urlsplit(place).path)}[{extra}]'"
    return f"pip install '{wanted} @ {place}'"
