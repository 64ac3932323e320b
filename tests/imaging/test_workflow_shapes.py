"""Graphs in the less usual shapes: what is found in them, what is left alone, which result is meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import override_settings

from accounts.models import User
from gpu.services.comfyui import ComfyUI, Output
from imaging import composing
from imaging.failing import PictureError
from imaging.models import Workflow
from imaging.workflows import WorkflowError, bind, builtin, checking, read_graph
from tests.imaging import graphs
from tests.imaging.studio import Studio

CHOSEN = {"steps": 4, "denoise": 0.6, "cfg": 1.0}


def filled(graph: graphs.Graph, *settings: str, source: str = "") -> graphs.Graph:
    return bind(graph, changes_a_picture=bool(source)).fill(
        graph,
        prompt="new words",
        seed=2**64 - 1,
        width=640,
        height=384,
        chosen=CHOSEN,
        source=source,
        settings=settings,
    )


def inputs(graph: graphs.Graph, name: str, *fields: str) -> tuple[Any, ...]:
    return tuple(graph[name]["inputs"][field] for field in fields)


# Samplers


def test_two_advanced_samplers_get_the_seed_and_keep_their_steps() -> None:
    told = filled(graphs.exported("advanced_in_two_stages"))
    assert inputs(told, "10", "noise_seed", "start_at_step", "end_at_step") == (2**64 - 1, 0, 12)
    assert inputs(told, "11", "noise_seed", "start_at_step", "end_at_step") == (2**64 - 1, 12, 10000)
    assert inputs(told, "6", "text") + inputs(told, "7", "text") == ("new words", "")


def test_a_test_in_few_steps_shares_them_out_as_before() -> None:
    told = filled(graphs.exported("advanced_in_two_stages"), "steps")
    assert inputs(told, "10", "steps", "start_at_step", "end_at_step") == (4, 0, 2)
    assert inputs(told, "11", "steps", "start_at_step", "end_at_step") == (4, 2, 10000)


@pytest.mark.parametrize(("settings", "begins"), [((), 6), (("denoise",), 8), (("denoise", "steps"), 2)])
def test_an_advanced_sampler_changes_a_picture_from_a_later_step_on(
    settings: tuple[str, ...], begins: int
) -> None:
    graph = graphs.exported("advanced_change")
    told = filled(graph, *settings, source="mine.png")
    assert inputs(told, "10", "start_at_step") == (begins,)
    assert inputs(told, "20", "image") + inputs(told, "21", "width") == ("mine.png", 768)
    assert ("denoise", "KSampler (Advanced): start_at_step") in bind(graph, changes_a_picture=True).told(
        graph
    )


def test_a_second_pass_without_noise_of_its_own_needs_no_seed() -> None:
    graph = graphs.exported("subgraph_in_two_passes")
    told = filled(graph, "denoise", "steps")
    assert inputs(told, "56:49", "noise_seed") == (2**64 - 1,)
    assert inputs(told, "56:51", "denoise") + inputs(told, "56:61", "denoise") == (0.6, 0.3)


def test_widgets_made_inputs_are_set_where_their_values_come_from() -> None:
    told = filled(graphs.exported("sampler_custom_with_lora"))
    assert inputs(told, "16", "value") == ("new words",)
    assert inputs(told, "20", "clip_l", "t5xxl") == (["17", 0], ["17", 0])
    assert inputs(told, "18", "width", "height", "swap") == (640, 384, False)
    assert inputs(told, "23", "seed", "control") == (2**64 - 1, "fixed")


def test_a_setting_that_is_computed_is_left_alone() -> None:
    graph = graphs.exported("sampler_custom_with_lora")
    told = filled(graph, "cfg", "steps")
    assert told["27"]["inputs"]["cfg"] == ["26", 0]
    assert told["26"] == graph["26"]
    assert inputs(told, "25", "steps") == (4,)


def test_a_switch_is_not_taken_for_the_value_that_it_chooses() -> None:
    graph = graphs.with_primitives()
    graph["53"] = graphs.node("Switch", on=True, first=["52", 0], second=["52", 0])
    graph["31"]["inputs"]["seed"] = ["53", 0]
    told = filled(graph)
    assert (told["31"]["inputs"]["seed"], told["53"], told["52"]) == (2**64 - 1, graph["53"], graph["52"])


def test_the_model_is_the_one_that_draws() -> None:
    graph = graphs.exported("sampler_custom_with_lora")
    bound = bind(graph, changes_a_picture=False)
    assert composing.model_of(graph, bound) == "flux1-dev.safetensors"


def test_the_settings_that_a_graph_draws_with_are_read_from_it() -> None:
    graph = graphs.custom()
    told = bind(graph, changes_a_picture=False).read(filled(graph))
    assert told == {"steps": 20, "guidance": 4.0, "denoise": 1, "sampler": "euler", "scheduler": "simple"}
    change = graphs.exported("advanced_change")
    told = bind(change, changes_a_picture=True).read(filled(change, "denoise", source="mine.png"))
    assert told["denoise"] == 0.6
    graph["10"]["inputs"]["steps"] = "many"
    assert "steps" not in bind(graph, changes_a_picture=False).read(graph)


# Results


def recipe(graph: graphs.Graph) -> composing.Recipe:
    return composing.Recipe("", "", graph, bind(graph, changes_a_picture=False), ())


def output(node: str, kind: str = "output") -> Output:
    return Output(node, f"{node}.png", "", kind)


def chosen(graph: graphs.Graph, *outputs: Output) -> str:
    found = composing.choose_output(outputs, recipe(graph))
    return found.node if found else ""


def test_the_result_is_what_all_samplers_have_drawn_at_the_end_of_the_way() -> None:
    staged = graphs.exported("advanced_in_two_stages")
    assert chosen(staged, output("19"), output("13", "temp")) == "19"
    assert chosen(staged, output("13", "temp")) == "13"
    larger = graphs.exported("sampler_custom_with_lora")
    assert chosen(larger, output("33"), output("31")) == "33"
    assert chosen(larger, output("31"), output("33")) == "33"


def test_a_file_that_has_nothing_to_do_with_the_sampler_comes_last() -> None:
    graph = graphs.exported("advanced_change")
    graph["5"] = graphs.node("EmptySD3LatentImage", width=64, height=64, batch_size=1)
    graph["10"]["inputs"]["latent_image"] = ["5", 0]
    graph["40"] = graphs.node("SaveImage", "What came in", filename_prefix="in", images=["20", 0])
    assert chosen(graph, output("19"), output("40")) == "19"
    assert chosen(graph) == ""


def test_a_node_that_only_sends_the_picture_away_is_no_result() -> None:
    graph = graphs.custom()
    graph["14"] = graphs.node("SaveImageWebsocket", images=["13", 0])
    with pytest.raises(WorkflowError, match="no_result"):
        bind(graph, changes_a_picture=False)


def test_a_result_may_have_any_name_when_no_other_is_there() -> None:
    graph = graphs.custom()
    graph["14"] = graphs.node("TheirGallery", image=["13", 0])
    assert bind(graph, changes_a_picture=False).results == ["14"]


# Reading


def read(graph: Any) -> graphs.Graph:
    return read_graph(json.dumps(graph).encode())


def test_what_comfyui_writes_beside_the_inputs_is_dropped() -> None:
    graph = graphs.custom()
    graph["14"] |= {"is_changed": [float("nan")], "_meta": ["no title"]}
    told = read(graph)["14"]
    assert set(told) == {"inputs", "class_type"}
    json.dumps(told, allow_nan=False)


@pytest.mark.parametrize("inside", ["lists", "half of a character"])
def test_values_that_no_graph_holds_are_refused(inside: str) -> None:
    value: Any = "\ud800"
    if inside == "lists":
        for _ in range(700):
            value = [value]
    with pytest.raises(WorkflowError, match="unreadable"):
        read({"1": graphs.node("KSampler", seed=value)})


# Against ComfyUI


def test_comfyui_is_asked_for_its_nodes_once_for_a_line_of_jobs(studio: Studio, alice: User) -> None:
    Workflow.objects.create(name="Mine", kind="txt2img", graph=graphs.custom(), serves="txt2img")
    studio.drawn(alice)
    asked = [call.path for call in studio.comfyui.calls if "/object_info/" in call.path]
    assert len(asked) == len(set(asked)) == len({node["class_type"] for node in graphs.custom().values()})
    assert studio.drawn(alice).status == "done"
    assert [call.path for call in studio.comfyui.calls if "/object_info/" in call.path] == asked


def test_any_name_of_a_node_may_be_asked_for(studio: Studio) -> None:
    comfyui = ComfyUI(studio.comfyui.url)
    for name in ("Seed (rgthree)", "Image 50%?", "a/../b", "Größe#1"):
        assert comfyui.object_info(name) == {}
    assert comfyui.object_info("KSampler")


def test_choices_are_read_in_the_old_way_and_the_new() -> None:
    assert checking.options_of([["a"], {}]) == ["a"]
    assert checking.options_of(["COMBO", {"options": ["a"]}]) == ["a"]
    for other in (["INT", {}], ["COMBO"], ["COMBO", None], [], None):
        assert checking.options_of(other) is None


def test_the_closest_files_are_named_first() -> None:
    files = ["a.safetensors", "b.safetensors", "flux1-dev-fp8.safetensors", "c", "d", "e", "f"]
    assert checking.nearest("flux1-dev.safetensors", files).startswith("flux1-dev-fp8.safetensors, ")
    assert checking.nearest("x", []) == "—"


@pytest.mark.parametrize(
    "name", ["flux1-dev-fp8", "flux1-dev-fp8.safetensors", "sub/flux1-dev-fp8.safetensors"]
)
def test_the_model_is_found_by_its_stem_in_any_folder(name: str) -> None:
    assert builtin.find_file(["other.sft", "flux/flux1-dev-fp8.safetensors"], name)
    assert builtin.find_file(["flux\\flux1-dev-fp8.safetensors"], name)
    assert not builtin.find_file(["flux1-dev.safetensors"], name)


@pytest.mark.parametrize("own", [False, True])
def test_a_model_that_is_nowhere_is_named_with_what_comfyui_has(studio: Studio, own: bool) -> None:
    if own:
        graph = graphs.custom()
        graph["13"]["class_type"] = "TheirDecoder"
        Workflow.objects.create(name="Mine", kind="txt2img", graph=graph, serves="txt2img")
    with override_settings(COMFYUI_MODEL="flux1-schnell"), pytest.raises(PictureError) as caught:
        composing.find_serving("txt2img", ComfyUI(studio.comfyui.url))
    cause = caught.value.__cause__
    assert isinstance(cause, WorkflowError)
    if own:
        assert (caught.value.code, "TheirDecoder" in cause.sentence) == ("workflow_broken", True)
    else:
        assert caught.value.code == "model_missing"
        assert "flux1-dev.safetensors" in cause.sentence
