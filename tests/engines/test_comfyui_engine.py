"""What the embedded ComfyUI does: draws by seed, keeps pictures, holds a pretend memory, ends when told."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image, ImageChops, ImageStat

from gpu.engines.comfyui.files import Files
from gpu.engines.comfyui.sketch import sketch
from tests.engines.comfyui import ROOT, Engine, running_comfyui
from tests.standins.comfyui_graphs import Graph, history, img2img, submit, txt2img, vram_free

GIB = 2**30


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_comfyui() as running:
        yield running


def drawn(engine: Engine, graph: Graph) -> list[dict[str, str]]:
    """Returns the references of the pictures of a graph."""
    prompt_id = submit(engine.url, graph)
    while not (entry := history(engine.url, prompt_id)):
        time.sleep(0.01)
    assert entry["status"]["completed"], entry["status"]
    return [image for output in entry["outputs"].values() for image in output["images"]]


def view(engine: Engine, reference: dict[str, str], **more: str) -> requests.Response:
    return requests.get(f"{engine.url}/view", params={**reference, **more}, timeout=30)


def picture(engine: Engine, graph: Graph) -> Image.Image:
    (reference,) = drawn(engine, graph)
    return Image.open(io.BytesIO(view(engine, reference).content)).convert("RGB")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Returns how far two pictures are apart, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(one, other.resize(one.size))).mean) / 3


def upload(engine: Engine, name: str, data: bytes, **form: str) -> requests.Response:
    files = {"image": (name, data)}
    return requests.post(f"{engine.url}/upload/image", data=form, files=files, timeout=30)


def png(colour: str, size: tuple[int, int] = (96, 64)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "PNG")
    return written.getvalue()


# --- Drawing ----------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_pixels_also_after_free(engine: Engine) -> None:
    first = picture(engine, txt2img(seed=42))
    held = vram_free(engine.url)
    engine.post("/free", {"unload_models": True, "free_memory": True})
    while vram_free(engine.url) == held:
        time.sleep(0.01)
    again, other = picture(engine, txt2img(seed=42)), picture(engine, txt2img(seed=43))
    assert first.tobytes() == again.tobytes()
    assert difference(first, other) > 1


def test_the_words_choose_the_colours() -> None:
    blue, red = (sketch(f"a {colour} hill", 1, (128, 128)) for colour in ("blue", "red"))
    night, day = (sketch(f"{when} hill", 1, (128, 128)) for when in ("ночь", "утро"))
    assert ImageStat.Stat(blue).mean[2] > ImageStat.Stat(red).mean[2]
    assert sum(ImageStat.Stat(night.crop((0, 0, 128, 32))).mean) < sum(
        ImageStat.Stat(day.crop((0, 0, 128, 32))).mean
    )


@pytest.mark.parametrize("text", ["", "🙂", "a" * 5000, "\n\t", "кот на луне, неон"])
@pytest.mark.parametrize("size", [(16, 16), (2048, 64), (333, 777)])
def test_anything_can_be_drawn(text: str, size: tuple[int, int]) -> None:
    assert sketch(text, 2**64 - 1, size).size == size


def test_a_batch_is_of_different_pictures_and_a_size_is_kept(engine: Engine) -> None:
    graph = txt2img(size=128)
    graph["27"]["inputs"] |= {"batch_size": 2, "height": 192}
    one, two = (Image.open(io.BytesIO(view(engine, found).content)) for found in drawn(engine, graph))
    assert one.size == two.size == (128, 192)
    assert difference(one.convert("RGB"), two.convert("RGB")) > 1


def test_denoise_decides_how_much_of_the_source_is_left(engine: Engine) -> None:
    reference = upload(engine, "source.png", png("red")).json()["name"]
    source = Image.new("RGB", (96, 64), "red")
    apart = [
        difference(picture(engine, img2img(reference, denoise=denoise)), source)
        for denoise in (0.0, 0.3, 0.65, 1.0)
    ]
    assert apart == sorted(apart)
    assert apart[0] < 40 < apart[-1]  # the watermark alone is left at 0


def test_another_picture_under_the_same_name_is_drawn_anew(engine: Engine) -> None:
    name = upload(engine, "same.png", png("blue")).json()["name"]
    first = picture(engine, img2img(name, denoise=0.2))
    upload(engine, "same.png", png("yellow"), overwrite="true")
    assert difference(first, picture(engine, img2img(name, denoise=0.2))) > 20


def test_the_picture_carries_its_graph_and_the_watermark(engine: Engine) -> None:
    (reference,) = drawn(engine, txt2img(seed=77, size=256))
    opened = Image.open(io.BytesIO(view(engine, reference).content))
    assert '"seed": 77' in opened.info["prompt"]
    assert "workflow" not in opened.info
    plain = sketch("a red fox in the snow", 77, (256, 256))
    box = ImageChops.difference(opened.convert("RGB"), plain).getbbox()
    assert box is not None
    assert box[1] > 200


def test_a_size_beyond_reason_is_out_of_memory(engine: Engine) -> None:
    prompt_id = submit(engine.url, txt2img(size=16384))
    while not (entry := history(engine.url, prompt_id)):
        time.sleep(0.01)
    assert entry["status"]["messages"][-1][1]["exception_type"] == "torch.OutOfMemoryError"


def test_a_scaled_preview_output_is_temporary(engine: Engine) -> None:
    graph = txt2img(seed=3)
    scale = {"image": ["8", 0], "upscale_method": "area", "width": 32, "height": 0, "crop": "disabled"}
    graph["40"] = {"class_type": "ImageScale", "inputs": scale}
    graph["9"] = {"class_type": "PreviewImage", "inputs": {"images": ["40", 0]}}
    (reference,) = drawn(engine, graph)
    assert reference["type"] == "temp"
    assert Image.open(io.BytesIO(view(engine, reference).content)).size == (32, 32)


# --- Files ------------------------------------------------------------------------------------------


def test_uploads_keep_their_name_number_or_overwrite(engine: Engine) -> None:
    def named(data: bytes, **form: str) -> Any:
        return upload(engine, "photo.png", data, subfolder="u/7", **form).json()["name"]

    assert named(png("red")) == named(png("red")) == "photo.png"
    assert named(png("blue")) == "photo (1).png"
    assert named(png("green"), overwrite="1") == "photo.png"
    assert named(png("red")) == "photo (2).png"


@pytest.mark.parametrize(
    ("name", "form", "status"),
    [
        ("a.png", {"subfolder": "../.."}, 400),
        ("../../a.png", {}, 400),
        ("../input/a.png", {}, 200),
        ("a.png", {"type": "bogus"}, 500),
        ("a.txt", {"type": "temp"}, 200),
    ],
)
def test_uploads_stay_in_their_folders(engine: Engine, name: str, form: dict[str, str], status: int) -> None:
    assert upload(engine, name, b"not a picture", **form).status_code == status


def test_a_form_without_a_file_is_refused(engine: Engine) -> None:
    other = requests.post(f"{engine.url}/upload/image", files={"file": b""}, timeout=30)
    text = requests.post(f"{engine.url}/upload/image", files={"image": (None, "x")}, timeout=30)
    assert (other.status_code, text.status_code) == (400, 500)


def test_an_upload_that_is_no_picture_fails_when_it_is_opened(engine: Engine) -> None:
    name = upload(engine, "fake.png", b"hello").json()["name"]
    prompt_id = submit(engine.url, img2img(name))
    while not (entry := history(engine.url, prompt_id)):
        time.sleep(0.01)
    last, told = entry["status"]["messages"][-1]
    assert (last, told["exception_type"]) == ("execution_error", "PIL.UnidentifiedImageError")
    assert told["node_type"] == "LoadImage"


def test_a_picture_is_re_encoded_on_request(engine: Engine) -> None:
    (reference,) = drawn(engine, txt2img(seed=5))
    for preview, kind in (("webp;90", "image/webp"), ("jpeg;70", "image/jpeg"), ("webp;x", "image/webp")):
        answer = view(engine, reference, preview=preview)
        assert (answer.headers["Content-Type"], answer.status_code) == (kind, 200)
    alpha = Image.open(io.BytesIO(view(engine, reference, channel="a").content))
    assert (alpha.mode, view(engine, reference, channel="rgb").status_code) == ("RGBA", 200)
    annotated = {"filename": f"{reference['filename']} [output]"}
    assert view(engine, annotated).content == view(engine, reference).content


def test_only_so_many_pictures_are_kept_where_nobody_asked_for_them(tmp_path: Path) -> None:
    files = Files(tmp_path, most=2)
    drawing = Image.new("RGB", (8, 8))
    saved = [files.save(drawing, "a", temporary=False, text={})["filename"] for _ in range(4)]
    assert saved[-1] == "a_00004_.png"
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == saved[2:]


def test_a_prefix_may_name_a_folder_but_none_outside(engine: Engine) -> None:
    graph = txt2img(seed=6)
    graph["9"]["inputs"]["filename_prefix"] = "u7/job-%width%x%height%"
    assert drawn(engine, graph)[0] == {
        "filename": "job-64x64_00001_.png",
        "subfolder": "u7",
        "type": "output",
    }
    graph["9"]["inputs"]["filename_prefix"] = "../../x"
    prompt_id = submit(engine.url, graph)
    while not (entry := history(engine.url, prompt_id)):
        time.sleep(0.01)
    assert entry["status"]["messages"][-1][0] == "execution_error"


# --- Memory and queue -------------------------------------------------------------------------------


def test_memory_is_taken_by_a_model_and_given_back_by_free() -> None:
    with running_comfyui() as engine:
        empty = vram_free(engine.url)
        drawn(engine, txt2img())
        assert empty - vram_free(engine.url) == 16 * GIB
        engine.post("/free", {})
        begun = time.monotonic()
        engine.post("/free", {"unload_models": True, "free_memory": True})
        while vram_free(engine.url) != empty:
            time.sleep(0.01)
        assert 0.1 < time.monotonic() - begun < 20


def test_free_waits_for_the_running_prompt() -> None:
    with running_comfyui(picture_seconds=1.5) as engine:
        empty = vram_free(engine.url)
        prompt_id = submit(engine.url, txt2img())
        while vram_free(engine.url) == empty:
            time.sleep(0.01)
        engine.post("/free", {"unload_models": True, "free_memory": True})
        free = vram_free(engine.url)
        while not history(engine.url, prompt_id):
            assert free != empty
            time.sleep(0.05)
            free = vram_free(engine.url)  # before the look at the history: it may end in between
        while vram_free(engine.url) != empty:
            time.sleep(0.01)


def test_an_interrupt_with_another_id_does_nothing() -> None:
    with running_comfyui(picture_seconds=3) as engine:
        first, second = (submit(engine.url, txt2img(seed=seed)) for seed in (1, 2))
        while not engine.get("/queue")["queue_running"]:
            time.sleep(0.01)
        engine.post("/interrupt", {"prompt_id": second})
        engine.post(f"/api/jobs/{second}/cancel")
        while not (entry := history(engine.url, first)):
            time.sleep(0.01)
        assert entry["status"]["completed"]
        assert history(engine.url, second) == {}


def test_jobs_are_cancelled_running_or_pending() -> None:
    with running_comfyui(picture_seconds=30) as engine:
        ids = [submit(engine.url, txt2img(seed=seed, steps=100)) for seed in (1, 2)]
        while not engine.get("/queue")["queue_running"]:
            time.sleep(0.01)
        assert engine.post("/api/jobs/cancel", {"job_ids": ids}).json() == {"cancelled": True}
        while engine.get("/prompt")["exec_info"]["queue_remaining"]:
            time.sleep(0.01)
        assert engine.get("/api/jobs?status=cancelled")["jobs"][0]["id"] == ids[0]
        assert engine.post(f"/api/jobs/{ids[0]}/cancel").json() == {"cancelled": False}


def test_the_history_is_read_in_pages_and_forgotten() -> None:
    with running_comfyui(picture_seconds=0) as engine:
        ids = [submit(engine.url, txt2img(seed=seed)) for seed in range(4)]
        while not history(engine.url, ids[-1]):
            time.sleep(0.01)
        assert list(engine.get("/history")) == ids
        assert list(engine.get("/history?max_items=2")) == ids[2:]
        assert list(engine.get("/api/history?max_items=2&offset=1")) == ids[1:3]
        engine.post("/history", {"delete": ids[:1]})
        assert list(engine.get("/history")) == ids[1:]
        engine.post("/history", {"clear": True})
        assert engine.get("/history") == {}


def test_loops_and_broken_links_are_refused(engine: Engine) -> None:
    loop, broken = txt2img(), txt2img()
    loop["35"]["inputs"]["conditioning"] = ["35", 0]
    broken["31"]["inputs"]["model"] = ["30", 0, 1]
    for graph, kind in ((loop, "dependency_cycle"), (broken, "bad_linked_input")):
        answer = engine.post("/prompt", {"prompt": graph})
        assert answer.status_code == 400
        assert kind in answer.text
    no_inputs = {"9": {"class_type": "SaveImage"}}
    assert "exception_during_validation" in engine.post("/prompt", {"prompt": no_inputs}).text


# --- Security ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 200),
        ({"Origin": "{url}"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 200),
        ({"Host": "192.168.0.9:8188", "Origin": "http://evil.example"}, 200),
    ],
)
def test_other_sites_are_refused_as_in_comfyui(engine: Engine, headers: dict[str, str], status: int) -> None:
    sent = {name: value.format(url=engine.url) for name, value in headers.items()}
    for path in ("/prompt", "/queue"):
        assert requests.get(engine.url + path, headers=sent, timeout=30).status_code == status


# --- The process ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_at_once_in_mid_picture(number: signal.Signals) -> None:
    with running_comfyui(picture_seconds=30) as engine, engine.listen("one") as hear:
        submit(engine.url, txt2img(steps=100), client_id="one")
        hear(lambda told: told["type"] == "progress")
        begun = time.monotonic()
        assert engine.process is not None
        engine.process.send_signal(number)
        assert engine.process.wait(20) == 0
        assert time.monotonic() - begun < 10


def test_pictures_outlive_it_only_in_a_folder_of_the_operators(tmp_path: Path) -> None:
    with running_comfyui("--folder", str(tmp_path)) as engine:
        (reference,) = drawn(engine, txt2img())
    with running_comfyui("--folder", str(tmp_path)) as engine:
        assert view(engine, reference).status_code == 200
        assert engine.get("/history") == {}
        assert drawn(engine, txt2img())[0]["filename"] == "ComfyUI_00002_.png"


def test_of_what_it_drew_and_was_sent_only_so_much_is_kept_as_the_operator_says(tmp_path: Path) -> None:
    with running_comfyui("--folder", str(tmp_path), "--most", "2") as engine:
        for number in range(4):
            drawn(engine, txt2img(seed=number))
            sent = {"image": (f"{number}.png", str(number).encode())}
            assert requests.post(f"{engine.url}/upload/image", files=sent, timeout=20).status_code == 200
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {"ComfyUI_00003_.png", "ComfyUI_00004_.png", "2.png", "3.png"}


def test_a_port_in_use_is_told_in_a_line(engine: Engine) -> None:
    port = engine.url.rpartition(":")[2]
    command = [sys.executable, "-m", "gpu.engines.comfyui", "--port", port]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
