/** Shows on P2P Apply which words are edited at each step of a run, and on P2P Attention Store the maps as they form. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { mapsPanel } from "./live/maps.js";
import { MESSAGES } from "./live/messages.js";
import { NOTHING, reduce } from "./live/state.js";
import { STYLE, STYLE_ID } from "./live/style.js";
import { timelinePanel } from "./live/timeline.js";
import { addLiveWidget } from "./live/widget.js";
import { addStyle } from "./shared/dom.js";
import { localeOf, translator } from "./shared/language.js";
import { nodeByExecutionId } from "./shared/nodes.js";

/** What is drawn once per frame, however many events came in between. */
function frames() {
  const waiting = new Set();
  return (draw) => {
    if (!waiting.size) {
      requestAnimationFrame(() => {
        const due = [...waiting];
        waiting.clear();
        for (const each of due) each();
      });
    }
    waiting.add(draw);
  };
}

/** A node's timeline: takes events and shows them with the next frame. */
function timelineOf(node, nextFrame) {
  const panel = timelinePanel(translator(MESSAGES, localeOf(app)));
  const makeRoom = addLiveWidget(node, "p2p_timeline", panel);
  let state = NOTHING;
  let height = panel.height();
  const draw = () => {
    panel.show(state);
    if (panel.height() !== height) makeRoom();
    height = panel.height();
  };
  return (event, detail) => {
    const next = reduce(state, event, detail);
    if (next === state) return;
    state = next;
    nextFrame(draw);
  };
}

/** A node's forming maps. The widget comes when the input `live` is on, or maps do, and is hidden when it is off. */
function mapsOf(node, nextFrame) {
  const panel = mapsPanel(translator(MESSAGES, localeOf(app)));
  const input = node.widgets?.find((widget) => widget.name === "live");
  let makeRoom = null;
  let latest = null;
  let height = 0;
  const draw = () => {
    panel.show(latest);
    if (panel.height() !== height) makeRoom();
    height = panel.height();
  };
  const setVisible = (isVisible) => {
    if (isVisible) makeRoom ??= addLiveWidget(node, "p2p_live_maps", panel);
    panel.setVisible(isVisible);
    makeRoom?.();
    height = panel.height();
  };
  const follow = () => setVisible(input?.value === true);
  if (input) input.callback = after(input.callback, follow);
  node.onConfigure = after(node.onConfigure, follow);
  return (_, detail) => {
    latest = detail;
    setVisible(true);
    nextFrame(draw);
  };
}

/** A function that does what another did, and then something more. */
function after(previous, next) {
  return function (...values) {
    const result = previous?.apply(this, values);
    next();
    return result;
  };
}

const nextFrame = frames();
const views = new WeakMap(); // by node: what takes its events
const MADE = { P2PApply: timelineOf, P2PAttentionStore: mapsOf };

app.registerExtension({
  name: "prompt_to_prompt.live",
  setup() {
    for (const event of ["run", "step", "end", "maps"]) {
      api.addEventListener(`prompt_to_prompt.${event}`, ({ detail }) => {
        const node = nodeByExecutionId(app.rootGraph ?? app.graph, detail.node);
        if (node !== null) views.get(node)?.(event, detail);
      });
    }
  },
  nodeCreated(node) {
    const make = MADE[node.constructor.comfyClass ?? node.comfyClass];
    if (!make) return;
    addStyle(STYLE_ID, STYLE);
    views.set(node, make(node, nextFrame));
  },
});
