"""What goes where in a graph, which graphs are refused and why, and which one serves."""

from __future__ import annotations

import copy
import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings
from django.utils import translation
from PIL import Image, PngImagePlugin

from accounts.models import AuditEntry, User
from imaging import metadata, ordering, storage
from imaging.models import ImageJob, Workflow
from imaging.workflows import WorkflowError, bind, checking, read_graph
from imaging.workflows.binding import SETTINGS, Place
from imaging.workflows.errors import SENTENCES
from tests.imaging import graphs
from tests.imaging.studio import Studio, fresh, images, pixels, upload
from tests.standins.comfyui_graphs import txt2img

CHOSEN = {"steps": 26, "cfg": 1.0, "guidance": 3.0, "denoise": 0.6, "sampler": "euler", "scheduler": "simple"}


def filled(graph: graphs.Graph, *, source: str = "", settings: tuple[str, ...] = ()) -> graphs.Graph:
    binding = bind(graph, changes_a_picture=bool(source))
    return binding.fill(
        graph,
        prompt="new words",
        seed=42,
        width=640,
        height=384,
        chosen=CHOSEN,
        source=source,
        settings=settings,
    )


def values(graph: graphs.Graph, *names: str) -> list[Any]:
    """Return every plain value of these fields."""
    found = [node["inputs"][name] for node in graph.values() for name in names if name in node["inputs"]]
    return [value for value in found if not isinstance(value, list)]


def refusal(graph: graphs.Graph, *, changes: bool = False) -> tuple[str, str]:
    with pytest.raises(WorkflowError) as caught:
        bind(graph, changes_a_picture=changes)
    return caught.value.code, caught.value.sentence


# Binding


@pytest.mark.parametrize("name", graphs.ALL)
def test_words_seed_and_size_find_their_places(name: str) -> None:
    graph = graphs.ALL[name]
    before = copy.deepcopy(graph)
    told = filled(graph)
    assert graph == before
    texts = values(told, "text", "clip_l", "t5xxl", "value")
    assert "new words" in texts
    assert "old words" not in texts
    assert set(values(told, "seed", "noise_seed")) == {42}
    assert set(values(told, "batch_size")) == {1}
    assert (set(values(told, "width")), set(values(told, "height"))) == ({640}, {384})


def test_the_negative_words_stay_empty_and_never_empty_the_positive_ones() -> None:
    graph = txt2img()
    graph["33"]["inputs"]["text"] = "ugly"
    told = filled(graph)
    assert (told["6"]["inputs"]["text"], told["33"]["inputs"]["text"]) == ("new words", "")
    zeroed = filled(graphs.custom(guider="CFGGuider"))
    assert zeroed["4"]["inputs"]["text"] == "new words"


def test_an_operators_own_settings_stay_and_ours_are_set_where_asked() -> None:
    own = filled(graphs.custom())
    assert (own["10"]["inputs"]["steps"], own["5"]["inputs"]["guidance"]) == (20, 4.0)
    ours = filled(graphs.custom(), settings=SETTINGS)
    assert (ours["10"]["inputs"]["steps"], ours["5"]["inputs"]["guidance"]) == (26, 3.0)
    assert ours["10"]["inputs"]["denoise"] == 0.6


def test_in_two_passes_both_get_the_seed_and_only_the_first_is_changed_in_strength() -> None:
    graph = graphs.in_two_passes()
    del graph["27"]
    graph["37"] = graphs.node("LoadImage", image="example.png")
    graph["38"] = graphs.node(
        "ImageScale", image=["37", 0], width=1, height=1, upscale_method="area", crop="no"
    )
    graph["39"] = graphs.node("VAEEncode", pixels=["38", 0], vae=["30", 2])
    graph["31"]["inputs"]["latent_image"] = ["39", 0]
    told = filled(graph, source="mine.png", settings=("denoise",))
    assert told["37"]["inputs"]["image"] == "mine.png"
    assert (told["31"]["inputs"]["denoise"], told["41"]["inputs"]["denoise"]) == (0.6, 0.5)
    assert (told["31"]["inputs"]["seed"], told["41"]["inputs"]["seed"]) == (42, 42)
    assert told["38"]["inputs"]["width"] == 1


def test_ids_are_never_asked_for() -> None:
    bound = bind(graphs.custom(prefix="56:"), changes_a_picture=False)
    assert bound.prompts == [Place("56:4", "text")]
    assert bound.results == ["56:14"]
    assert ("prompts", "Positive: text") in bound.told(graphs.custom(prefix="56:"))


def without(name: str, field: str = "") -> graphs.Graph:
    graph = txt2img()
    if field:
        del graph[name]["inputs"][field]
    else:
        del graph[name]
    return graph


@pytest.mark.parametrize(
    ("graph", "changes", "code"),
    [
        (without("9"), False, "no_result"),
        (without("31"), False, "no_sampler"),
        (without("6"), False, "no_text"),
        (without("31", "seed"), False, "no_seed"),
        (without("27"), False, "no_size"),
        (graphs.CHANGE, False, "from_picture"),
        (txt2img(), True, "no_picture"),
        ({**graphs.CHANGE, "31": {**graphs.CHANGE["31"], "inputs": {
            key: value for key, value in graphs.CHANGE["31"]["inputs"].items() if key != "denoise"
        }}}, True, "no_denoise"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_with_its_fix(graph: graphs.Graph, changes: bool, code: str) -> None:
    told, sentence = refusal(graph, changes=changes)
    assert told == code
    assert "%(" not in sentence


def test_a_size_beside_the_model_does_not_make_a_change_of_a_picture_a_picture_from_words() -> None:
    graph = graphs.custom()
    graph["11"] = graphs.node("VAEEncode", pixels=["16", 0], vae=["3", 0])
    graph["16"] = graphs.node("LoadImage", image="theirs.png")
    assert refusal(graph)[0] == "from_picture"
    graph["16"] = graphs.node("TheirLoader", picture="theirs.png")
    assert refusal(graph)[0] == "no_size"


def test_a_seed_and_a_size_that_are_computed_are_set_where_they_were_for() -> None:
    graph = graphs.with_primitives()
    graph["51"] = graphs.node("FluxResolutionNode", megapixel="1.0", aspect_ratio="1:1 (Square)")
    graph["52"] = graphs.node("Math", a=1, b=2)
    told = filled(graph)
    assert (told["51"], told["52"]) == (graph["51"], graph["52"])
    assert (told["27"]["inputs"]["width"], told["27"]["inputs"]["height"]) == (640, 384)
    assert told["31"]["inputs"]["seed"] == 42


def test_a_size_that_is_computed_from_the_picture_to_be_changed_stays() -> None:
    graph = copy.deepcopy(graphs.CHANGE)
    graph["40"] = graphs.node("GetImageSize", image=["37", 0])
    graph["41"] = graphs.node("ModelSamplingFlux", width=["40", 0], height=["40", 1], model=["30", 0])
    graph["31"]["inputs"]["model"] = ["41", 0]
    told = filled(graph, source="mine.png")
    assert (told["41"]["inputs"]["width"], told["41"]["inputs"]["height"]) == (["40", 0], ["40", 1])


def test_words_go_through_a_node_that_shows_them_and_are_refused_where_they_are_composed() -> None:
    graph = graphs.with_primitives()
    graph["53"] = graphs.node("ShowText|pysssss", text=["50", 0], text_0="as it was shown")
    graph["6"]["inputs"]["text"] = ["53", 0]
    told = filled(graph)
    assert (told["50"]["inputs"]["value"], told["6"]["inputs"]["text"]) == ("new words", ["53", 0])
    graph["53"] = graphs.node("StringConcatenate", string_a=["50", 0], string_b="in oil", delimiter=", ")
    assert refusal(graph)[0] == "computed"


@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        ("ReferenceLatent", {"conditioning": ["6", 0], "latent": ["38", 0]}),
        ("InpaintModelConditioning", {"positive": ["6", 0], "negative": ["33", 0], "pixels": ["37", 0]}),
        ("InstructPixToPixConditioning", {"positive": ["6", 0], "negative": ["33", 0], "pixels": ["37", 0]}),
    ],
)
@pytest.mark.parametrize("empty", [False, True])
def test_a_model_that_is_shown_the_picture_draws_at_its_whole_strength(
    kind: str, shows: dict[str, Any], empty: bool
) -> None:
    graph = copy.deepcopy(graphs.CHANGE)
    graph["39"] = graphs.node("EmptySD3LatentImage", width=1, height=1, batch_size=1)
    graph["40"] = graphs.node(kind, **shows)
    graph["35"]["inputs"]["conditioning"] = ["40", 0]
    graph["31"]["inputs"] |= {"latent_image": ["39" if empty else "38", 0], "denoise": 1.0}
    told = filled(graph, source="mine.png", settings=("denoise",))
    assert told["31"]["inputs"]["denoise"] == 1.0
    assert told["37"]["inputs"]["image"] == "mine.png"
    assert told["6"]["inputs"]["text"] == "new words"


def test_a_graph_that_runs_in_a_circle_is_followed_once() -> None:
    graph = txt2img()
    graph["35"]["inputs"]["conditioning"] = ["35", 0]
    graph["27"]["inputs"]["samples"] = ["27", 0]
    assert refusal(graph)[0] == "no_text"


# Reading


def png_with(**chunks: str) -> bytes:
    told, written = PngImagePlugin.PngInfo(), io.BytesIO()
    for name, text in chunks.items():
        told.add_text(name, text)
    Image.new("RGB", (8, 8)).save(written, "PNG", pnginfo=told)
    return written.getvalue()


def test_json_and_the_pictures_of_comfyui_are_read() -> None:
    graph = txt2img()
    text = json.dumps(graph)
    for data in (text.encode(), b"\xef\xbb\xbf" + text.encode(), png_with(prompt=text, workflow="{}")):
        assert read_graph(data) == graph
    assert read_graph(json.dumps({"prompt": graph, "client_id": "x"}).encode()) == graph


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "unreadable"),
        (b"\xff\xfe rubbish", "unreadable"),
        (b"[1, 2]", "unreadable"),
        (b"[" * 100_000, "unreadable"),
        (b'{"a": 1}', "not_a_graph"),
        (b'{"a": {"class_type": "KSampler"}}', "not_a_graph"),
        (b'{"nodes": [], "links": [], "version": 0.4}', "ui_format"),
        (b"{" + b" " * 5_000_000 + b"}", "too_large"),
        (png_with(), "no_prompt_chunk"),
        (png_with(prompt="rubbish"), "unreadable"),
        (b"\x89PNG rubbish", "unreadable"),
    ],
)
def test_what_is_no_workflow_is_refused_with_the_reason(data: bytes, code: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        read_graph(data)
    assert caught.value.code == code
    assert caught.value.sentence


def test_every_problem_has_a_sentence_that_can_be_filled_in() -> None:
    names = dict.fromkeys(["node", "title", "field", "class_type", "wanted", "has"], "x")
    for code in SENTENCES:
        assert "%(" not in WorkflowError(code, **names).sentence


# Against ComfyUI


def test_what_comfyui_lacks_is_named_with_what_it_has(studio: Studio) -> None:
    from gpu.services.comfyui import ComfyUI

    graph = graphs.custom()
    graph["1"]["inputs"]["unet_name"] = "flux1-dev-Q8.gguf"
    graph["3"]["class_type"] = "TheirLoader"
    del graph["10"]["inputs"]["steps"]
    problems = checking.problems_of(graph, ComfyUI(studio.comfyui.url).object_info)
    assert {problem.code for problem in problems} == {"missing_file", "missing_node", "missing_input"}
    told = " ".join(problem.sentence for problem in problems)
    for word in ("flux1-dev.safetensors", "TheirLoader", "steps"):
        assert word in told
    assert checking.problems_of(graphs.custom(), ComfyUI(studio.comfyui.url).object_info) == []


# Which one serves


def own(graph: graphs.Graph, *, kind: str = "txt2img", active: bool = True) -> Workflow:
    return Workflow.objects.create(name="Mine", kind=kind, graph=graph, serves=kind if active else None)


@pytest.mark.parametrize("model", ["flux1-dev-fp8", "flux1-dev"])
def test_the_built_in_graphs_draw_and_change(studio: Studio, alice: User, model: str) -> None:
    with override_settings(COMFYUI_MODEL=model):
        drawn = studio.drawn(alice)
        changed = studio.drawn(alice, source=upload(alice))
    assert (drawn.status, changed.status) == ("done", "done")
    assert drawn.model_name == f"{model}.safetensors"
    assert drawn.workflow_hash != changed.workflow_hash


@pytest.mark.parametrize(
    "name", ["one checkpoint", "separate files", "a subgraph", "a guider with cfg", "both encoders"]
)
def test_an_operators_workflow_draws(studio: Studio, alice: User, name: str) -> None:
    own(graphs.ALL[name])
    first = studio.drawn(alice, seed="7")
    again = studio.drawn(alice, seed="7")
    assert (first.status, first.notices) == ("done", [])
    assert first.workflow_hash == again.workflow_hash
    assert pixels(first.images.get()) == pixels(again.images.get())
    assert studio.drawn(alice, source=upload(alice)).status == "done"  # the built-in graph


def test_the_settings_of_an_operators_workflow_are_told_as_they_are(studio: Studio, alice: User) -> None:
    own(graphs.custom())
    job = studio.drawn(alice)
    true = {"steps": 20, "guidance": 4.0, "denoise": 1, "sampler": "euler", "scheduler": "simple"}
    assert job.settings == true
    file = images(job)[0].file
    assert file
    assert metadata.read_from(storage.read(file))["settings"] == true


def test_a_variation_by_another_model_says_so(studio: Studio, alice: User) -> None:
    same = ordering.vary_image(images(studio.drawn(alice))[0], variants=1)
    own(graphs.custom())
    other = ordering.vary_image(images(studio.drawn(alice))[0], variants=1)
    studio.work()
    assert (fresh(same).notices, fresh(other).notices) == ([], ["other_model"])
    assert "Another model" in fresh(other).notice_lines[0]


def test_a_number_of_steps_that_somebody_names_goes_before_the_workflows(
    studio: Studio, alice: User, alice_client: Client
) -> None:
    own(graphs.custom())
    left, named = (studio.think(studio.order(alice, prompt_first=True)) for _ in range(2))
    page = alice_client.get(f"/chats/{named.chat_id}/").content.decode()
    assert "as in the workflow" in page
    for job, steps in ((left, ""), (named, "7")):
        alice_client.post(f"/pictures/{job.pk}/approve/", {"prompt": job.prompt, "steps": steps})
    studio.work()
    again = ordering.draw_again(fresh(named))
    studio.work()
    assert [fresh(job).settings["steps"] for job in (left, named, again)] == [20, 7, 7]
    sent = [call.body["prompt"]["10"]["inputs"]["steps"] for call in studio.comfyui.called("/prompt")]
    assert sent == [20, 7, 7]


def test_an_operators_file_draws(studio: Studio, alice: User, tmp_path: Path) -> None:
    file = tmp_path / "flux.json"
    file.write_text(json.dumps(graphs.custom()))
    with override_settings(COMFYUI_WORKFLOW_PATH=str(file)):
        assert studio.drawn(alice).model_name == "flux1-dev.safetensors"


@pytest.mark.parametrize("broken", ["file gone", "ui format", "missing node"])
def test_the_built_in_graph_serves_for_one_that_is_broken(
    studio: Studio, alice: User, tmp_path: Path, broken: str
) -> None:
    graph = txt2img()
    graph["8"]["class_type"] = "TheirDecoder"
    file = tmp_path / "flux.json"
    if broken != "file gone":
        file.write_text(json.dumps({"nodes": [], "links": []} if broken == "ui format" else graph))
    with override_settings(COMFYUI_WORKFLOW_PATH=str(file)):
        job = studio.drawn(alice)
        assert (job.status, "workflow_builtin" in job.notices) == ("done", True)
        with override_settings(COMFYUI_MODEL="nothing"):
            assert studio.drawn(alice).error_code == "workflow_broken"


def test_a_part_of_the_model_that_is_missing_is_named(studio: Studio, alice: User) -> None:
    with override_settings(COMFYUI_MODEL="nothing"):
        job = studio.drawn(alice)
    assert (job.error_code, "nothing" in job.error) == ("model_missing", True)


# The admin's page


def sent(name: str, graph: Any, kind: str = "txt2img") -> dict[str, Any]:
    file = io.BytesIO(json.dumps(graph).encode())
    file.name = "flux.json"
    return {"name": name, "kind": kind, "file": file}


ADD, LIST = "/admin/imaging/workflow/add/", "/admin/imaging/workflow/"


def test_an_admin_uploads_looks_tests_and_lets_it_serve(
    studio: Studio, admin: User, admin_client: Client, alice: User
) -> None:
    assert admin_client.post(ADD, sent("Mine", graphs.custom())).status_code == 302
    workflow = Workflow.objects.get()
    assert (workflow.problems, workflow.active, workflow.created_by) == ([], False, admin)
    page = admin_client.get(f"{LIST}{workflow.pk}/change/").content.decode()
    assert "Positive: text" in page

    act = {"_selected_action": [workflow.pk]}
    admin_client.post(LIST, {**act, "action": "test"})
    studio.work()
    test = ImageJob.objects.get()
    assert (test.status, test.steps, test.model_name) == ("done", 4, "flux1-dev.safetensors")
    assert "/media/" in admin_client.get(f"{LIST}{workflow.pk}/change/").content.decode()
    assert studio.drawn(alice).model_name == "flux1-dev-fp8.safetensors"

    admin_client.post(LIST, {**act, "action": "activate"})
    assert studio.drawn(alice).model_name == "flux1-dev.safetensors"
    admin_client.post(LIST, {**act, "action": "deactivate"})
    assert studio.drawn(alice).model_name == "flux1-dev-fp8.safetensors"

    admin_client.post(f"{LIST}{workflow.pk}/delete/", {"post": "yes"})
    noted = AuditEntry.objects.filter(action__startswith="workflow.").order_by("pk")
    assert [f"{entry.action} {entry.target}" for entry in noted] == [
        f"workflow.{what} Mine" for what in ("uploaded", "activated", "deactivated", "deleted")
    ]


def test_only_one_of_a_kind_serves(studio: Studio, admin_client: Client) -> None:
    one, two = own(graphs.custom()), own(txt2img(), active=False)
    admin_client.post(LIST, {"_selected_action": [two.pk], "action": "activate"})
    assert list(Workflow.objects.exclude(serves=None)) == [two]
    assert one.pk != two.pk


@pytest.mark.parametrize(
    ("graph", "word"),
    [({"nodes": [], "links": []}, "Export (API)"), (without("31"), "sampler"), ({"a": 1}, "class_type")],
)
def test_a_file_that_cannot_serve_is_refused_on_the_page(
    studio: Studio, admin_client: Client, graph: Any, word: str
) -> None:
    page = admin_client.post(ADD, sent("Bad", graph))
    assert (page.status_code, word in page.content.decode()) == (200, True)
    assert not Workflow.objects.exists()


def test_what_comfyui_lacks_is_told_on_the_page(studio: Studio, admin_client: Client) -> None:
    graph = graphs.custom()
    graph["13"]["class_type"] = "TheirDecoder"
    page = admin_client.post(ADD, sent("Mine", graph), follow=True).content.decode()
    assert "TheirDecoder" in page
    assert Workflow.objects.get().problems


def test_without_comfyui_a_workflow_is_kept_unchecked(studio: Studio, admin_client: Client) -> None:
    studio.comfyui.stop()
    page = admin_client.post(ADD, sent("Mine", graphs.custom()), follow=True).content.decode()
    assert "could not be checked" in page
    assert Workflow.objects.get().checked_at is None
    studio.comfyui.start()


@pytest.mark.django_db
def test_nobody_else_sees_workflows(alice_client: Client, bob: User) -> None:
    for path in (LIST, ADD):
        assert alice_client.get(path).status_code in (302, 403, 404)
        assert alice_client.post(path, sent("Mine", graphs.custom())).status_code in (302, 403, 404)
    assert not Workflow.objects.exists()


def test_a_test_of_a_broken_workflow_says_what_is_wrong(studio: Studio, admin: User) -> None:
    graph = graphs.custom()
    graph["13"]["class_type"] = "TheirDecoder"
    job = ordering.order_test(admin, own(graph, active=False))
    studio.work()
    assert "TheirDecoder" in fresh(job).error
    with translation.override("ru"):
        assert "не знает узла «TheirDecoder»" in fresh(job).error
