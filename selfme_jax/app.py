"""A page of this machine: upload a film of a face, or take one, and see the answer.

    python -m selfme_jax.app [--port=7860] [--model=builtin|DIR]

Needs the extra app. It listens on this machine alone, and asks nobody for anything;
what is uploaded is deleted at the end. docs/own_clips.md says what is answered.
"""

if __name__ == "__main__":  # before the imports, which take seconds
    from selfme_jax.train import preemption

    preemption.starting()

from absl import flags

from selfme_jax import extras
from selfme_jax.inference.predictor import Options
from selfme_jax.run import answerers, cli, web
from selfme_jax.run.own_clips import Work
from selfme_jax.run.web import Limits
from selfme_jax.types import UserError

HOST = "127.0.0.1"


def define() -> None:
    """The flags. Not at import: other entry points have some of the same names."""
    flags.DEFINE_integer("port", 7860, "Of the page; 0: any that is free.")
    flags.DEFINE_string("model", answerers.BUILTIN, "See python -m selfme_jax.predict.")
    flags.DEFINE_string("fold", "", "Of a workdir: who was held out.")
    flags.DEFINE_integer("megabytes", Limits().megabytes, "Largest film.")
    flags.DEFINE_integer("minutes", Limits().minutes, "Longest film.")


def main() -> None:
    """Serve until ctrl-C."""
    flag = flags.FLAGS
    try:
        import starlette  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise UserError(
            f"the page needs an extra. Install it: {extras.advice('app')}"
        ) from error
    predictor = answerers.load(flag.model, fold=flag.fold)
    work = Work(predictor, Options(), command="python -m selfme_jax.app")
    server = web.create(work, Limits(flag.megabytes, flag.minutes))
    config = uvicorn.Config(server, HOST, flag.port, log_level="error")
    try:
        socket = config.bind_socket()
    except SystemExit as error:
        raise UserError(
            f"port {flag.port} of this machine is in use. Choose another --port."
        ) from error
    socket.listen()  # from here on a browser waits, and is not refused
    port = socket.getsockname()[1]
    print(f"open http://{HOST}:{port}/ in a browser; ctrl-C ends it", flush=True)
    uvicorn.Server(config).run(sockets=[socket])


def start() -> None:
    """The command."""
    define()
    cli.run(main)


if __name__ == "__main__":
    start()
