"""Whatever is killed, the picture is drawn, each variant once, and what had ended does not run again."""

from __future__ import annotations

import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests.imaging.studio import PROMPT
from tests.invariants.pages import Page
from tests.processes import App, Person, running_app, wait_until
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_script import Fault
from tests.standins.ollama_script import Script
from tests.standins.wire import Call

pytestmark = pytest.mark.processes
SEEN = "A brick house behind a brown wooden fence."
LEASES = {"GPU_LEASE_TTL": "4", "GPU_LEASE_RENEW": "0.8", "GPU_LEASE_CLAIM": "4"}
ORDER = """
from accounts.models import User
from imaging import ordering, storage
from imaging.models import SourcePicture
from tests.imaging.studio import png
user = User.objects.get(pk={user})
source = SourcePicture.objects.create(user=user, file=storage.save(png({colour!r})))
job = ordering.order_picture(user, None, "белый забор", variants={variants}, source=source)
print(job.pk)
"""
STAGES: dict[str, Callable[[Call], bool]] = {
    "describing": lambda call: any(message.get("images") for message in call.body["messages"]),
    "prompting": lambda call: "prompt" in _fields(call),
    "shaping": lambda call: "denoise" in _fields(call),
}
ANSWERS = {
    "describing": SEEN,
    "prompting": json.dumps({"prompt": PROMPT}),
    "shaping": '{"change": "colour", "denoise": 0.6, "steps": 26}',
}


def _fields(call: Call) -> dict[str, Any]:
    return dict((call.body.get("format") or {}).get("properties") or {})


class Stage:
    """The running app and its two services, as one test sees them."""

    def __init__(self, app: App, comfyui: ScriptedComfyUI, person: Person) -> None:
        self.app, self.comfyui, self.person = app, comfyui, person
        self.ordered = 0

    def order(self, *, variants: int = 1, change: bool = False) -> int:
        """Order a picture; return its job's id."""
        if not change:
            body = {"description": "белый забор", "width": 256, "height": 256, "batch_count": variants}
            told = self.app.call(self.person, "/api/image/generate", body)
            assert told.status_code == 202, told.text
            return int(told.json()["job_id"])
        self.ordered += 1
        colour = f"#{self.ordered:02x}80c0"  # a picture that nobody has looked at yet
        code = ORDER.format(user=self.person.pk, variants=variants, colour=colour)
        return int(self.app.manage("shell", "--no-imports", "-c", code).strip().splitlines()[-1])

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.app.folder / "db.sqlite3", timeout=30)) as database:
            return database.execute(sql, values).fetchall()

    def status(self, job: int) -> str:
        return str(self.ask("select status from imaging_imagejob where id = ?", job)[0][0])

    def wait(self, job: int, *statuses: str, seconds: float = 90) -> str:
        try:
            return wait_until(lambda: status if (status := self.status(job)) in statuses else None, seconds)
        except AssertionError:
            raise AssertionError(f"{self.status(job)}\n{self.app.logs()}") from None

    def finish(self, job: int) -> str:
        return self.wait(job, "done", "failed", "cancelled")

    def asked(self, stage: str) -> int:
        return sum(STAGES[stage](call) for call in self.app.ollama.chats)

    def answer_slowly(self, stage: str, seconds: float) -> None:
        """Have the next answer of this stage take so long."""
        self.app.ollama.script(Script(tokens=[ANSWERS[stage]], first_byte_after=seconds), STAGES[stage])

    def answer_quickly(self) -> None:
        for stage, answer in ANSWERS.items():
            for _ in range(3):
                self.app.ollama.script(Script(tokens=[answer]), STAGES[stage])

    def log_of_ended(self, job: int) -> Any:
        """Return what pages have been told of the job, None before its end."""
        entries = self.app.redis().xrange(f"app:live:job:{job}")
        return entries if entries and b'"end"' in entries[-1][1][b"f"] else None

    def rendered(self) -> list[str]:
        return [interval.prompt_id for interval in self.comfyui.intervals]

    def prompt_ids(self, job: int) -> list[str]:
        rows = self.ask("select prompt_id from imaging_generatedimage where job_id = ? order by 'index'", job)
        return sorted(row[0] for row in rows)

    def files(self, job: int) -> int:
        sql = "select count(*) from imaging_generatedimage where job_id = ? and file_id is not null"
        return int(self.ask(sql, job)[0][0])

    def rendered_once(self, job: int) -> bool:
        sent = sorted(prompt.replace("-", "") for prompt in self.rendered())
        return sent == self.prompt_ids(job)


@pytest.fixture(scope="module")
def whole() -> Iterator[Stage]:
    with ScriptedComfyUI() as comfyui:
        models = {"OLLAMA_VISION_MODEL": "smollm2-vision:135m", "COMFYUI_TIMEOUT": "20"}
        with running_app(COMFYUI_URL=comfyui.url, GPU_HANDOFF="none", **models, **LEASES) as app:
            yield Stage(app, comfyui, app.person("alice"))


@pytest.fixture
def stage(whole: Stage) -> Iterator[Stage]:
    whole.app.ollama.reset()
    whole.comfyui.reset()
    whole.comfyui.picture_seconds = 0.2
    whole.comfyui.hangs, whole.comfyui.fault_paths = False, ()
    yield whole
    for name in list(whole.app.held):
        whole.app.release(name)
    wait_until(lambda: whole.app.processes["imaging"].poll() is None or None)


@pytest.mark.parametrize("killed_at", STAGES)
def test_a_worker_killed_while_it_finds_the_words(stage: Stage, killed_at: str) -> None:
    stage.answer_slowly(killed_at, 30)
    stage.answer_quickly()
    job = stage.order(change=True, variants=2)
    wait_until(lambda: stage.asked(killed_at) or None)
    stage.app.kill("imaging")
    assert stage.finish(job) == "done"
    assert {name: stage.asked(name) for name in STAGES} == {
        name: 2 if name == killed_at else 1 for name in STAGES
    }
    assert stage.rendered_once(job)
    assert stage.files(job) == 2


def test_a_worker_killed_while_the_picture_waits_for_the_card(stage: Stage) -> None:
    held = Script(tokens=[ANSWERS["prompting"]], hold_at=0)
    stage.app.ollama.script(held, STAGES["prompting"])
    job = stage.order(variants=2)
    wait_until(lambda: stage.asked("prompting") or None)
    switch = "from gpu import arbiter; arbiter.transact('pause', on={})"
    stage.app.manage("shell", "--no-imports", "-c", switch.format(True))
    held.hold_at = None
    stage.wait(job, "waiting")
    stage.app.kill("imaging")
    stage.app.manage("shell", "--no-imports", "-c", switch.format(False))
    assert stage.finish(job) == "done"
    assert stage.asked("prompting") == 1
    assert stage.rendered_once(job)


@pytest.mark.parametrize("variant", [0, 1])
def test_a_worker_killed_while_a_variant_is_drawn(stage: Stage, variant: int) -> None:
    stage.answer_quickly()
    stage.comfyui.picture_seconds = 2.0
    job = stage.order(variants=2)
    wait_until(lambda: len(stage.rendered()) > variant or None)
    stage.app.kill("imaging")
    assert stage.finish(job) == "done"
    assert stage.asked("prompting") == 1
    assert stage.rendered_once(job)
    assert stage.files(job) == 2


def test_a_worker_killed_while_it_saves(stage: Stage) -> None:
    stage.answer_quickly()
    stage.comfyui.fault_paths, stage.comfyui.hangs = ("/view",), True
    job = stage.order()
    stage.wait(job, "saving")
    wait_until(lambda: stage.comfyui.called("/view", "GET") or None)
    stage.app.kill("imaging")
    stage.comfyui.hangs = False
    assert stage.finish(job) == "done"
    assert stage.rendered_once(job)
    assert stage.files(job) == 1


def test_an_open_page_follows_across_a_killed_worker_and_a_late_one_sees_the_end(stage: Stage) -> None:
    stage.answer_quickly()
    stage.comfyui.picture_seconds = 5.0
    job = stage.order()
    with Page(stage.app, stage.person) as page:
        page.say(op="join", kind="job", id=job)
        page.hear_until(lambda: "preview" in kinds(page))
        stage.app.kill("imaging")
        page.hear_until(lambda: "end" in kinds(page), 60)
        assert {"status", "prompt", "progress", "preview", "image"} <= set(kinds(page))
        assert kinds(page).count("image") == kinds(page).count("end") == 1
        assert page.frames[-1]["status"] == "done"
    with Page(stage.app, stage.person) as late:
        late.say(op="join", kind="job", id=job)
        late.hear_until(lambda: "end" in kinds(late))
        assert "preview" not in kinds(late)
    assert stage.rendered_once(job)


def test_a_page_cancels_its_own_picture_and_nobody_elses(stage: Stage) -> None:
    stage.answer_quickly()
    stage.comfyui.picture_seconds = 20.0
    job = stage.order()
    wait_until(lambda: stage.rendered() or None)
    with Page(stage.app, stage.app.person("bob")) as strangers:
        strangers.say(op="join", kind="job", id=job)
        strangers.say(op="stop", kind="job", id=job)
        strangers.hear_until(lambda: kinds(strangers) == ["error"])
    assert stage.status(job) == "rendering"
    with Page(stage.app, stage.person) as page:
        page.say(op="stop", kind="job", id=job)
        assert stage.finish(job) == "cancelled"
    assert [call.body["prompt_id"] for call in stage.comfyui.called("/interrupt")] == stage.rendered()


def kinds(page: Page) -> list[str]:
    return [frame["type"] for frame in page.frames]


def test_a_comfyui_killed_in_mid_render_costs_one_more_try(stage: Stage) -> None:
    stage.answer_quickly()
    stage.comfyui.picture_seconds = 1.0
    stage.comfyui.script(Fault.DIES_LATE)
    job = stage.order(variants=2)
    assert stage.finish(job) == "done"
    assert len(stage.rendered()) == 3
    assert stage.files(job) == 2


@pytest.mark.parametrize("name", ["redis", "upkeep", "llm", "web"])
def test_any_other_process_may_die_in_mid_render(stage: Stage, name: str) -> None:
    stage.answer_quickly()
    stage.comfyui.picture_seconds = 3.0
    job = stage.order()
    wait_until(lambda: stage.rendered() or None)
    stage.app.kill(name)
    assert stage.finish(job) == "done"
    assert stage.files(job) == 1
    assert stage.rendered_once(job)
    stage.app.ready()


def test_a_worker_that_is_asked_to_go_is_gone_before_its_picture_which_goes_on(stage: Stage) -> None:
    stage.answer_quickly()
    stage.comfyui.picture_seconds = 8.0
    job = stage.order()
    wait_until(lambda: stage.rendered() or None)
    stage.app.terminate("imaging")
    assert stage.comfyui.intervals[-1].end is None
    stage.app.release("imaging")
    assert stage.finish(job) == "done"
    assert stage.rendered_once(job)


@pytest.fixture
def two_workers(stage: Stage) -> Iterator[Stage]:
    """A second worker that takes over what the first one leaves."""
    command = stage.app.commands["imaging"]
    stage.app.commands["imaging2"] = [part.replace("imaging@", "imaging2@") for part in command]
    yield stage
    stage.app.held.add("imaging2")
    if "imaging2" in stage.app.processes:
        stage.app.kill("imaging2", hold=True)
        del stage.app.processes["imaging2"]


def stop_until_taken_over(stage: Stage, job: int) -> None:
    """Stop the first worker past its lease, have the second one do its work, and wake the first."""
    stage.app.signal("imaging", signal.SIGSTOP)
    try:
        stage.app.start("imaging2")
        assert stage.finish(job) == "done"
        heard = wait_until(lambda: stage.log_of_ended(job))
    finally:
        before = stage.ask("select * from imaging_imagejob where id = ?", job)
        variants = stage.ask("select * from imaging_generatedimage where job_id = ?", job)
        stage.app.signal("imaging", signal.SIGCONT)
    time.sleep(1.5)
    assert stage.ask("select * from imaging_imagejob where id = ?", job) == before
    assert stage.ask("select * from imaging_generatedimage where job_id = ?", job) == variants
    assert stage.log_of_ended(job) == heard


def test_a_worker_stopped_past_its_lease_in_mid_render_writes_nothing(two_workers: Stage) -> None:
    two_workers.answer_quickly()
    two_workers.comfyui.picture_seconds = 1.5
    job = two_workers.order(variants=2)
    wait_until(lambda: two_workers.rendered() or None)
    stop_until_taken_over(two_workers, job)
    assert two_workers.rendered_once(job)
    assert not two_workers.comfyui.called("/interrupt")


def test_a_worker_stopped_past_its_lease_in_its_words_writes_nothing(two_workers: Stage) -> None:
    two_workers.answer_slowly("prompting", 3.0)
    two_workers.answer_quickly()
    job = two_workers.order()
    wait_until(lambda: two_workers.asked("prompting") or None)
    stop_until_taken_over(two_workers, job)
    assert two_workers.rendered_once(job)
