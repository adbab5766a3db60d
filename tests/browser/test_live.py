"""While a sampler runs: the timeline on P2P Apply and the forming maps on P2P Attention Store, as a user sees them."""

import pytest
from p2p.tests.browser import canvas, ui

STEPS = 16
WATCH = """() => {
  window.liveSeen = [];
  const look = () => {
    const shown = (choice) => document.querySelector(choice)?.textContent ?? null;
    const panel = document.querySelector('.p2p-live:not(.p2p-live-maps)');
    window.liveSeen.push({
      phase: panel?.dataset.phase, now: shown('.p2p-live-now'), step: shown('.p2p-live-phase'),
      line: document.querySelector('.p2p-live-line')?.style.left ?? null,
      active: [...document.querySelectorAll('.p2p-live-active .p2p-live-label')].map((part) => part.textContent),
      rows: document.querySelectorAll('.p2p-live-row').length,
    });
  };
  window.liveObserver?.disconnect();
  window.liveObserver = new MutationObserver(look);
  window.liveObserver.observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true,
    attributeFilter: ['data-phase', 'class']});
}"""
DRAWN = """() => [...document.querySelectorAll('.p2p-live-tile canvas')].map((canvas) => {
  const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return new Set(data).size;
})"""


def opened(page, name: str, seed: int) -> None:
    ui.load(page, ui.template(name))
    ui.set_widget(page, "KSampler", "steps", STEPS)
    canvas.set_seed(page, seed)
    canvas.show(page, "P2PApply", place=(300, 200))


def watched_run(page, host) -> list[dict]:
    """What was on the page in the course of a run."""
    page.evaluate(WATCH)
    ui.run(page, host)
    page.wait_for_function("() => window.liveSeen.some(({phase}) => phase === 'done')")
    return page.evaluate("() => window.liveSeen")


def reaches(page, step: int) -> None:
    """Wait until the timeline shows this step or one after it: on a busy machine not every step gets its frame."""
    shown = "/^step (\\d+) of/.exec(document.querySelector('.p2p-live-phase')?.textContent)?.[1]"
    page.wait_for_function(f"() => Number({shown}) >= {step}")


def at_steps(seen: list[dict], first: int, last: int) -> list[dict]:
    return [look for look in seen if any(look["step"] == f"step {n} of {STEPS}" for n in range(first, last + 1))]


def test_the_timeline_follows_two_runs(page, host):
    opened(page, "fader_mini", 11)
    hint = page.locator(".p2p-live-hint")
    assert hint.is_visible() and "which words are edited" in hint.inner_text()
    serialized = ui.workflow(page)
    for seed in (11, 12):
        canvas.set_seed(page, seed)
        seen = watched_run(page, host)
        # Self-attention is edited until 0.4 and the words until 0.8 of the schedule, of which there are 16 steps.
        early, middle, late = at_steps(seen, 2, 5), at_steps(seen, 9, 11), at_steps(seen, 15, 16)
        assert early and middle and late, [look["step"] for look in seen]
        kept = "kept: a photo of a red car on grass"
        assert {tuple(look["active"]) for look in early} == {("red ×3", kept, "self-attention (coarse)")}
        assert {tuple(look["active"]) for look in middle} == {("red ×3", kept)}
        assert {tuple(look["active"]) for look in late} == {("red ×3",)}
        assert {look["now"] for look in middle} == {"now: red ×3, kept words"}
        places = [float(look["line"].rstrip("%")) for look in seen if look["phase"] == "running"]
        assert places == sorted(places)
        assert page.locator(".p2p-live-phase").inner_text() == f"done, {STEPS} steps"
        assert page.locator(".p2p-live-line").evaluate("part => part.style.left") == "100%"
        assert page.locator(".p2p-live-row").count() == 3
    after = ui.workflow(page)
    values = [
        [node.get("widgets_values") for node in saved["nodes"] if node["type"] == "P2PApply"]
        for saved in (serialized, after)
    ]
    assert values[0] == values[1] == [["target"]]


def test_elements_stay_from_step_to_step(page, host):
    opened(page, "local_blend_mini", 21)
    ui.run(page, host)
    page.evaluate("() => { window.liveRow = document.querySelector('.p2p-live-row') }")
    canvas.set_seed(page, 22)
    watched_run(page, host)
    assert page.evaluate("() => window.liveRow === document.querySelector('.p2p-live-row')")


def test_a_screenshot_of_the_middle_of_a_run(page, host):
    opened(page, "local_blend_mini", 31)
    page.evaluate("() => { app.queuePrompt(0, 1) }")
    reaches(page, 7)
    ui.screenshot(page, "live_timeline")
    page.wait_for_function("() => document.querySelector('.p2p-live')?.dataset.phase === 'done'")


def test_an_interrupted_run_is_shown_as_stopped(page, host):
    opened(page, "fader_mini", 41)
    ui.set_widget(page, "KSampler", "steps", 60)
    page.evaluate("() => { app.queuePrompt(0, 1) }")
    reaches(page, 3)
    page.evaluate("() => app.api.interrupt()")
    page.wait_for_function("() => document.querySelector('.p2p-live')?.dataset.phase === 'stopped'")
    assert page.locator(".p2p-live-phase").inner_text().startswith("stopped at step ")


def test_inside_a_subgraph(page, host, complaints):
    """A node in a subgraph is told by its execution id; it is seen when the subgraph is open."""
    # What the front end itself says when a subgraph that a script made is opened.
    complaints.expect("cleanup event listeners for graph that was never set up")
    opened(page, "fader_mini", 51)
    page.evaluate(
        """() => {
          const node = app.graph.nodes.find((n) => n.type === 'P2PApply');
          app.canvas.selectItems ? app.canvas.selectItems([node]) : app.canvas.select(node);
          const {subgraph, node: made} = app.graph.convertToSubgraph(new Set([node]));
          window.liveHost = made;
          app.canvas.openSubgraph?.(subgraph, made) ?? app.canvas.setGraph(subgraph);
        }"""
    )
    ui.settle(page, 20)
    canvas.show(page, "P2PApply", place=(300, 200))
    assert page.evaluate("() => app.canvas.graph !== app.graph")
    seen = watched_run(page, host)
    assert any("red ×3" in look["active"] for look in at_steps(seen, 2, STEPS))


@pytest.mark.parametrize("is_live", [True, False])
def test_maps_appear_while_they_form_if_asked(page, host, is_live):
    opened(page, "attention_maps_mini", 61 + is_live)
    ui.set_widget(page, "KSampler", "steps", 40)
    ui.set_widget(page, "P2PAttentionStore", "live", is_live)
    canvas.show(page, "P2PAttentionStore", place=(300, 200))
    assert page.locator(".p2p-live-maps .p2p-live-hint").is_visible() == is_live
    page.evaluate(
        """() => {
          window.mapSteps = [];
          app.api.addEventListener('prompt_to_prompt.maps', ({detail}) => window.mapSteps.push(detail.step));
        }"""
    )
    ui.run(page, host)
    steps = page.evaluate("() => window.mapSteps")
    assert bool(steps) == is_live
    if is_live:
        assert steps == sorted(steps) and steps[0] < 40
        drawn = page.evaluate(DRAWN)
        assert drawn and min(drawn) > 20  # many colours
        captions = page.locator(".p2p-live-tile figcaption").all_inner_texts()
        assert {"dog", "red", "car", "sand"} <= set(captions)
        ui.screenshot(page, "live_maps")
        ui.set_widget(page, "P2PAttentionStore", "live", False)
        assert not page.locator(".p2p-live-maps").is_visible()
