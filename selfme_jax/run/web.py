"""The page of this machine: films go in by HTTP, reports come out; nothing else.

No request leaves the machine, and none from other pages is heard: requests that change
something need a header that a browser lets no other page send, and names of hosts other
than this machine's are refused.
"""

import contextlib
import secrets
import tempfile
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selfme_jax import files
from selfme_jax.data.videos import clips
from selfme_jax.data.videos.reading import DamagedError
from selfme_jax.inference import sources
from selfme_jax.report import clip_page
from selfme_jax.run import example, own_clips
from selfme_jax.run.own_clips import Work
from selfme_jax.types import UserError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

HEADER = "x-selfme"  # that a page of another place cannot send
HOSTS = ["127.0.0.1", "localhost", "[::1]"]
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-src 'self'; media-src 'self' blob:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; script-src {script}"
)


class Limits(NamedTuple):
    """Of what is taken: bytes of a file and seconds of a film."""

    megabytes: int = 500
    minutes: int = 10


@dataclass
class Job:
    """A film on its way; state: waiting | working | done | failed."""

    folder: Path
    state: str = "waiting"
    what: str = ""
    share: float = 0.0
    error: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def told(self) -> dict[str, Any]:
        """As the page asks for it."""
        keys = ("state", "what", "share", "error")
        return {key: getattr(self, key) for key in keys}


class StoppedError(Exception):
    """Nobody waits for the answer any more."""


def create(work: Work, limits: Limits) -> "Starlette":
    """The application; what is uploaded lies in a folder that ends with it."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.routing import Route

    jobs: dict[str, Job] = {}
    scratch = tempfile.TemporaryDirectory(prefix="selfme_app_")
    one_by_one = ThreadPoolExecutor(1)

    @contextlib.asynccontextmanager
    async def alive(app: Any) -> AsyncIterator[None]:
        del app
        yield
        for job in jobs.values():
            job.stop.set()
        one_by_one.shutdown(wait=True, cancel_futures=True)
        scratch.cleanup()

    def begin() -> tuple[str, Job]:
        name = secrets.token_urlsafe(12)
        jobs[name] = Job(Path(scratch.name) / name)
        jobs[name].folder.mkdir()
        return name, jobs[name]

    async def page(request: "Request"):
        nonce = secrets.token_urlsafe(12)
        return _page(nonce, limits)

    async def upload(request: "Request"):
        if refusal := _foreign(request):
            return refusal
        given = Path(request.query_params.get("name", "clip")).name
        suffix = Path(given).suffix.lower()
        if suffix not in clips.VIDEOS:
            known = ", ".join(clips.VIDEOS)
            return _said(
                f"{given} is no film that this reads. Give one of {known}.", 415
            )
        name, job = begin()
        place, size = job.folder / f"clip{suffix}", 0
        with place.open("wb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limits.megabytes * 2**20:
                    break
                file.write(chunk)
        if size > limits.megabytes * 2**20:
            _forget(jobs, name)
            return _said(f"{given} has more than {limits.megabytes} MB.", 413)
        one_by_one.submit(answer, job, place, given, work, limits)
        return _json({"job": name}, 202)

    async def show(request: "Request"):
        if refusal := _foreign(request):
            return refusal
        name, job = begin()
        one_by_one.submit(answer, job, None, example.NAME, work, limits)
        return _json({"job": name}, 202)

    async def state(request: "Request"):
        job = jobs.get(request.path_params["job"])
        return _json(job.told(), 200) if job else _said("no such film", 404)

    async def forget(request: "Request"):
        if refusal := _foreign(request):
            return refusal
        _forget(jobs, request.path_params["job"])
        return _json({}, 200)

    async def file(request: "Request"):
        return _file(jobs.get(request.path_params["job"]), request.path_params["path"])

    return Starlette(
        routes=[
            Route("/", page),
            Route("/clips", upload, methods=["POST"]),
            Route("/example", show, methods=["POST"]),
            Route("/clips/{job}", state),
            Route("/clips/{job}", forget, methods=["DELETE"]),
            Route("/clips/{job}/{path:path}", file),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)],
        lifespan=alive,
    )


def answer(
    job: Job, place: Path | None, given: str, work: Work, limits: Limits
) -> None:
    """Answer a film; whatever happens, its job says how it ended."""

    def tell(what: str, done: int, total: int) -> None:
        if job.stop.is_set():
            raise StoppedError
        job.what, job.share = what, own_clips.share(what, done, total)

    job.state = "working"
    try:
        with files.guard():
            found = sources.find([example.clip() if place is None else place])
            (source,) = found.sources
            lasts = source.expected / source.fps if source.fps else 0
            if lasts > 60 * limits.minutes:
                raise UserError(
                    f"{given} lasts {lasts / 60:.0f} minutes; here {limits.minutes} "
                    "are taken. Use python -m selfme_jax.predict."
                )
            named = source._replace(path=given, name=given)
            own_clips.one(work, named, job.folder / "out", tell)
        job.state, job.share = "done", 1.0
    except StoppedError:
        job.state = "failed"
    except (UserError, DamagedError) as error:
        job.state, job.error = "failed", str(error)
    except Exception as error:  # the server goes on, and the page is told
        job.state, job.error = "failed", f"this failed here: {error!r}"
    finally:
        if place is not None:
            place.unlink(missing_ok=True)


def _page(nonce: str, limits: Limits):
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from starlette.responses import HTMLResponse

    environment = Environment(
        loader=PackageLoader("selfme_jax.run", package_path="."),
        autoescape=True,
        undefined=StrictUndefined,
    )
    text = environment.get_template("web.html.j2").render(
        nonce=nonce,
        limits=limits,
        caution=clip_page.CAUTION,
        header=HEADER,
        kinds=",".join(clips.VIDEOS),
    )
    return HTMLResponse(text, headers=_headers(f"'nonce-{nonce}'"))


def _file(job: Job | None, path: str):
    """A file of a report; nothing from elsewhere."""
    from starlette.responses import FileResponse

    if job is None or job.state != "done":
        return _said("no such film", 404)
    root = (job.folder / "out").resolve()
    place = (root / path).resolve()
    if not place.is_relative_to(root) or not place.is_file():
        return _said("no such file", 404)
    return FileResponse(place, headers=_headers("'none'"))


def _foreign(request: "Request"):
    """A refusal of what another page sent; None where this one did."""
    if request.headers.get(HEADER):
        return None
    return _said("only the page of this machine may ask for that", 403)


def _forget(jobs: dict[str, Job], name: str) -> None:
    import shutil

    if job := jobs.pop(name, None):
        job.stop.set()
        shutil.rmtree(job.folder, ignore_errors=True)


def _said(text: str, status: int):
    return _json({"error": text}, status)


def _json(content: dict, status: int):
    from starlette.responses import JSONResponse

    return JSONResponse(content, status_code=status, headers=_headers("'none'"))


def _headers(script: str) -> dict[str, str]:
    return {
        "content-security-policy": _POLICY.format(script=script),
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
