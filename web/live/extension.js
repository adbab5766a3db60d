/** Shows on P2P Apply which words are edited at each step of a run, and on P2P Attention Store the maps as they form. */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { mapsPanel } from "./maps.js";
import { MESSAGES } from "./messages.js";
import { NOTHING, reduce } from "./state.js";
import { STYLE, STYLE_ID } from "./style.js";
import { timelinePanel } from "./timeline.js";
import { addLiveWidget } from "./widget.js";
import { addStyle } from "../shared/dom.js";
import { localeOf, translator } from "../shared/language.js";
import { nodeByExecutionId } from "../shared/nodes.js";
import { chained, placeKeeper } from "../shared/place.js";

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
function timelineOf(node, nextFrame, keepPlace) {
  const panel = timelinePanel(translator(MESSAGES, localeOf(app)));
  keepPlace(node, "p2p_timeline", panel.root);
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
function mapsOf(node, nextFrame, keepPlace) {
  const panel = mapsPanel(translator(MESSAGES, localeOf(app)));
  keepPlace(node, "p2p_live_maps", panel.root);
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
  if (input) input.callback = chained(input.callback, follow);
  node.onConfigure = chained(node.onConfigure, follow);
  return (_, detail) => {
    latest = detail;
    setVisible(true);
    nextFrame(draw);
  };
}

const MADE = { P2PApply: timelineOf, P2PAttentionStore: mapsOf };

export function liveExtension() {
  const nextFrame = frames();
  const keepPlace = placeKeeper(app);
  const views = new WeakMap(); // by node: what takes its events

  return {
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
      views.set(node, make(node, nextFrame, keepPlace));
    },
  };
}
