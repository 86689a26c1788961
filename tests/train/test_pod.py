"""Where a process belongs, and what workers hear of each other."""

import os
import socket
import threading

import pytest
from jax._src.clusters import cloud_tpu_cluster

from selfme_jax.train import pod, rendezvous
from selfme_jax.train.pod import Place
from selfme_jax.types import UserError

ADDRESS = "JAX_COORDINATOR_ADDRESS"
WHOLE = {ADDRESS: "host:1234", "JAX_NUM_PROCESSES": "4", "JAX_PROCESS_ID": "3"}


def test_places():
    assert pod.place({}) is None
    assert pod.place({ADDRESS: "host:1234"}) is None
    assert pod.place(WHOLE | {"JAX_NUM_PROCESSES": "1", "JAX_PROCESS_ID": "0"}) is None
    found = pod.place(WHOLE)
    assert found == Place("host", 1234, 4, 3)
    assert found.meeting == 1235
    last = pod.place(WHOLE | {ADDRESS: "[::1]:65535"})
    assert (last.host, last.meeting) == ("::1", 65534)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"JAX_NUM_PROCESSES": ""}, "JAX_NUM_PROCESSES not set"),
        ({ADDRESS: ""}, "JAX_COORDINATOR_ADDRESS not set"),
        ({ADDRESS: "host"}, "HOST:PORT"),
        ({ADDRESS: "host:99999"}, "HOST:PORT"),
        ({"JAX_PROCESS_ID": "4"}, "JAX_PROCESS_ID=4"),
        ({"JAX_PROCESS_ID": "one"}, "JAX_PROCESS_ID=one"),
    ],
)
def test_places_that_cannot_be(change, message):
    with pytest.raises(UserError, match=message):
        pod.place(WHOLE | change)


def test_no_cluster_to_detect():
    with pytest.raises(UserError, match="SELFME_POD=auto finds no cluster"):
        pod.place({"SELFME_POD": "auto"})


def test_a_cluster_that_is_detected(monkeypatch):
    """Slurm's own variables, as JAX reads them."""
    for key, value in {
        "SLURM_JOB_ID": "70000",
        "SLURM_STEP_NODELIST": "node[07-08]",
        "SLURM_NTASKS": "4",
        "SLURM_PROCID": "2",
        "SLURM_LOCALID": "0",
        "SLURM_STEP_NUM_NODES": "2",
    }.items():
        monkeypatch.setenv(key, value)
    found = pod.place({"SELFME_POD": "auto"})
    assert (found.host, found.size, found.number) == ("node07", 4, 2)
    assert found.devices == (0,)


SLICES = {
    "TPU_WORKER_HOSTNAMES": "localhost,elsewhere,there",
    "TPU_WORKER_ID": "1",
    "MEGASCALE_COORDINATOR_ADDRESS": "localhost:8080",
    "MEGASCALE_NUM_SLICES": "2",
    "MEGASCALE_SLICE_ID": "1",
    "JAX_COORDINATOR_PORT": "1234",
}


@pytest.fixture
def slices(monkeypatch):
    """The second machine of the second of two slices, as GKE tells it."""
    monkeypatch.setattr(cloud_tpu_cluster, "running_in_cloud_tpu_vm", True)
    monkeypatch.setenv("TPU_SKIP_MDS_QUERY", "1")
    for key, value in SLICES.items():
        monkeypatch.setenv(key, value)


def test_slices_are_one_pod(slices):
    found = pod.place({**os.environ, "SELFME_POD": "auto", "SELFME_SLICES": "2"})
    assert found == Place("localhost", 1234, 6, 4)


def test_slices_that_nobody_joined_are_refused(slices, monkeypatch):
    """Each would train the whole run, in the same workdir."""
    monkeypatch.setenv("MEGASCALE_COORDINATOR_ADDRESS", "")
    monkeypatch.setenv("MEGASCALE_NUM_SLICES", "1")
    with pytest.raises(UserError, match="SELFME_SLICES=2, but .* a pod of 1"):
        pod.place({**os.environ, "SELFME_POD": "auto", "SELFME_SLICES": "2"})


@pytest.fixture
def meet(monkeypatch):
    """Starts a server; gives members, and what ended their processes."""
    ended = []
    monkeypatch.setattr(pod, "_end", lambda *args: ended.append(args))
    monkeypatch.setattr(rendezvous, "SIGN_OF_LIFE", 0.2)
    with socket.create_server(("", 0)) as taken:
        port = taken.getsockname()[1]
    sockets = []

    def server(count, timeout):
        rendezvous.Server(port, count, timeout).start()

    def member(number, count=3):
        where = Place("localhost", port - 1, count, number)
        connection = pod._connect(where, 5)
        sockets.append(connection)
        return pod.Member(where, connection, None)

    yield server, member, ended, sockets
    for connection in sockets:
        connection.close()


def waiting(members, timeout=20.0):
    """Wait in all of them; what each raised."""
    raised = [None] * len(members)

    def wait(i, member):
        try:
            member.wait(timeout)
        except UserError as error:
            raised[i] = str(error)

    threads = [threading.Thread(target=wait, args=pair) for pair in enumerate(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return raised


def until(condition):
    for _ in range(200):
        if condition():
            return
        threading.Event().wait(0.05)
    raise TimeoutError


def test_who_is_missing_is_named(meet, capsys):
    server, member, *_ = meet
    server(3, 1.2)
    raised = waiting([member(0), member(2)], 1.2)
    for text in raised:
        assert "1 of 3 workers did not come within 1 s: 1." in text
        assert "SELFME_POD_TIMEOUT" in text
    assert "worker 2: waiting for 1 of 3 workers (1) ..." in capsys.readouterr().out


def test_one_too_many_is_refused(meet):
    server, member, *_ = meet
    server(2, 20)
    first = member(0, 2)
    second = member(0, 2)
    other = member(1, 3)
    assert "worker 0 already" in waiting([second])[0]
    assert "JAX_NUM_PROCESSES is 3 here and 2" in waiting([other])[0]
    assert waiting([first, member(1, 2)]) == [None, None]


def test_the_loss_of_one_ends_the_others(meet):
    server, member, ended, sockets = meet
    server(3, 20)
    members = [member(i) for i in range(3)]
    assert waiting(members) == [None] * 3
    for one in members[:2]:
        one.watch()
    sockets[2].shutdown(socket.SHUT_RDWR)
    until(lambda: len(ended) == 2)
    for code, text in ended:
        assert code == 75 and "worker 2 of 3 is lost" in text


def test_why_one_leaves_is_told_to_the_others(meet):
    server, member, ended, _ = meet
    server(2, 20)
    members = [member(i, 2) for i in range(2)]
    assert waiting(members) == [None] * 2
    members[0].watch()
    members[1].leave(3, "loss is not finite.\nLower the rate.")
    until(lambda: len(ended) == 2)
    text = "error: worker 1 of 2: loss is not finite.\nLower the rate."
    assert sorted(ended) == [(3,), (3, text)]


def test_done_is_when_all_are_done(meet, monkeypatch):
    server, member, ended, _ = meet
    monkeypatch.setattr(pod.jax.distributed, "shutdown", lambda: None)
    server(2, 20)
    members = [member(i, 2) for i in range(2)]
    assert waiting(members) == [None] * 2
    for one in members:
        one.watch()
    first = threading.Thread(target=members[0].finish)
    first.start()
    first.join(0.5)
    assert first.is_alive()
    members[1].finish()
    first.join(5)
    assert not first.is_alive() and not ended
