"""/view and /upload/image."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from gpu.engines.comfyui.files import ANNOTATION, ROOTS, Files, OutsideError, content_type, encoded


class PictureRoutes:
    """Pictures in and out."""

    def __init__(self, files: Files) -> None:
        self.files = files

    async def view(self, request: web.Request) -> web.StreamResponse:
        found = self._asked(request)
        if isinstance(found, int):
            return web.Response(status=found)
        headers = {"Content-Disposition": f'filename="{found.name}"'}
        preview, channel = request.query.get("preview", ""), request.query.get("channel", "rgba")
        if preview or channel in ("rgb", "a"):
            body, kind = await asyncio.to_thread(encoded, found, preview, channel)
            return web.Response(body=body, content_type=kind, headers=headers)
        headers |= {"X-Content-Type-Options": "nosniff", "Content-Type": content_type(found)}
        return web.FileResponse(found, headers=headers)

    def _asked(self, request: web.Request) -> Path | int:
        """Returns the file, or the status that refuses it."""
        if "filename" not in request.query:
            return 404
        annotated = ANNOTATION.match(request.query["filename"])
        name, root = annotated.groups() if annotated else (request.query["filename"], None)
        root = root or request.query.get("type", "output")
        if not name or name.startswith("/") or ".." in name or root not in ROOTS:
            return 400
        try:
            path = self.files.place(root, request.query.get("subfolder", ""), Path(name).name)
        except OutsideError:
            return 403
        return path if path.is_file() else 404

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        picture = form.get("image")
        if picture is None:
            return web.Response(status=400)
        root, subfolder = str(form.get("type", "input")), str(form.get("subfolder", ""))
        if not isinstance(picture, web.FileField) or root not in ROOTS:
            raise ValueError(root)  # ComfyUI trips over both, and answers 500
        if not picture.filename:
            return web.Response(status=400)
        overwrite = form.get("overwrite") in ("true", "1")
        data = picture.file.read()
        try:
            stored = self.files.upload(root, subfolder, picture.filename, data, overwrite=overwrite)
        except OutsideError:
            return web.Response(status=400)
        return web.json_response(asdict(stored))
