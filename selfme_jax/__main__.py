"""All commands by one: ``selfme COMMAND ...``, ``python -m selfme_jax COMMAND ...``."""

import importlib
import sys

from selfme_jax.train import preemption

# Each is a module of the same name, with a function ``start``.
COMMANDS = {
    "main": "train and score a system, or learn motion",
    "prepare": "make data ready for training",
    "predict": "what happens in the faces of your own clips",
    "app": "the same as a page of this machine",
    "tables": "the paper's tables, ours beside its numbers",
    "compare": "finished runs beside each other",
    "export": "what a run trained, as files that others run",
}


def run() -> None:
    """The command that the first argument names; exit code 2 where there is none."""
    name, *rest = sys.argv[1:] or [""]
    if name in COMMANDS:
        preemption.starting()  # before the imports, which take seconds
        sys.argv = [f"selfme {name}", *rest]
        importlib.import_module(f"selfme_jax.{name}").start()
        return
    lines = [f"  {key:9} {what}" for key, what in COMMANDS.items()]
    text = "\n".join(["selfme COMMAND --help says more. Commands:", *lines])
    if name in ("--help", "-h", "help"):
        print(text)
        return
    wrong = f"error: unknown command {name!r}. " if name else "error: "
    print(f"{wrong}{text}", file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    run()
