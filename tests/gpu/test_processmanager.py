"""The process manager over real processes and sockets."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pytest
import requests

from tests.standins.process_manager import PATIENCE, Manager, Program, wait_for

# --- Starting and stopping -----------------------------------------------------------------------------


def test_a_service_is_started_and_is_ready_when_the_call_returns(tmp_path: Path) -> None:
    program = Program("ollama")
    with Manager(tmp_path, program) as manager:
        assert manager.service("ollama")["state"] == "stopped"
        status, told = manager.post("/start?service=ollama")
        assert program.answers()
    assert (status, told["state"], told["ready"], told["reason"]) == (200, "ready", True, "")
    assert told["since"].endswith("+00:00")


def test_starting_twice_is_the_same_process(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("ollama")) as manager:
        first = manager.post("/start?service=ollama")[1]["pid"]
        assert manager.post("/start?service=ollama")[1]["pid"] == first


def test_a_stopped_service_is_gone_when_the_call_returns(tmp_path: Path) -> None:
    program = Program("ollama")
    with Manager(tmp_path, program) as manager:
        pid = manager.post("/start?service=ollama")[1]["pid"]
        status, told = manager.post("/stop?service=ollama")
        assert (status, told["state"], told["pid"]) == (200, "stopped", None)
        assert not psutil.pid_exists(pid)
        assert not program.answers()


def test_stopping_what_does_not_run_is_fine(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("ollama")) as manager:
        status, told = manager.post("/stop?service=ollama")
    assert (status, told["state"]) == (200, "stopped")


def test_a_restart_is_another_process(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("ollama")) as manager:
        first = manager.post("/start?service=ollama")[1]["pid"]
        status, told = manager.post("/restart?service=ollama")
    assert (status, told["state"]) == (200, "ready")
    assert told["pid"] != first


@pytest.mark.parametrize("kinds", ["ss", "so", "i"], ids=["session", "own session", "deaf"])
def test_the_whole_tree_is_gone_after_a_stop(tmp_path: Path, kinds: str) -> None:
    with Manager(tmp_path, Program("comfyui", "--fork", kinds, stop_timeout=0.3)) as manager:
        manager.post("/start?service=comfyui")
        assert len(manager.family()) == 1 + len(kinds)
        assert manager.post("/stop?service=comfyui")[0] == 200
        assert manager.family() == []


def test_what_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("comfyui", "--ignore-term", stop_timeout=0.3)) as manager:
        manager.post("/start?service=comfyui")
        begun = time.monotonic()
        assert manager.post("/stop?service=comfyui")[0] == 200
        assert time.monotonic() - begun >= 0.3
        assert manager.family() == []


# --- Failing -------------------------------------------------------------------------------------------


def test_one_that_dies_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    program = Program("comfyui", "--die", "3", "--say", "loading\n\x1b[31mno CUDA\x1b[0m")
    with Manager(tmp_path, program) as manager:
        status, told = manager.post("/start?service=comfyui")
        service = manager.service("comfyui")
    assert (status, told["error"]) == (504, "start_failed")
    assert told["message"] == "comfyui exited at once with code 3: no CUDA."
    assert (service["state"], service["reason"]) == ("failed", "exited at once with code 3: no CUDA")


def test_what_a_dead_leader_has_left_is_ended_too(tmp_path: Path) -> None:
    program = Program("comfyui", "--die", "3", "--fork", "so", env={"TEST_OF": str(tmp_path)})
    with Manager(tmp_path, program) as manager:
        manager.post("/start?service=comfyui")
        left = [one for one in psutil.process_iter() if _is_of(one, tmp_path)]
    for process in left:
        process.kill()
    assert left == []


def _is_of(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get("TEST_OF") == str(folder)
    except psutil.Error:
        return False


def test_a_start_that_fails_is_tried_again_with_longer_and_longer_pauses(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("comfyui", "--die", "3", attempts=4, backoff=0.1)) as manager:
        begun = time.monotonic()
        told = manager.post("/start?service=comfyui")[1]
        lasted = time.monotonic() - begun
        restarts = manager.service("comfyui")["restarts"]
    assert told["message"] == "comfyui exited at once with code 3 (tried 4 times)."
    assert restarts == 3
    assert lasted >= 0.1 + 0.2 + 0.4


def test_one_that_never_becomes_ready_is_ended_and_told(tmp_path: Path) -> None:
    never = str(tmp_path / "never")
    program = Program("comfyui", "--once", never, "--say", "still loading nodes", start_timeout=2)
    with Manager(tmp_path, program) as manager:
        status, told = manager.post("/start?service=comfyui")
        assert manager.family() == []
        assert manager.service("comfyui")["state"] == "failed"
    assert (status, told["error"]) == (504, "start_failed")
    expected = f"comfyui did not answer at {program.url}/system_stats within 2 s: still loading nodes."
    assert told["message"] == expected


def test_a_call_stops_waiting_before_the_start_does(tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    with Manager(tmp_path, Program("comfyui", "--once", str(loaded))) as manager:
        status, told = manager.post("/start?service=comfyui&wait=0.2")
        assert (status, told["error"]) == (504, "not_ready")
        assert manager.service("comfyui")["state"] == "starting"
        loaded.touch()
        assert manager.post("/start?service=comfyui")[1]["state"] == "ready"


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("comfyui", command=["/nowhere/python", "main.py"])) as manager:
        told = manager.post("/start?service=comfyui")[1]
    assert told["message"] == ("comfyui could not be started: /nowhere/python: No such file or directory.")


def test_one_that_dies_later_is_started_again(tmp_path: Path) -> None:
    program = Program("comfyui", attempts=3)
    with Manager(tmp_path, program) as manager:
        first = manager.post("/start?service=comfyui")[1]["pid"]
        psutil.Process(first).kill()
        again = wait_for(lambda: _reborn(manager, first))
    assert again["restarts"] == 1


def _reborn(manager: Manager, first: int) -> dict[str, object] | None:
    service = manager.service("comfyui")
    return service if service["ready"] and service["pid"] != first else None


def test_one_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("comfyui", "--die-after", "0.1", attempts=2)) as manager:
        manager.post("/start?service=comfyui")
        service = manager.until("comfyui", state="failed", restarts=1)
    assert service["reason"].startswith("exited with code 5 after")
    assert service["reason"].endswith("(tried 2 times)")


def test_a_service_that_was_killed_is_told_so(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("comfyui")) as manager:
        psutil.Process(manager.post("/start?service=comfyui")[1]["pid"]).kill()
        service = manager.until("comfyui", state="failed")
    assert service["reason"].startswith("was ended by SIGKILL after")


# --- Switching -----------------------------------------------------------------------------------------


def test_a_switch_stops_the_other_and_back(tmp_path: Path) -> None:
    ollama, comfyui = Program("ollama"), Program("comfyui")
    with Manager(tmp_path, ollama, comfyui) as manager:
        manager.post("/start?service=ollama")
        for to, away in ((comfyui, ollama), (ollama, comfyui)):
            status, told = manager.post(f"/switch?service={to.name}")
            assert (status, told["name"], told["state"]) == (200, to.name, "ready")
            assert (to.answers(), away.answers()) == (True, False)
            assert manager.service(away.name)["state"] == "stopped"


def test_a_switch_to_where_it_is_already_changes_nothing(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("ollama"), Program("comfyui")) as manager:
        first = manager.post("/switch?service=ollama")[1]["pid"]
        assert manager.post("/switch?service=ollama")[1]["pid"] == first


def test_a_switch_to_what_does_not_start_says_why(tmp_path: Path) -> None:
    programs = Program("ollama"), Program("comfyui", "--die", "3", "--say", "no module named torch")
    with Manager(tmp_path, *programs) as manager:
        manager.post("/start?service=ollama")
        status, told = manager.post("/switch?service=comfyui")
        states = {
            name: one["state"] for name, one in manager.call("GET", "/status").json()["services"].items()
        }
    assert (status, told["error"]) == (504, "start_failed")
    assert "no module named torch" in told["message"]
    assert states == {"ollama": "stopped", "comfyui": "failed"}


def test_status_does_not_wait_for_a_slow_switch(tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    with Manager(tmp_path, Program("ollama"), Program("comfyui", "--once", str(loaded))) as manager:
        manager.post("/start?service=ollama")
        switch = threading.Thread(target=manager.post, args=["/switch?service=comfyui"])
        switch.start()
        manager.until("comfyui", state="starting")
        assert switch.is_alive()
        loaded.touch()
        switch.join()
        assert manager.service("comfyui")["state"] == "ready"


def test_calls_on_one_service_take_turns(tmp_path: Path) -> None:
    loaded = tmp_path / "loaded"
    with Manager(tmp_path, Program("comfyui", "--once", str(loaded))) as manager:
        start = threading.Thread(target=manager.post, args=["/start?service=comfyui"])
        start.start()
        manager.until("comfyui", state="starting")
        status, told = manager.post("/restart?service=comfyui&wait=0.1")
        assert (status, told["error"]) == (409, "in_progress")
        loaded.touch()
        assert manager.post("/stop?service=comfyui")[1]["state"] == "stopped"
        start.join()


# --- Computing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/stop?service=comfyui", "/restart?service=comfyui", "/switch?service=ollama"]
)
def test_a_service_that_draws_is_not_stopped_unless_forced(tmp_path: Path, path: str) -> None:
    comfyui = Program("comfyui")
    with Manager(tmp_path, Program("ollama"), comfyui) as manager:
        pid = manager.post("/start?service=comfyui")[1]["pid"]
        comfyui.show(drawing=True)
        status, told = manager.post(path)
        assert (status, told["error"]) == (409, "computing")
        assert told["message"] == "ComfyUI is drawing: 1 running, 0 waiting."
        assert manager.service("comfyui")["pid"] == pid
        assert manager.post(f"{path}&force=true")[0] == 200
        assert not psutil.pid_exists(pid)


def test_an_ollama_that_answers_past_its_expiry_is_not_stopped(tmp_path: Path) -> None:
    ollama = Program("ollama")
    with Manager(tmp_path, ollama) as manager:
        manager.post("/start?service=ollama")
        ollama.show(models=["gpt-oss:20b"], answering=True)
        status, told = manager.post("/stop?service=ollama")
    assert (status, told["message"]) == (409, "Ollama is answering with gpt-oss:20b.")


def test_a_model_that_is_merely_loaded_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    ollama = Program("ollama")
    with Manager(tmp_path, ollama) as manager:
        manager.post("/start?service=ollama")
        ollama.show(models=["gpt-oss:20b"])
        assert manager.post("/stop?service=ollama")[0] == 200


@pytest.mark.parametrize("say", [{"computing": 2}, {"computing": True}, {"state": "computing"}])
def test_the_app_is_asked_whether_a_service_computes(tmp_path: Path, say: dict[str, object]) -> None:
    app = Program("app")
    with Manager(tmp_path, app, Program("ollama"), arbiter_url=f"{app.url}/api/ps") as manager:
        manager.post("/start?service=app")
        manager.post("/start?service=ollama")
        app.show(services={"ollama": say})
        status, told = manager.post("/stop?service=ollama")
        assert (status, told["message"]) == (409, "The app says that ollama is computing.")
        manager.post("/stop?service=app")
        assert manager.post("/stop?service=ollama")[0] == 200


# --- Unloading -----------------------------------------------------------------------------------------


def test_an_ollama_that_must_not_be_killed_gives_its_memory_back(tmp_path: Path) -> None:
    ollama = Program("ollama", stop_by="unload")
    with Manager(tmp_path, ollama, Program("comfyui")) as manager:
        pid = manager.post("/start?service=ollama")[1]["pid"]
        ollama.show(models=["gpt-oss:20b", "llava:13b"])
        assert manager.post("/switch?service=comfyui")[0] == 200
        service = manager.service("ollama")
        assert (service["pid"], service["state"]) == (pid, "ready")
        assert service["reason"] == "holds no model; its process goes on"
        assert requests.get(f"{ollama.url}/api/ps", timeout=30).json()["models"] == []


def test_an_ollama_that_holds_on_is_told(tmp_path: Path) -> None:
    ollama = Program("ollama", stop_by="unload", stop_timeout=0.3)
    with Manager(tmp_path, ollama) as manager:
        manager.post("/start?service=ollama")
        ollama.show(models=["llava:13b"], holds_on=True)
        status, told = manager.post("/stop?service=ollama")
    assert (status, told["error"]) == (504, "stop_failed")
    assert told["message"] == "ollama still holds llava:13b after 0.3 s."


# --- Another's, and the manager's own end --------------------------------------------------------------


def test_what_somebody_else_started_counts_as_ready_and_is_not_stopped(tmp_path: Path) -> None:
    ollama = Program("ollama")
    with psutil.Popen(ollama.settings["command"]) as others:
        wait_for(ollama.answers)
        with Manager(tmp_path, ollama, Program("comfyui")) as manager:
            told = manager.post("/start?service=ollama")[1]
            assert (told["state"], told["ours"], told["pid"]) == ("ready", False, None)
            for path in ("/stop?service=ollama", "/switch?service=comfyui&force=true"):
                status, told = manager.post(path)
                assert (status, told["error"]) == (409, "not_ours")
        assert ollama.answers()
        others.kill()


def test_what_somebody_else_ended_can_be_started_anew(tmp_path: Path) -> None:
    ollama = Program("ollama")
    with psutil.Popen(ollama.settings["command"]) as others:
        wait_for(ollama.answers)
        with Manager(tmp_path, ollama) as manager:
            manager.until("ollama", state="ready", ours=False)
            others.kill()
            others.wait(PATIENCE)
            told = manager.post("/start?service=ollama")[1]
            assert (told["state"], told["ours"]) == ("ready", True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_manager_ends_its_children_with_itself(tmp_path: Path, number: signal.Signals) -> None:
    with Manager(tmp_path, Program("ollama"), Program("comfyui", "--fork", "so")) as manager:
        manager.post("/start?service=ollama")
        manager.post("/start?service=comfyui")
        assert len(manager.family()) == 4
        assert manager.end(number) == 0
        assert manager.family() == []


def test_children_outlive_the_manager_if_the_file_says_so(tmp_path: Path) -> None:
    ollama = Program("ollama")
    with Manager(tmp_path, ollama, stop_with_manager=False) as manager:
        manager.post("/start?service=ollama")
        manager.family()
        manager.end(signal.SIGTERM)
        assert ollama.answers()


def test_a_manager_that_was_killed_recognises_its_children(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("comfyui", "--fork", "so", "--say", "hello")) as manager:
        before = manager.post("/start?service=comfyui")[1]
        family = manager.family()
        manager.again(signal.SIGKILL)
        after = manager.until("comfyui", state="ready")
        assert (after["pid"], after["ours"]) == (before["pid"], True)
        assert manager.call("GET", "/log?service=comfyui").json()["lines"] == ["hello"]
        manager.post("/stop?service=comfyui")
        assert len(family) == 3
        assert manager.family() == []


def test_an_old_note_does_not_make_a_stranger_ours(tmp_path: Path) -> None:
    notes = tmp_path / "processmanager"
    notes.mkdir()
    with psutil.Popen(Program("other").settings["command"]) as stranger:
        note = f'{{"pid": {stranger.pid}, "born": "another boot:1", "mark": "0123456789abcdef"}}'
        (notes / "comfyui.pid").write_text(note)
        with Manager(tmp_path, Program("comfyui")) as manager:
            assert manager.post("/stop?service=comfyui&force=true")[1]["pid"] is None
        assert stranger.is_running()
        stranger.kill()


def test_what_is_left_of_a_child_that_died_meanwhile_is_ended(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("comfyui", "--fork", "so")) as manager:
        pid = manager.post("/start?service=comfyui")[1]["pid"]
        assert len(manager.family()) == 3
        manager.process.kill()
        manager.process.wait(PATIENCE)
        psutil.Process(pid).kill()
        manager.again()
        wait_for(lambda: not manager.family() or None)


def test_a_service_may_start_with_the_manager(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("ollama", autostart=True)) as manager:
        manager.until("ollama", state="ready")


# --- What is told --------------------------------------------------------------------------------------


def test_the_log_is_the_last_200_lines(tmp_path: Path) -> None:
    said = "\n".join(f"line {number}" for number in range(300)) + "\n10 %\r50 %\r100 %"
    with Manager(tmp_path, Program("comfyui", "--say", said)) as manager:
        manager.post("/start?service=comfyui")
        lines = manager.call("GET", "/log?service=comfyui").json()["lines"]
    assert (len(lines), lines[0], lines[-1]) == (200, "line 101", "100 %")


def test_a_service_does_not_see_the_secrets_of_the_app(tmp_path: Path) -> None:
    program = Program("comfyui", env={"EXTRA": "yes"})
    environ = {"PROCESS_MANAGER_TOKEN": "a secret", "JWT_SECRET": "another", "KEPT": "1"}
    with Manager(tmp_path, program, environ=environ) as manager:
        manager.post("/start?service=comfyui")
        seen = requests.get(f"{program.url}/environ", timeout=30).json()
    assert (seen["EXTRA"], seen["KEPT"]) == ("yes", "1")
    assert not {"PROCESS_MANAGER_TOKEN", "JWT_SECRET"} & set(seen)


def test_a_machine_without_nvidia_says_so_calmly(tmp_path: Path) -> None:
    with Manager(tmp_path, Program("ollama"), environ={"PATH": str(tmp_path)}) as manager:
        assert manager.call("GET", "/status").json()["vram"] is None


def test_memory_is_read_by_nvidia_smi_where_nvml_is_not(tmp_path: Path) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '24564, 1024, 23540'\n")
    tool.chmod(0o755)
    with Manager(tmp_path, Program("ollama"), environ={"PATH": str(tmp_path)}) as manager:
        vram = wait_for(lambda: manager.call("GET", "/status").json()["vram"])
    assert vram == {"total": 24564 * 2**20, "used": 1024 * 2**20, "free": 23540 * 2**20}


NVML = """
struct memory { unsigned long long total, free, used; };
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { *handle = handle; return index != 1; }
int nvmlDeviceGetMemoryInfo(void *handle, struct memory *m) {
  m->total = 24; m->free = 20; m->used = 4; return 0;
}
"""


def test_memory_is_read_by_nvml_of_the_card_in_the_file(tmp_path: Path) -> None:
    source = tmp_path / "nvml.c"
    source.write_text(NVML)
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    environ = {"PATH": str(tmp_path), "LD_LIBRARY_PATH": str(tmp_path)}
    with Manager(tmp_path, Program("ollama"), environ=environ, gpu=1) as manager:
        vram = wait_for(lambda: manager.call("GET", "/status").json()["vram"])
    assert vram == {"total": 24, "used": 4, "free": 20}
