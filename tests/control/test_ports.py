import socket

import pytest

from guardhouse.control.ports import PortTaken, ask, obstacle
from guardhouse.policy.settings import Address


def test_a_free_port_is_no_obstacle_and_is_free_afterwards() -> None:
    for _ in range(2):
        assert obstacle(Address("127.0.0.1", 0)) is None


def test_every_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        taken = [listener.getsockname()[1] for listener in (first, second)]
        asked = {"data port": Address("127.0.0.1", taken[0]), "admin port": Address("127.0.0.1", taken[1])}
        with pytest.raises(PortTaken) as told:
            ask(asked)
    lines = str(told.value).splitlines()
    assert [line.split(" cannot")[0] for line in lines] == [f"the {name} {address}" for name, address in asked.items()]
    assert all(f"sport = :{port}" in line for port, line in zip(taken, lines, strict=True))
