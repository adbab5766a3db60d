"""The page of the bench, on invented figures; and that the README shows what the committed results say."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from p2p.benchmarks import page
from p2p.benchmarks.page_entries import headline_memory, headline_timed
from p2p.benchmarks.page_plots import LIGHT, peak_memory, plots

ROOT = Path(__file__).resolve().parents[2]

# Invented figures, for tests of the page alone: nothing of them was ever measured.
PUBLISHED = ("replace + self-injection", "replace + self-injection, store")
OURS = {
    "replace": 0.99, "replace + self-injection": 0.985, "reweight": 1.0, "refine": 1.02, "word windows": 1.02,
    "move": 1.03, "local blend": 1.04, "store of 5 words": 1.04, "all together": 1.05,
}  # fmt: skip
SIZES = ((512, 512), (1344, 768), (1024, 1024))


def timed(variant, method, ratio, targets=1, **others):
    return {
        "model": "Invented model", "width": 512, "height": 512, "dtype": "float32", "device": "cpu",
        "variant": variant, "method": method, "targets": targets, "rows": 1 + targets, "steps": 4, "pairs": 7,
        "ratio": ratio, "ratio_quartiles": [ratio - 0.01, ratio + 0.02],
        "seconds_per_step_plain": 4.0 * (1 + targets), "own_share": 0.004 if method == "ours" else None,
        "peak_mib_above_plain": 3.2, "peak_of": "resident set", **others,
    }  # fmt: skip


def counted(variant, method, above, width=1024, height=1024, **others):
    return {
        "model": "SDXL", "width": width, "height": height, "dtype": "float16", "variant": variant, "method": method,
        "targets": 1, "rows": 2, "prompt_tokens": 77, "steps": 2, "operations_per_step": 12345,
        "launches_per_step": 9999, "allocations_per_step": 8888, "allocated_mib_per_step": 1234.5,
        "device_reads_per_step": 1, "flops_ratio": 1.0, "launches_ratio": 1.01, "allocations_ratio": 1.01,
        "peak_mib_plain": 5000.0, "peak_mib_above_plain": above, **others,
    }  # fmt: skip


def invented_results() -> dict:
    """Every kind of entry."""
    ours = [timed(variant, "ours", ratio) for variant, ratio in OURS.items()]
    several = [timed(f"replace + self-injection, {n} targets", "ours", 0.99, targets=n) for n in (3, 7)]
    published = [timed(variant, "published", 1.8 + i) for i, variant in enumerate(PUBLISHED)]
    amounts = [counted(variant, "ours", 0.3 * 3**i) for i, variant in enumerate(OURS)]
    for width, height in SIZES:
        scale = width * height / 2**20
        if scale != 1:
            amounts.append(counted("replace + self-injection", "ours", 0.9 * scale, width, height))
        for i, variant in enumerate(PUBLISHED):
            amounts.append(counted(variant, "published", 2500 * 9**i * scale**2, width, height))
    return {
        "format": 1, "name": "invented", "machine": "No machine: a test invented these figures", "comfyui": "0.3.75",
        "torch": "2.x", "date": "2026-01-01", "timed": ours + several + published, "counted": amounts,
        "records": [
            {"model": "SDXL", "width": 1024, "height": 1024, "options": options, "precision": precision,
             "mib_per_step": 12.5, "tensors_per_step": 130}
            for options in ("all grids", "one key word") for precision in ("fp16", "int8")
        ],
        "notes": ["Nothing here was measured."],
    }  # fmt: skip


@pytest.fixture
def results():
    return invented_results()


@pytest.fixture(scope="module")
def drawn():
    return plots(invented_results())


def test_every_plot_is_drawn_for_light_and_dark_pages(drawn):
    names = {f"{name}{suffix}.svg" for name in ("time", "memory", "targets", "resolution") for suffix in ("", "-dark")}
    assert set(drawn) == names
    for svg in drawn.values():
        assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_drawing_is_repeatable_and_changes_no_entry(results, drawn):
    assert plots(results) == drawn
    assert results == invented_results()


def test_other_figures_make_other_plots(results, drawn):
    for entry in results["timed"] + results["counted"]:
        entry["peak_mib_above_plain"] *= 2
        entry["targets"] == 7 and entry.update(ratio=1.5)
        "ratio" in entry and entry.update(ratio_quartiles=[entry["ratio"] - 0.05, entry["ratio"] + 0.05])
    changed = plots(results)
    assert [name for name in drawn if changed[name] == drawn[name]] == []


def test_plots_without_figures_are_left_out(results):
    results["counted"] = []
    results["timed"] = [timed("replace", "ours", 0.99)]
    assert set(plots(results)) == {"time.svg", "time-dark.svg", "memory.svg", "memory-dark.svg"}
    results["timed"] = []
    assert plots(results) == {}
    assert "not measured" in page.page(results, ())


def test_the_table_has_plain_ours_and_published(results):
    lines = page.table(results).splitlines()
    assert "| plain sampling of the same pictures | 1.00 | 4.9 GiB in all |" in lines
    assert "| This pack: replace + self-injection | 0.98 | +0.9 MiB |" in lines
    assert "| Explicit maps, as published: replace + self-injection, store | 2.80 | +22.0 GiB |" in lines
    assert "| This pack: replace + self-injection, 7 targets | 0.99 | – |" in lines


def test_the_page_says_what_was_counted_and_that_cuda_was_not_timed(results):
    text = page.page(results, ())
    assert "no time was measured there" in text
    assert "the goals of time on CUDA were **not measured**" in text
    results["timed"].append(timed("replace", "ours", 1.0, device="cuda"))
    assert "not measured" not in page.page(results, ())


def test_the_page_holds_every_entry(results):
    lines = [line for line in page.page(results, ()).splitlines() if line.startswith("| ")]
    tables = 1 + 1 + 3 + 1  # the short one, one subject timed, three sizes counted, records
    rows = page.table(results).count("\n| ") - 1 + len(results["timed"]) + len(results["counted"])
    rows += len({entry["options"] for entry in results["records"]})
    assert len(lines) == 2 * tables + rows


def test_the_headline_prefers_cuda_and_an_allocators_figures(results):
    assert headline_timed(results)[0]["device"] == "cpu"
    assert "peak_of" not in headline_memory(results)[0]
    on_cuda = timed("replace", "ours", 1.0, device="cuda", peak_of="allocator", model="SDXL", width=1024, height=1024)
    results["timed"].append(on_cuda)
    assert headline_timed(results) == headline_memory(results) == [on_cuda]


def test_the_headline_is_the_largest_picture_of_the_papers_edit(results):
    before = headline_timed(results)
    results["timed"].append(timed("edit from a record", "ours", 0.5, width=before[0]["width"] + 8))
    assert headline_timed(results) == before


def test_the_headline_is_not_a_longer_prompt(results):
    results["counted"].insert(0, counted("replace", "ours", 1.0, prompt_tokens=154))
    assert headline_memory(results)[0]["prompt_tokens"] == 77


def test_less_memory_than_plain_is_shown_as_less(results):
    results["counted"][0]["peak_mib_above_plain"] = -2.5
    assert "| This pack: replace | 0.99 | −2.5 MiB |" in page.table(results)
    assert peak_memory(results, LIGHT) is not None


def test_a_page_is_written_and_its_old_plots_go(results, drawn, tmp_path):
    (tmp_path / "old.svg").write_text("")
    (tmp_path / page.RESULTS).write_text("{}")
    page.write(results, tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"README.md", page.RESULTS, *drawn}
    assert all(f'"{name}"' in text for name in drawn)


def test_the_readme_gets_the_table_between_its_markers(results):
    readme = f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n"
    once = page.with_table(readme, results)
    assert once.startswith("before\n") and once.endswith("\nafter\n") and "old" not in once
    assert page.table(results) in once
    assert page.with_table(once, results) == once
    with pytest.raises(ValueError, match="needs"):
        page.with_table("no markers", results)


def test_another_format_is_refused(tmp_path):
    file = tmp_path / page.RESULTS
    file.write_text('{"format": 2}')
    with pytest.raises(ValueError, match="format 2"):
        page.read(file)


def test_readme_and_pages_show_the_committed_results():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    committed = [page.read(path) for path in sorted((ROOT / "benchmarks/results").glob(f"*/{page.RESULTS}"))]
    if not committed:
        assert page.BEGIN not in readme  # no table without results
        return
    assert readme in [page.with_table(readme, results) for results in committed]
    for results in committed:
        folder = ROOT / "benchmarks/results" / results["name"]
        plotted = [path.name for path in folder.glob("*.svg")]
        assert (folder / "README.md").read_text(encoding="utf-8") == page.page(results, plotted)


def test_what_a_record_takes_is_a_table():
    shown = page.page(invented_results(), [])
    assert "Per step and picture, SDXL at 1024², without the latents." in shown
    assert "| one key word | 12.5 MiB | 12.5 MiB |" in shown
    assert "What a record takes" not in page.page({**invented_results(), "records": []}, [])


def test_a_page_is_written_while_the_records_are_measured():
    results = invented_results()
    shown = page.page({**results, "records": results["records"][:3]}, [])
    assert "| one key word | 12.5 MiB | – |" in shown
