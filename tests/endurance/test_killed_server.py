"""A server that is killed in the middle of a run starts again in the same folder and works as before."""

import os
import random
import signal

import pytest
from p2p.p2p_core.attention_files import load_attention
from p2p.tests.endurance.counts import count
from p2p.tests.endurance.faults_figures import note
from p2p.tests.endurance.faults_graphs import KINDS, MODEL, STEPS, loaded_from, model_alone, node
from p2p.tests.endurance.faults_server import FaultyServer, differing, faulty_server
from p2p.tests.endurance.faults_socket import watching

MOMENTS = count(6, 1)
SEED, KIND, SUFFIX = 71, "store, live", ".attention.safetensors"


@pytest.fixture(scope="module")
def undisturbed(faulty):
    return faulty.made(KINDS[KIND](SEED))


def _while_sampling(server: FaultyServer, chance: random.Random) -> None:
    with watching(server.url, "killing") as client:
        identity = server.queue(KINDS[KIND](SEED + 1), "killing")
        client.reach(identity, chance.randrange(1, STEPS))
        os.killpg(server.server.process.pid, signal.SIGKILL)


def _while_writing(file: str):
    def kill(server: FaultyServer, chance: random.Random) -> None:
        server.ended(server.queue({**model_alone(), **_armed(file, server)}))
        server.queue(KINDS[KIND](SEED + 1))

    return kill


def _armed(file: str, server: FaultyServer) -> dict:
    return {
        "kill": node("FaultsKill", model=[MODEL, 0], file=file),
        "probe": node("FaultsProbe", model=["kill", 0], number=next(server.numbers)),
    }


WAYS = {
    "half an attention file": _while_writing("attention"),
    "while sampling": _while_sampling,
    "half a picture": _while_writing("picture"),
}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_server_starts_again(comfyui, undisturbed, tmp_path):
    chance, whole = random.Random(8), []
    for number in range(MOMENTS):
        name = list(WAYS)[number % len(WAYS)]
        with faulty_server(comfyui, tmp_path) as server:
            whole = _all_is_well(server, undisturbed, whole)
            WAYS[name](server, chance)
            assert server.server.process.wait(timeout=240) == -signal.SIGKILL, name
        saved_before = _files(tmp_path, SUFFIX)
        # A run that dies over a picture may have saved its maps before, whole ones.
        assert saved_before[: len(whole)] == whole
        assert len(saved_before) - len(whole) <= (name == "half a picture")
        whole = saved_before
        assert len(_files(tmp_path, f"{SUFFIX}.part")) == number // len(WAYS) + 1
    for part in tmp_path.rglob(f"*{SUFFIX}.part"):
        os.utime(part, (0, 0))  # it was long ago
    with faulty_server(comfyui, tmp_path) as server:
        whole = _all_is_well(server, undisturbed, whole)
    assert _files(tmp_path, f"{SUFFIX}.part") == []
    note("killed server", kills=MOMENTS, ways=sorted(WAYS), files=len(whole))


def _all_is_well(server: FaultyServer, undisturbed: dict, whole: list[str]) -> list[str]:
    """The queue works, results are the same, files that can be chosen are whole, and no half picture is left.

    Returns:
        The files of attention that there are now.
    """
    assert _files(server.folder, ".png") == []
    choices = server.json("/object_info/P2PLoadAttention")["P2PLoadAttention"]["input"]["required"]["file"]
    offered = choices[1]["options"] if choices[0] == "COMBO" else choices[0]
    assert sorted(offered) == sorted(f"faults/{name} [output]" for name in whole)
    assert all(load_attention(server.folder / "output" / "faults" / name).record.rows for name in whole)
    assert differing(server.made(KINDS[KIND](SEED)), undisturbed) == []
    (new,) = sorted({*_files(server.folder, SUFFIX)} - {*whole})
    loaded = loaded_from(KINDS[KIND](SEED), f"faults/{new} [output]")
    shown = server.ended(server.queue(loaded))
    assert shown.outcome == "success", shown.message
    expected = {key: value for key, value in undisturbed.items() if not key.startswith("file ")}
    assert differing(shown.results, expected) == []
    return [*whole, new]


def _files(folder, suffix: str) -> list[str]:
    return sorted(path.name for path in folder.rglob(f"*{suffix}") if "custom_nodes" not in path.parts)
