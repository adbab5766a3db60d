"""Attention seen in runs of the host's own executor with the embedded model: what its caches do, and what maps show."""

import asyncio

import execution
import pytest
import torch
from p2p.mini_sdxl.judge import load_judge
from p2p.nodes import PromptToPromptExtension

import nodes as host_nodes

from .executors import new_executor
from .test_attention_nodes import folders  # noqa: F401, a fixture

CACHES = {
    "classic": (execution.CacheType.CLASSIC, {}),
    "lru": (execution.CacheType.LRU, {"lru": 30}),
    "ram": (execution.CacheType.RAM_PRESSURE, {"ram": 0.0}),
    "none": (execution.CacheType.NONE, {}),
}


def link(node: str, output: int = 0) -> list:
    return [node, output]


def node(class_type: str, **inputs) -> dict:
    return {"class_type": class_type, "inputs": inputs}


def graph(prompt: str = "a red car on snow", seed: int = 1, steps: int = 2, width: int = 128, batch: int = 1) -> dict:
    """One run that is watched, and its maps."""
    return {
        "mini": node("P2PMiniSDXL", precision="fp32"),
        "prompt": node("P2PTextEncode", clip=link("mini", 1), text=prompt),
        "negative": node("CLIPTextEncode", clip=link("mini", 1), text=""),
        "latent": node("EmptyLatentImage", width=width, height=128, batch_size=batch),
        "store": watching("mini"),
        "sampler": sampling("store", seed, steps),
        "picture": node("VAEDecode", samples=link("sampler"), vae=link("mini", 2)),
        "maps": showing("store", "picture"),
        "preview": node("PreviewImage", images=link("maps")),
    }


def watching(model: str, words: str = "", **changed) -> dict:
    settings = {"prompt": "positive", "largest_grid": "coarse", "start": 0.0, "end": 1.0, "keep_steps": False}
    return node("P2PAttentionStore", model=link(model), words=words, **{**settings, **changed})


def sampling(model: str, seed: int, steps: int) -> dict:
    return node(
        "KSampler",
        model=link(model),
        positive=link("prompt"),
        negative=link("negative"),
        latent_image=link("latent"),
        seed=seed,
        steps=steps,
        cfg=4.0,
        sampler_name="euler",
        scheduler="normal",
        denoise=1.0,
    )


def showing(store: str, picture: str, words: str = "", **changed) -> dict:
    settings = {"layout": "grid", "opacity": 0.6, "scale": "per word", "threshold": 0.5, "refine": 0, "step": -1}
    return node(
        "P2PAttentionMaps", attention=link(store, 1), image=link(picture), words=words, **{**settings, **changed}
    )


class Host:
    """The host's executor with one of its caches. ``outputs`` are those of the last run by node."""

    def __init__(self, cache: str) -> None:
        self.outputs: dict[str, tuple] = {}
        self.ran: list[str] = []
        kind, arguments = CACHES[cache]
        self._executor = new_executor(kind, **arguments)

    def run(self, prompt: dict) -> None:
        self.outputs, self.ran = {}, []
        self._executor.execute(prompt, "run", {}, ["preview"])
        for event, message in self._executor.status_messages:
            if event == "execution_error":
                raise RuntimeError(message["exception_message"])


@pytest.fixture
def host(request, monkeypatch, folders):  # noqa: F811
    """A ``Host`` that knows the pack's nodes, and notes what every node is given and gives."""
    for pack_node in asyncio.run(PromptToPromptExtension().get_node_list()):
        monkeypatch.setitem(host_nodes.NODE_CLASS_MAPPINGS, pack_node.GET_SCHEMA().node_id, pack_node)
    host = Host(getattr(request, "param", "classic"))
    real = execution.get_output_data

    async def noting(prompt_id, unique_id, *arguments, **named):
        result = await real(prompt_id, unique_id, *arguments, **named)
        host.ran.append(unique_id)
        host.outputs[unique_id] = result[0]
        return result

    monkeypatch.setattr(execution, "get_output_data", noting)
    return host


def masks(host: Host) -> torch.Tensor:
    return host.outputs["maps"][1][0]


class TestCaches:
    @pytest.mark.parametrize("host", CACHES, indirect=True)
    def test_a_first_run_shows_its_maps(self, host):
        host.run(graph())
        assert masks(host).shape == (5, 128, 128)
        assert masks(host).any(dim=(1, 2)).all()

    @pytest.mark.parametrize("host", CACHES, indirect=True)
    def test_maps_shown_in_another_way_are_of_the_same_run(self, host):
        host.run(graph())
        first = masks(host)
        host.run({**graph(), "maps": showing("store", "picture", words="snow, car")})
        assert torch.equal(masks(host), first[[4, 2]])

    @pytest.mark.parametrize("host", CACHES, indirect=True)
    def test_another_seed_has_other_maps(self, host):
        host.run(graph())
        first = masks(host)
        host.run(graph(seed=2))
        assert not torch.equal(masks(host), first)

    @pytest.mark.parametrize("host", ["classic", "none"], indirect=True)
    def test_back_to_a_seed_and_shown_in_another_way(self, host):
        self.back_and_shown_in_another_way(host)

    @pytest.mark.parametrize("host", ["lru"], indirect=True)
    def test_a_picture_that_a_larger_cache_still_has_is_told_from_the_maps_of_a_later_run(self, host):
        """The cache has the old picture, the store the new maps: with the latent connected that is seen."""

        def shown(**changed):
            maps = showing("store", "picture", latent=link("sampler"), **changed)
            return {**graph(), "maps": maps}

        host.run(shown())
        host.run({**shown(), "sampler": sampling("store", 2, 2)})
        with pytest.raises(RuntimeError, match="The maps are of another run than the latent"):
            host.run(shown(words="snow, car"))

    @staticmethod
    def back_and_shown_in_another_way(host):
        host.run(graph())
        first = masks(host)
        host.run(graph(seed=2))
        host.run({**graph(), "maps": showing("store", "picture", words="snow, car")})
        assert torch.equal(masks(host), first[[4, 2]])

    def test_an_unchanged_graph_runs_nothing_again(self, host):
        host.run(graph())
        host.run(graph())
        assert host.ran == []

    def test_two_equal_stores_are_two(self, host):
        """Else the second run would take the place of the first before anyone has seen it."""
        both = graph()
        both["store 2"] = watching("mini")
        both["sampler 2"] = sampling("store 2", 2, 2)
        both["picture 2"] = node("VAEDecode", samples=link("sampler 2"), vae=link("mini", 2))
        both["maps 2"] = showing("store 2", "picture 2")
        both["both"] = node("ImageBatch", image1=link("maps"), image2=link("maps 2"))
        both["preview"] = node("PreviewImage", images=link("both"))
        host.run(both)
        stores = [host.outputs[name][1][0] for name in ("store", "store 2")]
        assert stores[0] is not stores[1]
        assert not torch.equal(stores[0].record.rows[0].maps, stores[1].record.rows[0].maps)

    def test_a_store_that_no_sampler_fills_says_so(self, host):
        with pytest.raises(RuntimeError, match=r"The attention store is empty\. Connect the model output"):
            host.run({**graph(), "sampler": sampling("mini", 1, 2)})


class TestWhatIsSeen:
    @pytest.mark.parametrize(("prompt", "width"), [("a red car on snow", 128), ("a blue house on sand", 256)])
    def test_masks_of_words_lie_on_what_they_name(self, host, prompt, width):
        """Judged by a network that never saw the maps: its mask of the object, over eight pictures."""
        _, colour, thing, _, ground = prompt.split()
        run = graph(prompt, steps=12, width=width, batch=8)
        host.run({**run, "maps": showing("store", "picture", words=f"{colour} {thing}, {ground}")})
        seen = masks(host).unflatten(0, (2, 8))
        objects = judged(host.outputs["picture"][0][0])
        own, of_the_next = overlap(seen[0], objects), overlap(seen[0].roll(1, 0), objects)
        assert own > 0.4  # 0.45 and 0.66
        assert own > 1.4 * of_the_next  # 1.6 and 3.1 times
        assert overlap(seen[1], ~objects) > 0.85  # 0.95 and 0.91

    def test_refined_maps_fill_the_object(self, host):
        run = graph("a red car on snow", steps=12, batch=8)
        run["store"] = watching("mini", words="car", self_maps=True)
        host.run(run)
        objects = judged(host.outputs["picture"][0][0])
        plain = overlap(masks(host), objects)
        host.run({**run, "maps": showing("store", "picture", refine=1)})
        assert plain > 0.45  # 0.50
        assert overlap(masks(host), objects) > plain + 0.1  # 0.68

    def test_saved_and_loaded_in_graphs(self, host):
        saving = graph()
        del saving["maps"]
        saving["preview"] = node(
            "P2PSaveAttention", attention=link("store", 1), latent=link("sampler"), filename_prefix="m"
        )
        host.run(saving)
        record = host.outputs["store"][1][0].record
        loading = {
            "grey": node("EmptyImage", width=128, height=128, batch_size=1, color=0),
            "load": node("P2PLoadAttention", file="m_00001_.attention.safetensors [output]"),
            "maps": node("P2PAttentionMaps", **showing("load", "grey")["inputs"] | {"attention": link("load")}),
            "preview": node("PreviewImage", images=link("maps")),
        }
        host.run(loading)
        assert torch.equal(host.outputs["load"][0][0].record.rows[0].maps, record.rows[0].maps)
        assert masks(host).shape == (5, 128, 128)


def judged(pictures: torch.Tensor) -> torch.Tensor:
    """Where the judge sees the object: (pictures, height, width) bool. It looks at squares."""
    halves = pictures.unfold(2, 128, 128)  # (pictures, height, squares, channels, 128)
    squares = halves.permute(0, 2, 1, 4, 3).flatten(0, 1)
    seen = (load_judge()(squares).mask > 0.5).unflatten(0, (len(pictures), -1))
    return seen.permute(0, 2, 1, 3).flatten(2)


def overlap(masks: torch.Tensor, truth: torch.Tensor) -> float:
    """Mean intersection over union."""
    inside = masks.bool()
    return float(((inside & truth).sum((1, 2)) / (inside | truth).sum((1, 2))).mean())
