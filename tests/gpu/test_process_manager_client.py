from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gpu.services import errors
from gpu.services.process_manager import Memory, NotStartedError, NotStoppedError, ProcessManager
from launch.ports import free_port
from tests.standins.process_manager import Manager, Program

TOKEN = "a token of thirty-two letters...."
NVIDIA = "#!/bin/sh\necho '1000, 400, 600'\n"


@pytest.fixture
def comfyui() -> Program:
    return Program("comfyui", "--say", "hello")


@pytest.fixture
def manager(tmp_path: Path, comfyui: Program) -> Iterator[Manager]:
    (tmp_path / "nvidia-smi").write_text(NVIDIA)
    (tmp_path / "nvidia-smi").chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    with Manager(tmp_path, Program("ollama"), comfyui, token=TOKEN, environ=environ) as running:
        yield running


@pytest.fixture
def client(manager: Manager) -> ProcessManager:
    return ProcessManager(manager.url + "/", TOKEN, wait=30)


def test_the_status_is_read(client: ProcessManager) -> None:
    status = client.status()
    ollama = status.services["ollama"]
    assert list(status.services) == ["ollama", "comfyui"]
    assert (ollama.name, ollama.state, ollama.ready, ollama.pid) == ("ollama", "stopped", False, None)
    assert abs(datetime.now(UTC) - ollama.since) < timedelta(seconds=60)
    assert status.memory == Memory(total=1000 * 2**20, used=400 * 2**20, free=600 * 2**20)


def test_services_are_started_switched_restarted_and_stopped(client: ProcessManager) -> None:
    first = client.start("ollama")
    assert (first.state, first.ready, first.ours) == ("ready", True, True)
    second = client.switch("comfyui")
    assert client.status().services["ollama"].state == "stopped"
    assert client.restart("comfyui").pid not in (None, second.pid)
    assert client.log("comfyui") == ("hello",)
    assert client.stop("comfyui").state == "stopped"


def test_a_service_that_computes_is_busy_with_the_reason(client: ProcessManager, comfyui: Program) -> None:
    client.start("comfyui")
    comfyui.show(drawing=True)
    with pytest.raises(errors.ServiceBusyError, match="ComfyUI is drawing: 1 running") as caught:
        client.switch("ollama")
    assert caught.value.about["reason"] == "ComfyUI is drawing: 1 running, 0 waiting."
    assert client.stop("comfyui", force=True).state == "stopped"


def test_what_did_not_start_says_why(tmp_path: Path) -> None:
    program = Program("comfyui", "--die", "3", "--say", "no CUDA")
    with (
        Manager(tmp_path, program) as manager,
        pytest.raises(NotStartedError, match="exited at once with code 3: no CUDA"),
    ):
        ProcessManager(manager.url).start("comfyui")


def test_what_starts_too_slowly_is_not_started_either(tmp_path: Path) -> None:
    with (
        Manager(tmp_path, Program("comfyui", "--once", str(tmp_path / "never"))) as manager,
        pytest.raises(NotStartedError, match=r"is not ready after 0\.1 s"),
    ):
        ProcessManager(manager.url, wait=0.1).start("comfyui")


def test_what_does_not_give_its_memory_back_says_so(tmp_path: Path) -> None:
    ollama = Program("ollama", stop_by="unload", stop_timeout=0.2)
    with Manager(tmp_path, ollama) as manager:
        client = ProcessManager(manager.url)
        client.start("ollama")
        ollama.show(models=["llava:13b"], holds_on=True)
        with pytest.raises(NotStoppedError, match="still holds llava:13b"):
            client.stop("ollama")


def test_a_wrong_token_is_refused(manager: Manager) -> None:
    with pytest.raises(errors.ServiceRefusedError, match="token is missing or wrong"):
        ProcessManager(manager.url, "wrong").status()


def test_an_unknown_service_is_named(client: ProcessManager) -> None:
    with pytest.raises(errors.ServiceError, match="There is no service 'nobody'"):
        client.start("nobody")


def test_nobody_there_is_down() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(errors.ServiceDownError) as caught:
        ProcessManager(url).status()
    assert caught.value.about == {"url": url}


def test_something_else_at_the_address_is_garbled(client: ProcessManager, comfyui: Program) -> None:
    client.start("comfyui")
    with pytest.raises(errors.GarbledError):
        ProcessManager(comfyui.url).status()
    with pytest.raises(errors.ServiceError):
        ProcessManager(comfyui.url).start("ollama")
