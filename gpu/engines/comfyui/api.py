"""The HTTP API: each route stands at its path and under /api."""

from __future__ import annotations

import json
import platform
import sys
import time
import uuid
from typing import Any

import psutil
from aiohttp import web

from gpu.engines.comfyui import catalog, jobs
from gpu.engines.comfyui.engine import Engine
from gpu.engines.comfyui.line import Prompt
from gpu.engines.comfyui.pictures import PictureRoutes
from gpu.engines.comfyui.validation import BAD_ID, NO_PROMPT, Error, validate

VERSION = "0.33.0"


def routes(engine: Engine) -> list[web.RouteDef]:
    """Returns every route of the server."""
    api, pictures = Api(engine), PictureRoutes(engine.files)
    table = [
        web.get("/ws", engine.sockets.serve),
        web.get("/system_stats", api.system_stats),
        web.get("/features", api.features),
        web.get("/queue", api.queue),
        web.post("/queue", api.change_queue),
        web.get("/prompt", api.remaining),
        web.post("/prompt", api.prompt),
        web.post("/interrupt", api.interrupt),
        web.post("/free", api.free),
        web.get("/history", api.history),
        web.post("/history", api.change_history),
        web.get("/history/{id}", api.history_of),
        web.get("/object_info", api.object_info),
        web.get("/object_info/{class}", api.object_info_of),
        web.get("/models", api.folders),
        web.get("/models/{folder}", api.models),
        web.get("/embeddings", api.embeddings),
        web.get("/view", pictures.view),
        web.post("/upload/image", pictures.upload),
    ]
    under_api = [web.route(route.method, f"/api{route.path}", route.handler) for route in table]
    only_api = [
        web.get("/api/jobs", api.jobs),
        web.post("/api/jobs/cancel", api.cancel_jobs),
        web.get("/api/jobs/{id}", api.job),
        web.post("/api/jobs/{id}/cancel", api.cancel_job),
    ]
    return [*table, *under_api, *only_api]


class Api:
    """What is asked and answered in JSON."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.line = engine, engine.line

    async def system_stats(self, request: web.Request) -> web.Response:
        ram = psutil.virtual_memory()
        system = {
            "os": sys.platform,
            "ram_total": ram.total,
            "ram_free": ram.available,
            "comfyui_version": VERSION,
            "required_frontend_version": "",
            "installed_templates_version": "",
            "required_templates_version": "",
            "comfy_package_versions": [],
            "python_version": platform.python_version(),
            "pytorch_version": "0 (stand-in)",
            "embedded_python": False,
            "deploy_environment": "stand-in",
            "argv": ["gpu.engines.comfyui"],
        }
        return web.json_response({"system": system, "devices": [self.engine.memory.device()]})

    async def features(self, request: web.Request) -> web.Response:
        return web.json_response(catalog.FEATURES)

    async def embeddings(self, request: web.Request) -> web.Response:
        return web.json_response([])

    async def queue(self, request: web.Request) -> web.Response:
        running = [self.line.running.item()] if self.line.running else []
        pending = [prompt.item() for prompt in self.line.pending]
        return web.json_response({"queue_running": running, "queue_pending": pending})

    async def change_queue(self, request: web.Request) -> web.Response:
        told = await request.json()
        if told.get("clear"):
            self.line.clear()
        for prompt_id in told.get("delete") or []:
            self.line.delete(prompt_id)
        return web.Response()

    async def remaining(self, request: web.Request) -> web.Response:
        return web.json_response({"exec_info": {"queue_remaining": self.line.remaining}})

    async def prompt(self, request: web.Request) -> web.Response:
        told = await request.json()
        number = self._number(told)
        if "prompt" not in told:
            return _refused(NO_PROMPT)
        prompt_id = told.get("prompt_id") or str(uuid.uuid4())
        if not _canonical(prompt_id):
            return _refused(BAD_ID)
        verdict = validate(told["prompt"], self.engine.files.exists)
        if verdict.error:
            return _refused(verdict.error, verdict.node_errors)
        extra_data = dict(told.get("extra_data") or {})
        if "client_id" in told:
            extra_data["client_id"] = told["client_id"]
        extra_data["create_time"] = int(time.time() * 1000)
        self.line.put(Prompt(number, prompt_id, told["prompt"], extra_data, verdict.outputs))
        answer = {"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors}
        return web.json_response(answer)

    def _number(self, told: dict[str, Any]) -> float:
        if "number" in told:
            return float(told["number"])
        number = self.line.number
        self.line.number += 1
        return -number if told.get("front") else number

    async def interrupt(self, request: web.Request) -> web.Response:
        try:
            told = await request.json()
        except json.JSONDecodeError:
            told = {}
        self.engine.interrupt(told.get("prompt_id"))
        return web.Response()

    async def free(self, request: web.Request) -> web.Response:
        told = await request.json()
        flags = {name for name in ("unload_models", "free_memory") if told.get(name)}
        if flags:
            self.line.ask_for_memory(flags)
        return web.Response()

    async def history(self, request: web.Request) -> web.Response:
        entries = list(self.line.history.items())
        most, offset = int(request.query.get("max_items", 0)), int(request.query.get("offset", -1))
        if offset < 0:
            offset = max(len(entries) - most, 0) if most else 0
        return web.json_response(dict(entries[offset : offset + most] if most else entries[offset:]))

    async def history_of(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        entry = self.line.history.get(prompt_id)
        return web.json_response({prompt_id: entry} if entry else {})

    async def change_history(self, request: web.Request) -> web.Response:
        told = await request.json()
        if told.get("clear"):
            self.line.history.clear()
        for prompt_id in told.get("delete") or []:
            self.line.history.pop(prompt_id, None)
        return web.Response()

    async def object_info(self, request: web.Request) -> web.Response:
        pictures = self.engine.files.inputs()
        return web.json_response({name: catalog.described(name, pictures) for name in catalog.NODES})

    async def object_info_of(self, request: web.Request) -> web.Response:
        name = request.match_info["class"]
        found = name in catalog.NODES
        pictures = self.engine.files.inputs()
        return web.json_response({name: catalog.described(name, pictures)} if found else {})

    async def folders(self, request: web.Request) -> web.Response:
        return web.json_response(list(catalog.FOLDERS))

    async def models(self, request: web.Request) -> web.Response:
        names = catalog.FOLDERS.get(request.match_info["folder"])
        return web.Response(status=404) if names is None else web.json_response(names)

    async def jobs(self, request: web.Request) -> web.Response:
        wanted = [part for part in request.query.get("status", "").split(",") if part]
        if strange := [status for status in wanted if status not in jobs.STATUSES]:
            text = f"Invalid status value(s): {', '.join(strange)}. Valid values: {', '.join(jobs.STATUSES)}"
            return web.json_response({"error": text}, status=400)
        found = [job for job in jobs.every(self.line) if not wanted or job["status"] in wanted]
        offset = int(request.query.get("offset", 0))
        limit = int(request.query["limit"]) if "limit" in request.query else None
        page = found[offset:] if limit is None else found[offset : offset + limit]
        more = offset + len(page) < len(found)
        pagination = {"offset": offset, "limit": limit, "total": len(found), "has_more": more}
        return web.json_response({"jobs": page, "pagination": pagination})

    async def job(self, request: web.Request) -> web.Response:
        found = jobs.one(self.line, request.match_info["id"])
        if found is None:
            return web.json_response({"error": "Job not found"}, status=404)
        return web.json_response(found)

    async def cancel_job(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["id"]
        return web.json_response({"cancelled": self._cancel(prompt_id)})

    async def cancel_jobs(self, request: web.Request) -> web.Response:
        told = await request.json()
        cancelled = [self._cancel(prompt_id) for prompt_id in told["job_ids"]]
        return web.json_response({"cancelled": any(cancelled)})

    def _cancel(self, prompt_id: str) -> bool:
        return self.line.delete(prompt_id) or self.engine.interrupt(prompt_id)


def _refused(error: Error, node_errors: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"error": error, "node_errors": node_errors or {}}, status=400)


def _canonical(prompt_id: Any) -> bool:
    try:
        return bool(str(uuid.UUID(prompt_id)) == prompt_id)
    except (ValueError, AttributeError, TypeError):
        return False
