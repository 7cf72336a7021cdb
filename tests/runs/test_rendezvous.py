"""Processes, here threads, that meet at an address before JAX joins them."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from drr_jax.errors import InputError
from drr_jax.runs.rendezvous import Who, meet


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def meeting(*all_of_them, seconds=20.0):
    """What each of several processes, here threads, finds when they meet."""
    address = f"127.0.0.1:{free_port()}"

    def found(count, index):
        try:
            return meet(Who(address, count, index), seconds)
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(len(all_of_them)) as pool:
        return list(pool.map(found, *zip(*all_of_them, strict=True)))


def test_processes_meet_whatever_else_knocks():
    assert meeting((3, 2), (3, 0), (3, 1)) == [1, 1, 1]  # hosts
    address = ("127.0.0.1", free_port())
    with ThreadPoolExecutor(2) as pool:
        main = pool.submit(meet, Who(f"{address[0]}:{address[1]}", 2, 0), 20)
        for knock in (b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b""):
            while True:
                try:
                    with socket.create_connection(address) as stranger:
                        stranger.sendall(knock)
                    break
                except ConnectionRefusedError:  # it does not listen yet
                    assert not main.done()
        assert meet(Who(f"{address[0]}:{address[1]}", 2, 1), 20) == main.result() == 1


@pytest.mark.parametrize(
    "others, said",
    [
        ([(3, 1), (3, 1)], "say that they are process 1 of 3; give each its own index"),
        ([(4, 1)], "says that there are 4 processes, and process 0 that there are 3"),
    ],
)
def test_processes_that_disagree_all_hear_it(others, said):
    for line in meeting((3, 0), *others):
        assert said in line


def test_an_address_that_is_taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(InputError, match=f"port .* of {address} is in use on .*JAX_COORD"):
            meet(Who(address, 2, 0), 1)
