"""What is found on this machine and the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from launch import network, probes, ready
from launch.output import Output
from launch.ports import free_port
from tests.standins.ollama import ScriptedOllama

ROUTES = """Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask
eth0\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF
eth0\t00000000\t01201CAC\t0003\t0\t0\t0\t00000000
"""


def test_a_running_ollama_is_found_with_its_models() -> None:
    with ScriptedOllama() as ollama:
        assert probes.find_ollama(ollama.url) == probes.Ollama(ollama.url, "0.32.15", len(ollama.models))


def test_what_does_not_answer_as_ollama_is_not_one() -> None:
    assert probes.find_ollama(f"http://127.0.0.1:{free_port()}") is None
    with ScriptedOllama() as ollama:
        assert probes.find_comfyui(ollama.url) is None


def test_the_windows_around_a_wsl_is_its_default_gateway(tmp_path: Path) -> None:
    table = tmp_path / "route"
    table.write_text(ROUTES)

    assert probes.default_gateway(table) == "172.28.32.1"
    assert probes.default_gateway(tmp_path / "missing") == ""


def test_addresses_on_the_network_are_those_that_others_can_use() -> None:
    assert not [
        address for address in network.lan_addresses() if address.startswith(("127.", "169.254.", "0."))
    ]


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("192.168.1.5", False)],
)
def test_loopback_is_for_this_machine_alone(host: str, local: bool) -> None:
    assert network.is_local(host) is local


def test_the_qr_code_is_drawn() -> None:
    assert len(network.qr_code("http://192.168.1.5:5000").splitlines()) > 10


def test_the_welcome_names_every_address_once(tmp_path: Path) -> None:
    lan = ["192.168.1.5", "10.0.0.2"]
    welcome = ready.Welcome(Output(tmp_path), "0.0.0.0", 5000, lan, "", browser=False, setup_path="/setup/x/")

    lines = [line.strip() for line in welcome.text().splitlines()]

    assert lines[1] == "Ollama Chat is ready: http://127.0.0.1:5000"
    assert lines.count("http://192.168.1.5:5000") == lines.count("http://10.0.0.2:5000") == 1
    assert lines.count("http://192.168.1.5:5000/setup/x/") == 1


def test_the_public_address_is_the_one_to_use(tmp_path: Path) -> None:
    welcome = ready.Welcome(Output(tmp_path), "127.0.0.1", 5000, [], "https://chat.example", browser=False)

    welcome.setup_path = "/setup/x/"

    assert "ready: https://chat.example\n" in welcome.text()
    assert "https://chat.example/setup/x/\n" in welcome.text()


def test_nothing_that_listens_is_a_missing_web_server() -> None:
    assert ready.missing_checks(f"http://127.0.0.1:{free_port()}") == ["web server"]
