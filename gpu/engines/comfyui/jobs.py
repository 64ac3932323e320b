"""/api/jobs: queue and history as one list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpu.engines.comfyui.line import Line, Prompt

STATUSES = ("pending", "in_progress", "completed", "failed", "cancelled")


def every(line: Line) -> list[dict[str, Any]]:
    """Returns all jobs, the newest first."""
    waiting = [_waiting(prompt, "pending") for prompt in line.pending]
    running = [_waiting(line.running, "in_progress")] if line.running else []
    ended = [_ended(prompt_id, entry) for prompt_id, entry in line.history.items()]
    return sorted([*waiting, *running, *ended], key=lambda job: -job["create_time"])


def one(line: Line, prompt_id: str) -> dict[str, Any] | None:
    """Returns a job with all that is known of it."""
    if (entry := line.history.get(prompt_id)) is None:
        return next((job for job in every(line) if job["id"] == prompt_id), None)
    _, _, graph, extra_data, _ = entry["prompt"]
    return {
        **_ended(prompt_id, entry),
        "outputs": entry["outputs"],
        "execution_status": entry["status"],
        "workflow": {"prompt": graph, "extra_data": extra_data},
    }


def _waiting(prompt: Prompt, status: str) -> dict[str, Any]:
    return {
        "id": prompt.id,
        "status": status,
        "priority": prompt.number,
        "create_time": prompt.extra_data["create_time"],
        "outputs_count": 0,
        "previewable_outputs_count": 0,
    }


def _ended(prompt_id: str, entry: dict[str, Any]) -> dict[str, Any]:
    number, _, _, extra_data, _ = entry["prompt"]
    messages = entry["status"]["messages"]
    last, told = messages[-1]
    kinds = {"execution_success": "completed", "execution_interrupted": "cancelled"}
    job = {
        "id": prompt_id,
        "status": kinds.get(last, "failed"),
        "priority": number,
        "create_time": extra_data["create_time"],
        "execution_start_time": messages[0][1]["timestamp"],
        "execution_end_time": told["timestamp"],
    }
    if last == "execution_error":
        job["execution_error"] = told
    pictures = list(_pictures(entry["outputs"]))
    job |= {"outputs_count": len(pictures), "previewable_outputs_count": len(pictures)}
    return job | ({"preview_output": pictures[-1]} if pictures else {})


def _pictures(outputs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for node, output in outputs.items():
        for picture in output.get("images", []):
            yield {**picture, "nodeId": node, "mediaType": "images"}
