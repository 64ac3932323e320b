"""ComfyUI's websocket: what happens to one prompt, while it happens.

Only a hint: events get lost, and `execution_success` comes before the history has its entry. What became
of a prompt is decided by `ComfyUI.find` and `history`; an "ended" event is a good moment to ask.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

import websocket

from gpu.services import errors
from gpu.services.comfyui.records import Failure, Output, read_failure, read_outputs
from gpu.services.wire import CONNECT_TIMEOUT, KEEPALIVE, HungUpError

Kind = Literal[
    "started", "cached", "node", "progress", "preview", "output",
    "succeeded", "failed", "interrupted", "ended", "quiet",
]  # fmt: skip
PREVIEW, PREVIEW_WITH_METADATA = 1, 4
FORMATS = {1: "image/jpeg", 2: "image/png"}
FEATURES = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
BROKEN = (websocket.WebSocketException, OSError, AttributeError, ValueError)


@dataclass(frozen=True)
class Event:
    """Something that happened to the prompt; which fields are set goes by `kind`.

    "node" and "progress" name the `node`, and progress how many steps of `maximum` are over; "cached" the
    `nodes` that need not run; "preview" is a picture; "output" and "failed" what they say. "quiet":
    nothing came for a while; a moment to look elsewhere.
    """

    kind: Kind
    node: str = ""
    value: float = 0.0
    maximum: float = 0.0
    nodes: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    failure: Failure | None = None
    data: bytes = field(default=b"", repr=False)
    content_type: str = ""


class Events:
    """One connection with a client_id of its own: enter it, submit with that id, iterate `of(prompt_id)`.

    Entering raises ServiceDownError, HungUpError. ComfyUI sends nothing twice: what was missed is missed.
    """

    def __init__(self, url: str, *, previews: bool = True) -> None:
        self.client_id = str(uuid.uuid4())
        self._url, self._previews = url, previews
        self._socket = websocket.WebSocket(skip_utf8_validation=True)
        self._hung_up = False
        self._speaks_of = ""
        self._progress = ("", -1.0)

    def __enter__(self) -> Self:
        try:
            parts = urlsplit(self._url)
            scheme = "wss" if parts.scheme == "https" else "ws"
            address = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}/ws?clientId={self.client_id}"
            self._socket.connect(  # type: ignore[no-untyped-call]
                address,
                socket=_connected(parts),
                suppress_origin=True,  # ComfyUI refuses origins other than its own
                redirect_limit=0,
            )
            if self._previews:
                self._socket.send(FEATURES)
        except BROKEN as error:
            self._close()
            if self._hung_up:
                raise HungUpError from None
            raise errors.ServiceDownError(str(error), url=self._url) from error
        if self._hung_up:
            self._close()
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def hang_up(self) -> None:
        """End the connection from any thread; a blocked `of` raises HungUpError at once."""
        self._hung_up = True
        connected = self._socket.sock
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def of(self, prompt_id: str, quiet_seconds: float = 1.0) -> Iterator[Event]:
        """Yield what happens to the prompt, up to "ended"; "quiet" whenever nothing came for that long.

        Raises CutOffError when the connection breaks, HungUpError after `hang_up`.
        """
        while True:
            for event in self._next(prompt_id, quiet_seconds):
                yield event
                if event.kind == "ended":
                    return

    def _next(self, prompt_id: str, quiet_seconds: float) -> list[Event]:
        try:
            self._socket.settimeout(quiet_seconds)
            opcode, frame = self._socket.recv_data()
        except websocket.WebSocketTimeoutException:
            return [Event("quiet")]
        except BROKEN as error:
            raise self._broken(str(error)) from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise self._broken("closed")
        try:
            found = self._message(frame) if opcode == websocket.ABNF.OPCODE_TEXT else self._picture(frame)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error):
            return []  # custom nodes send whatever they like
        return [found] if found and self._speaks_of == prompt_id else []

    def _broken(self, text: str) -> Exception:
        return HungUpError() if self._hung_up else errors.CutOffError(text)

    def _message(self, frame: bytes) -> Event | None:
        told = json.loads(frame)
        data = told["data"]
        if "prompt_id" not in data:
            return None
        self._speaks_of = str(data["prompt_id"])
        return self._read(str(told["type"]), data)

    def _read(self, kind: str, data: dict[str, Any]) -> Event | None:
        if kind == "progress":
            return self._advance(str(data["node"]), float(data["value"]), float(data["max"]))
        if kind == "progress_state":
            running = [(node, state) for node, state in data["nodes"].items() if state["state"] == "running"]
            node, state = running[-1]
            return self._advance(node, float(state["value"]), float(state["max"]))
        if kind == "executing":
            return Event("node", node=str(data["node"])) if data["node"] is not None else Event("ended")
        if kind == "executed":
            node = str(data["node"])
            return Event("output", node=node, outputs=tuple(read_outputs({node: data["output"]})))
        if kind == "execution_cached":
            return Event("cached", nodes=tuple(str(node) for node in data["nodes"]))
        if kind == "execution_error":
            return Event("failed", node=str(data["node_id"]), failure=read_failure(data))
        plain: dict[str, Kind] = {
            "execution_start": "started",
            "execution_success": "succeeded",
            "execution_interrupted": "interrupted",
        }
        return Event(plain[kind]) if kind in plain else None

    def _advance(self, node: str, value: float, maximum: float) -> Event | None:
        """Return a step once: the same is told as `progress` and in `progress_state`."""
        if maximum <= 1 or value <= 0 or (node, value) == self._progress:
            return None
        self._progress = (node, value)
        return Event("progress", node=node, value=value, maximum=maximum)

    def _picture(self, frame: bytes) -> Event | None:
        kind, second = struct.unpack_from(">II", frame)
        if kind == PREVIEW:  # says not whose it is: it belongs to what was spoken of last
            return Event("preview", data=frame[8:], content_type=FORMATS.get(second, "image/jpeg"))
        if kind != PREVIEW_WITH_METADATA:
            return None
        about = json.loads(frame[8 : 8 + second])
        self._speaks_of = str(about["prompt_id"])
        content_type = str(about.get("image_type") or "image/jpeg")
        return Event(
            "preview", node=str(about["node_id"]), data=frame[8 + second :], content_type=content_type
        )


def _connected(parts: SplitResult) -> socket.socket:
    """Return a connection made by ourselves: websocket-client would go through the environment's proxy."""
    secure = parts.scheme == "https"
    place = (parts.hostname or "", parts.port or (443 if secure else 80))
    plain = socket.create_connection(place, CONNECT_TIMEOUT)
    for option in KEEPALIVE:
        plain.setsockopt(*option)
    try:
        return _secured(plain, parts.hostname) if secure else plain
    except OSError:
        plain.close()
        raise


def _secured(plain: socket.socket, name: str | None) -> socket.socket:
    return ssl.create_default_context().wrap_socket(plain, server_hostname=name)
