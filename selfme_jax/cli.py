"""How every entry point starts and fails: flags, clear errors, exit codes."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
from absl import app, flags, logging

from selfme_jax.train.loop import NonFiniteError
from selfme_jax.types import UserError

BAD_INPUT, NOT_FINITE, INTERRUPTED = 2, 3, 130


def run(main: Callable[[], None]) -> None:
    """Parse flags, run ``main``, and turn expected failures into lines.

    Exit codes: 2 for bad input, 3 for a loss that is not finite, 130 for ctrl-C.
    """

    def guarded(argv: Sequence[str]) -> None:
        if len(argv) > 1:
            _fail(f"unexpected argument {argv[1]!r}; flags start with --.", BAD_INPUT)
        logging.set_verbosity(logging.WARNING)  # our own lines are on stdout
        _cache_compilations()
        try:
            main()
        except UserError as error:
            _fail(str(error), BAD_INPUT)
        except NonFiniteError as error:
            _fail(str(error), NOT_FINITE)
        except KeyboardInterrupt:
            _fail("interrupted; the same command resumes.", INTERRUPTED)

    app.run(guarded, flags_parser=_parse)


def _parse(argv: Sequence[str]) -> list[str]:
    """absl's parser, but any bad flag or config is a line and exit code 2."""
    try:
        app.define_help_flags()
        return flags.FLAGS(argv)
    except FileNotFoundError as error:
        _fail(f"no config file {error.filename or error}.", BAD_INPUT)
    except Exception as error:  # a config is the user's own Python file
        _fail(_explain(error), BAD_INPUT)


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, flags.Error | SyntaxError):
        return text
    if isinstance(error, AttributeError | KeyError):
        return f"{text} All keys stand in configs/base.py."
    return f"{type(error).__name__} in a flag or the config file: {text}"


def _fail(text: str, code: int) -> None:
    print(f"error: {text}", file=sys.stderr, flush=True)
    sys.exit(code)


def _cache_compilations() -> None:
    """Compiled programs outlive the process, so that running again starts fast."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
        jax.config.update("jax_compilation_cache_dir", str(folder / "selfme_jax"))
