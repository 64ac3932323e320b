"""Whether the wanted port can be listened on."""

from __future__ import annotations

import socket

import pytest

from launch.errors import StartError
from launch.ports import check_port, choose_port, free_port


def test_a_free_port_is_fine() -> None:
    check_port("127.0.0.1", free_port())
    check_port("0.0.0.0", free_port())


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_in_use_is_one_line_with_one_that_is_free(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StartError) as error:
            check_port(host, port)

    line = str(error.value)
    assert "\n" not in line
    assert f"Port {port} is in use" in line
    check_port(host, int(line.split("--port ")[1]))


def test_a_taken_port_that_nobody_asked_for_gives_way_to_the_next() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        other = choose_port("127.0.0.1", port, may_move=True)
        assert other != port
        check_port("127.0.0.1", other)
        assert choose_port("127.0.0.1", port, may_move=False) == port
    assert choose_port("127.0.0.1", port, may_move=True) == port


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(StartError, match=r"192\.0\.2\.77 is not an address of this computer"):
        check_port("192.0.2.77", free_port())


def test_a_name_that_nobody_knows_is_one_line() -> None:
    with pytest.raises(StartError, match="is not an address of this computer"):
        check_port("no such name", free_port())
