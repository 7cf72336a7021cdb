"""The page's server: this machine's own name alone, nothing fetched from elsewhere."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from drr_jax.errors import InputError

# What the browser may load: this server, and what stands in the page.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    )
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)
FILE = "/file="  # of Gradio's addresses of uploads
LOCAL = ("127.0.0.1", "localhost", "[::1]")
GOODBYE = 1  # seconds that open connections are waited for


class Guarded:
    """An ASGI application behind HEADERS, which answers to its own host names alone.

    Otherwise a page on the web could reach it by a name that it lets point to this machine.
    """

    def __init__(self, inner: Any, hosts: tuple[str, ...] | None) -> None:
        self._inner, self._hosts = inner, hosts

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._inner(scope, receive, send)
            return
        asked = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if self._hosts is not None and asked.rsplit(":", 1)[0] not in self._hosts:
            answer = {"type": "http.response.start", "status": 421, "headers": []}
            if scope["type"] == "http":
                await send(answer)
                await send({"type": "http.response.body", "body": b"no such host here\n"})
            else:
                await send({"type": "websocket.close"})
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                replaced = {name for name, _ in HEADERS}
                kept = [pair for pair in message["headers"] if pair[0].lower() not in replaced]
                if not scope["path"].startswith(("/assets/", "/static/")):
                    kept += HEADERS
                else:  # their names change with what is in them
                    kept += [*HEADERS[:-1], (b"cache-control", b"max-age=3600")]
                message = {**message, "headers": kept}
            await send(message)

        try:
            await self._inner(scope, receive, guarded)
        except (FileNotFoundError, RuntimeError):
            # The browser asks for the preview of an upload that is answered and gone by now.
            if FILE not in scope["path"]:
                raise


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises InputError for a taken port and an unknown host."""
    where = f"--host={host} --port={port}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((host, port))
            found.listen(64)
        except BaseException:
            found.close()
            raise
    except OSError as error:
        raise InputError(
            f"{where}: {error.strerror or error}; another page may be there: give another --port, "
            "or --port=0 for any that is free"
        ) from None
    return found


def serve(application: Any, place: socket.socket, host: str, ready: Callable[[str], None]) -> None:
    """Serves until a signal: then its `stops.Stopped` goes through, with the server closed.

    `ready` is told the address once it can be opened.
    """
    import uvicorn

    hosts = LOCAL if host in LOCAL or host == "::1" else None
    config = uvicorn.Config(
        Guarded(application, hosts),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GOODBYE,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    try:
        while thread.is_alive() and not server.started:
            time.sleep(0.02)
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{place.getsockname()[1]}/")
        while thread.is_alive():  # a join would let no signal through on some systems
            thread.join(0.5)
    finally:
        server.should_exit = True
        thread.join(GOODBYE + 4)
        place.close()
