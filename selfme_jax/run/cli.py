"""How every entry point starts and fails: flags, clear errors, exit codes."""

import functools
import os
import select
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

import jax
from absl import app, flags, logging

from selfme_jax import extras, files
from selfme_jax.run import config
from selfme_jax.train import parallel, preemption
from selfme_jax.train import pod as pods
from selfme_jax.train.loop import NonFiniteError
from selfme_jax.train.preemption import PreemptedError
from selfme_jax.types import UserError

# 75 is EX_TEMPFAIL: schedulers start the same command again.
# 141 is what a shell says of a program whose reader (`| head -1`) has left.
BAD_INPUT, NOT_FINITE, PREEMPTED, INTERRUPTED, UNHEARD = 2, 3, 75, 130, 141
_NO_MEMORY = "RESOURCE_EXHAUSTED"
_UNTIL_LOSS_IS_KNOWN = 3.0  # seconds
_LONGEST = 1000  # characters of a line of a message


def run(
    main: Callable[..., None],
    *,
    positional: int = 0,
    pod: bool = False,
    devices: bool = True,
) -> None:
    """Parse flags, run ``main``, and turn expected failures into lines.

    Exit codes: 2 for bad input and for too little memory on a device, 3 for a loss
    that is not finite, 75 for SIGTERM and for a lost worker of a pod, 130 for ctrl-C,
    141 where nobody reads standard output any more.

    Args:
      main: called with the arguments that are no flags.
      positional: how many of these there may be.
      pod: whether it may run in several processes that work together (train/pod.py).
      devices: whether it computes on devices, which are started first.
    """

    def guarded(argv: Sequence[str]) -> None:
        _, *given = argv
        if len(given) > positional:
            unexpected = given[positional]
            _fail(
                f"unexpected argument {unexpected!r}; flags start with --.", BAD_INPUT
            )
        # Our own lines are prints; what fails in a library reaches us as exceptions.
        logging.set_verbosity(logging.FATAL)
        _cache_compilations()
        preemption.watch()
        member = None
        try:
            member = pods.join(os.environ) if pod else None
            preemption.watch()  # again: JAX took SIGTERM for itself when it joined
            # In a pod this may only be how the loss of another worker looks.
            if devices and not member:
                _reach()
            with files.guard():
                main(*given)
            if member:
                member.finish()
        except parallel.AgreedError as error:
            if member:
                member.finish()  # after whoever still writes
            _fail(str(error), BAD_INPUT)
        except UserError as error:
            _fail(str(error), BAD_INPUT, member)
        except NonFiniteError as error:
            _fail(str(error), NOT_FINITE, member)
        except PreemptedError as error:
            if member and error.agreed:
                member.finish()  # after whoever still writes
                member = None
            _fail(f"SIGTERM; {error}. The same command resumes.", PREEMPTED, member)
        except KeyboardInterrupt:
            _fail("interrupted; the same command resumes.", INTERRUPTED, member)
        except BrokenPipeError:
            if not _unheard():
                raise
            _fail("", UNHEARD, member)
        except Exception as error:
            if text := _no_memory(error):
                _fail(text, BAD_INPUT, member)
            if not member:
                raise
            # It may only be how the loss of another worker looks from here.
            time.sleep(_UNTIL_LOSS_IS_KNOWN)
            traceback.print_exc()
            member.leave(1, repr(error))

    text = sys.modules[main.__module__].__doc__ or ""
    app.run(guarded, flags_parser=functools.partial(_parse, text=text))


def _reach() -> None:
    """Start the devices.

    Raises:
      UserError: JAX has none, or not those that JAX_PLATFORMS names.
    """
    try:
        jax.devices()
    # A platform whose plugin is not installed is an AssertionError without a word.
    except (RuntimeError, AssertionError) as error:
        named = os.environ.get("JAX_PLATFORMS", "")
        why = str(error).splitlines()[0] if str(error) else "no such platform here"
        raise UserError(
            f"JAX cannot start its devices (JAX_PLATFORMS={named}): {why.rstrip('.')}."
            f"\nInstall the extra for them ({extras.advice('cuda')}, or tpu), end what "
            "else runs on them, or set JAX_PLATFORMS=cpu."
        ) from error


def _unheard() -> bool:
    """Whether nobody reads standard output; then nothing more is written there."""
    poll = select.poll()
    poll.register(1, 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return True


def _no_memory(error: Exception) -> str:
    """What to do where a device has too little memory; '' for other errors."""
    said = str(error)
    if not isinstance(error, jax.errors.JaxRuntimeError) or _NO_MEMORY not in said:
        return ""
    what = said.split(_NO_MEMORY)[1].lstrip(": ").splitlines()[0].split(" [")[0]
    return (
        f"a device is out of memory: {what.rstrip('.')}.\nTake fewer runs at once, "
        "--config.engine.classifier.runs_per_device=8 or less (engine.motion likewise; "
        "what was saved resumes), or a smaller batch_size, or end what else runs there."
    )


def _parse(argv: Sequence[str], *, text: str) -> list[str]:
    """absl's parser, but any bad flag or config is a line and exit code 2."""
    if {"--help", "-h", "-help", "--helpfull"} & set(argv[1:]):
        _help(text)
    try:
        app.define_help_flags()
        return flags.FLAGS(config.located(argv))
    except Exception as error:  # a config is the user's own Python file
        _fail(_explain(error), BAD_INPUT)


def _help(text: str) -> None:
    """What the command is for, and its flags: exit code 0."""
    lines = [text.strip(), "", "Flags:"]
    for module, found in sorted(flags.FLAGS.flags_by_module_dict().items()):
        if module.startswith(("selfme_jax.", "__main__", sys.argv[0])):
            lines += [
                f"  --{f.name}: {' '.join((f.help or '').split())}" for f in found
            ]
    if "config" in flags.FLAGS:
        lines += ["  --config.KEY=VALUE: any key of it; all stand in its base.py."]
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:
        _unheard()
    sys.exit(0)


def _explain(error: Exception) -> str:
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    if isinstance(error, KeyError):
        lines = str(error.args[0]).splitlines()
        what = lines[0].split(" Other fields present")[0].rstrip(".")
        hint = lines[-1] if len(lines) > 1 else "All keys stand in configs/base.py."
        return f"unknown config key: {what}. {hint}"
    lines = [line for line in str(error).splitlines() if line.strip()]
    # Messages about the file may hold a traceback: what went wrong is the last line.
    if isinstance(error, OSError) or any(line.startswith("Trace") for line in lines):
        return f"the config file cannot be read: {lines[-1].strip()}. Correct it."
    text = " ".join(" ".join(lines).split()).rstrip(".")
    if isinstance(error, flags.Error):
        return f"{text}. Try --help."
    return f"{text}. Correct the config file."


def _fail(text: str, code: int, member: pods.Member | None = None) -> NoReturn:
    if text:
        print(f"error: {_readable(text)}", file=sys.stderr, flush=True)
    if member:
        member.leave(code, text)
    if code in (PREEMPTED, INTERRUPTED):
        # A signal's exception that came while JAX traced or compiled leaves it in a
        # state whose orderly end is a segmentation fault. All that is ours is closed.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


def _readable(text: str) -> str:
    """A message without what a terminal obeys, and no line of it without end.

    Names of a user's files and values of flags stand in messages, whatever they hold.
    """
    lines = []
    for line in text.split("\n"):
        shown = "".join(c if c.isprintable() else "?" for c in line)
        if more := len(shown[_LONGEST:]):
            shown = f"{shown[:_LONGEST]} ... (and {more} characters)"
        lines.append(shown)
    return "\n".join(lines)


def _cache_compilations() -> None:
    """Compiled programs outlive the process, so that running again starts fast."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(files.cache()))
