"""Our own time around pictures: `python3 start.py bench imaging`, or `python -m bench.imaging`.

Runs the app before a scripted Ollama and a scripted ComfyUI that draws in a known time, and beside
it the same prompts sent straight to that ComfyUI: the difference is ours. Then a photo of 12
megapixels from upload to ready, beside Pillow alone; a gallery page out of 10,000 pictures;
thumbnails. Prints a Markdown table and writes it to build/bench-imaging.md.
"""

from __future__ import annotations

import io
import json
import statistics
import time
import uuid
from collections.abc import Callable
from datetime import datetime

import pillow_heif
import requests
from PIL import Image

from bench.processes import ROOT
from tests.processes import App, Person, running_app
from tests.standins.comfyui import ScriptedComfyUI
from tests.standins.comfyui_graphs import history, submit, txt2img
from tests.standins.ollama_script import Script

DRAWS = 0.5  # seconds that the scripted ComfyUI takes for a picture
ROUNDS = 7
PICTURES = 10_000
REPORT = ROOT / "build" / "bench-imaging.md"
PHOTO = (4032, 3024)
WORDS = json.dumps({"prompt": "A red fox stands in deep snow at dusk. Its fur glows."})
SETTINGS = {"GPU_HANDOFF": "none", "GPU_MONITOR_ENABLED": "0", "SWEEP_INTERVAL": "2"}

FILL = """
from datetime import timedelta
from django.utils import timezone
from chats.models import Chat, Message
from imaging.models import GeneratedImage, ImageJob, StoredFile
now, user = timezone.now(), {user}
file = StoredFile.objects.order_by("pk").last()
chat = Chat.objects.create(user_id=user, title="many", updated_at=now)
def many(model, rows):
    return model.objects.bulk_create(rows, batch_size=500)
messages = many(Message, [
    Message(chat=chat, author_id=user, role="assistant", kind="picture", status="complete")
    for _ in range({count})
])
jobs = many(ImageJob, [
    ImageJob(user_id=user, chat=chat, message=message, description=f"picture {{n}} лиса", prompt="A fox.",
        width=256, height=256, status="done", model_name="flux1-dev-fp8.safetensors")
    for n, message in enumerate(messages)
])
many(GeneratedImage, [
    GeneratedImage(job=job, index=0, seed="1", status="done", file=file, width=256, height=256)
    for job in jobs
])
"""


def photo() -> Image.Image:
    """Return a photo's worth of pixels that does not compress to nothing."""
    noise = Image.effect_noise((PHOTO[0] // 8, PHOTO[1] // 8), 60).resize(PHOTO)
    return Image.merge("RGB", (noise, noise.rotate(180), noise))


def timed(act: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Return the seconds of each round, after one that does not count."""
    act()
    spent = []
    for _ in range(rounds):
        begun = time.perf_counter()
        act()
        spent.append(time.perf_counter() - begun)
    return spent


def middle(spent: list[float]) -> str:
    return f"{statistics.median(spent) * 1000:.0f} ms (worst {max(spent) * 1000:.0f})"


def draw_directly(url: str, variants: int) -> None:
    """Have ComfyUI draw one after the other, waiting for the history as any client may."""
    for _ in range(variants):
        prompt_id = submit(url, txt2img(seed=uuid.uuid4().int % 2**32, size=256))
        while not history(url, prompt_id):
            time.sleep(0.005)


def draw(app: App, person: Person, variants: int) -> float:
    """Return the seconds between the order and the end of a job, as its row has them."""
    body = {"description": "лиса", "width": 256, "height": 256, "batch_count": variants, "wait": True}
    told = app.call(person, "/api/image/generate", body).json()
    assert told["status"] == "done", told
    begun, ended = (datetime.fromisoformat(told[key]) for key in ("created_at", "finished_at"))
    return (ended - begun).total_seconds()


def jobs(app: App, person: Person, comfyui: str) -> list[tuple[str, ...]]:
    """Measure one variant and four, ours and direct."""
    direct = {n: statistics.median(timed(lambda n=n: draw_directly(comfyui, n))) for n in (1, 4)}  # type: ignore[misc]
    draw(app, person, 1)
    ours = {n: [draw(app, person, n) for _ in range(ROUNDS)] for n in (1, 4)}
    one = [spent - direct[1] for spent in ours[1]]
    middle_of = {n: statistics.median(ours[n]) for n in ours}
    further = ((middle_of[4] - middle_of[1]) - (direct[4] - direct[1])) / 3
    return [
        ("a job of one variant, added", middle(one), "1 s", f"{middle_of[1] / direct[1]:.2f} x direct"),
        (
            "each further variant, added",
            f"{further * 1000:.0f} ms",
            "150 ms",
            f"{middle_of[4] / direct[4]:.2f} x direct",
        ),
    ]


def uploads(app: App, person: Person) -> list[tuple[str, ...]]:
    """Measure a photo from upload to ready, beside Pillow that decodes, shrinks and encodes it."""
    rows: list[tuple[str, ...]] = []
    pillow_heif.register_heif_opener()
    for kind, aim in (("JPEG", "1.2 s"), ("HEIF", "2 s")):
        data = io.BytesIO()
        photo().save(data, kind, quality=88)
        alone = statistics.median(timed(lambda: shrink(data.getvalue()), 3))  # noqa: B023
        spent = timed(lambda: upload(app, person, data.getvalue()), 5)  # noqa: B023
        ratio = f"{statistics.median(spent) / alone:.2f} x Pillow alone"
        size = f"{len(data.getvalue()) / 2**20:.1f} MB"
        rows.append((f"12 megapixels {kind}, {size}, from upload to ready", middle(spent), aim, ratio))
    return rows


def shrink(data: bytes) -> None:
    with Image.open(io.BytesIO(data)) as picture:
        small = picture.convert("RGB").resize((1024, 768), Image.Resampling.LANCZOS)
        small.save(io.BytesIO(), "JPEG", quality=92)


def upload(app: App, person: Person, data: bytes) -> None:
    headers = {"Authorization": f"Bearer {person.token}"}
    answer = requests.post(f"{app.url}/api/image/upload", files={"file": data}, headers=headers, timeout=60)
    answer.raise_for_status()


def pages(app: App, person: Person) -> list[tuple[str, ...]]:
    """Measure the gallery and the thumbnails over HTTP, beside the app's cheapest page."""
    app.manage("shell", "--no-imports", "-c", FILL.format(user=person.pk, count=PICTURES))
    with requests.Session() as browser:
        browser.cookies.set("sessionid", person.session)

        def get(path: str, **headers: str) -> requests.Response:
            answer = browser.get(app.url + path, headers=headers, timeout=30)
            answer.raise_for_status()
            return answer

        base = timed(lambda: get("/livez"), 30)
        first = get("/pictures/").text
        place = first.split("before=")[1].split('"')[0]
        thumb = first.split('<img src="')[-1].split('"')[0]
        next_page = lambda: get(f"/pictures/?before={place}", **{"X-Requested-With": "fetch"})  # noqa: E731
        told = {
            "a gallery page of 60 out of 10,000, tiles": (timed(next_page, 30), "60 ms"),
            "the same as a whole page with its sidebar": (timed(lambda: get("/pictures/"), 30), "-"),
            "the same, looked for by a word": (
                timed(lambda: get("/pictures/?q=лиса&before=" + place), 30),
                "-",
            ),
            "a word that none has": (timed(lambda: get("/pictures/?q=нет"), 10), "-"),
            "a thumbnail": (timed(lambda: get(thumb), 50), "5 ms"),
        }
    ratio = statistics.median(base)
    return [
        (name, middle(spent), aim, f"{statistics.median(spent) / ratio:.1f} x an empty answer")
        for name, (spent, aim) in told.items()
    ]


def main() -> None:
    """Measure all of it and print the table."""
    with ScriptedComfyUI() as comfyui:
        comfyui.picture_seconds = DRAWS
        with running_app(COMFYUI_URL=comfyui.url, **SETTINGS) as app:
            app.ollama.default = Script(tokens=[WORDS])
            person = app.person("anna")
            rows: list[tuple[str, ...]] = [("what", "median", "aim", "ratio"), ("---",) * 4]
            rows += jobs(app, person, comfyui.url)
            rows += uploads(app, person)
            rows += pages(app, person)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(table + "\n", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
