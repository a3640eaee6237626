"""The service: what can be asked, and what is answered."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO, Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect

from giblet.codecs import Codec, usual_bandwidth
from giblet.errors import FormatError, GibletError, printable
from giblet.media.untrusted import check_plain
from giblet.serve.desk import Desk
from giblet.serve.limits import BusyError, Limits, TooMuchError, TooSlowError, Watch
from giblet.transcoding import Transcoding, codes_to_sound, sound_to_codes

log = logging.getLogger(__name__)

PAGE = "page.html"
_UPLOAD = "upload"
_FOLDERS = re.compile(r"(?<![\w:/])/(?:[^\s/;,]+/)+")
_STATUS: dict[type[GibletError], int] = {TooMuchError: 413, TooSlowError: 408, BusyError: 503}
_PIECE = 2**16


def create_app(codec: Codec, limits: Limits | None = None) -> FastAPI:
    """Make the service.

    Parameters
    ----------
    codec : Codec
        The one that encodes and decodes; files of others are refused.
    limits : Limits, optional
        What it takes.

    Returns
    -------
    fastapi.FastAPI
        An ASGI application.
    """
    desk = Desk(limits or Limits())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with desk:
            yield

    # The pages that FastAPI would show of itself load scripts from elsewhere.
    app = FastAPI(title="giblet", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_exception_handler(GibletError, _refusal)
    app.add_exception_handler(RequestValidationError, _misunderstanding)
    app.add_exception_handler(ClientDisconnect, lambda *_: Response(status_code=400))
    page = files(__package__).joinpath(PAGE).read_text("utf-8")
    headers = {"Content-Security-Policy": _policy(page), "X-Content-Type-Options": "nosniff"}

    @app.get("/", response_class=HTMLResponse)
    def show_page() -> HTMLResponse:
        """The page to drop files on."""
        return HTMLResponse(page, headers=headers)

    @app.get("/about")
    def about() -> dict[str, Any]:
        """What the service does, and its limits."""
        return {
            "codec": Path(codec.name).name,
            "sample_rate": codec.layout.sample_rate,
            "channels": codec.channels,
            "bandwidths": codec.bandwidths,
            "limits": {"bytes": desk.limits.n_bytes, "seconds": desk.limits.seconds},
        }

    @app.post("/codes")
    async def make_codes(
        request: Request, kind: Literal["ecdc", "nac"] = "ecdc", bandwidth: float | None = None
    ) -> Response:
        """A sound file is the body of the request; its codes are the answer."""
        kbps = usual_bandwidth(codec.bandwidths, bandwidth, 6.0)

        def encode(upload: Path, watch: Watch) -> Transcoding:
            check_plain(upload)
            return sound_to_codes(upload, upload.with_name(f"sound.{kind}"), codec, kbps, progress=watch)

        return await _answered(desk, request, encode, "application/octet-stream")

    @app.post("/sound")
    async def make_sound(request: Request, rescale: bool = False) -> Response:
        """A file of codes is the body of the request; its sound is the answer, as .wav."""

        def decode(upload: Path, watch: Watch) -> Transcoding:
            place = upload.with_name("sound.wav")
            return codes_to_sound(upload, place, codec, rescale=rescale, progress=watch)

        return await _answered(desk, request, decode, "audio/wav")

    return app


async def _answered(
    desk: Desk, request: Request, job: Callable[[Path, Watch], Transcoding], media_type: str
) -> Response:
    async with desk.admitted() as folder:
        upload = folder / _UPLOAD
        await desk.receive(request.stream(), request.headers.get("content-length"), upload)
        made = await desk.work(lambda watch: job(upload, watch), request.is_disconnected)
        # An open file outlives its name, so there is nothing to remove, however the answer ends.
        size, file = made.path.stat().st_size, made.path.open("rb")
    facts = {"seconds": made.seconds, "codebooks": made.header.n_codebooks, "kbps": made.header.bandwidth}
    headers = {
        "Content-Length": str(size),
        "Content-Disposition": f'attachment; filename="{made.path.name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Giblet": json.dumps(facts | {"clipped": made.clipped}),
    }
    return StreamingResponse(iterate_in_threadpool(_pieces(file)), media_type=media_type, headers=headers)


def _pieces(file: BinaryIO) -> Any:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _refusal(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GibletError)
    log.debug("refused: %s", error)
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)
    headers = {"Retry-After": "5"} if status == 503 else {}
    return JSONResponse({"error": sentence(error)}, status, headers)


def _misunderstanding(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return JSONResponse({"error": f"{first['loc'][-1]}: {first['msg']}; see /openapi.json."}, 400)


def sentence(error: GibletError) -> str:
    """Return what an error says, without telling a stranger where files lie here.

    Parameters
    ----------
    error : GibletError
        The error.

    Returns
    -------
    str
        Its sentence; files go by their last name, the upload is *the file*.
    """
    name = None if error.path is None else Path(error.path).name
    where = "" if name is None else "the file: " if name == _UPLOAD else f"{printable(name)}: "
    place = f" (byte {error.offset})" if isinstance(error, FormatError) and error.offset is not None else ""
    return f"{where}{_FOLDERS.sub('', error.problem)}{place}; {_FOLDERS.sub('', error.remedy)}."


def _policy(page: str) -> str:
    """Return what the page may do: run the script and the style that are in it, ask this service, play what it made."""
    hashes = {}
    for tag in ("script", "style"):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        hashes[tag] = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}'; "
        "connect-src 'self'; media-src blob:; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
