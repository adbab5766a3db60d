/** The extension that puts chips for the words of the prompt below the text inputs that choose words. */

import { api } from "../../../scripts/api.js";
import { app } from "../../../scripts/app.js";
import { FEATURES } from "./features.js";
import { MESSAGES } from "./messages.js";
import { chipPanel } from "./panel.js";
import { wordReader } from "./reader.js";
import { STYLE } from "./style.js";
import { addChipWidget } from "./widget.js";
import { addStyle } from "../shared/dom.js";
import { localeOf, translator } from "../shared/language.js";
import { chained, placeKeeper } from "../shared/place.js";

export function chipsExtension() {
  const panels = new Map(); // by node
  const keepPlace = placeKeeper(app);
  const read = wordReader((path, options) => api.fetchApi(path, options));
  let isPlanned = false;

  /** Once before the next picture, however much has changed. */
  function refreshAll() {
    if (isPlanned) return;
    isPlanned = true;
    requestAnimationFrame(() => {
      isPlanned = false;
      for (const panel of panels.values()) panel.refresh();
    });
  }

  return {
    name: "prompt_to_prompt.chips",

    setup() {
      addStyle("p2p-chips-style", STYLE);
      // Links, other nodes and undo are told by the one; what is being typed, wherever it is, by the other.
      api.addEventListener("graphChanged", refreshAll);
      document.addEventListener("input", refreshAll);
    },

    nodeCreated(node) {
      const features = FEATURES[node.comfyClass ?? node.constructor.comfyClass];
      if (!features) return;
      const t = translator(MESSAGES, localeOf(app));
      const panel = chipPanel(node, features, { read, t, commit, attentionStep });
      addChipWidget(node, panel.root, features, app);
      keepPlace(node, "chips", panel.root);
      for (const { name, usual = [] } of features) {
        for (const input of [name, ...usual]) {
          const widget = node.widgets.find((one) => one.name === input);
          if (widget) widget.callback = chained(widget.callback, refreshAll);
        }
      }
      node.onConnectionsChange = chained(node.onConnectionsChange, refreshAll);
      node.onAdded = chained(node.onAdded, () => {
        panels.set(node, panel);
        refreshAll();
      });
      node.onRemoved = chained(node.onRemoved, () => panels.delete(node));
    },

    afterConfigureGraph: refreshAll,
  };
}

/** One step for undo: the front end looks at the graph itself when it hears of input, but not of a drag. */
function commit() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.(); // its name in the front ends of 2025
}

/** The step of the front end's own Ctrl+↑/↓. */
function attentionStep() {
  return Number(app.extensionManager?.setting?.get("Comfy.EditAttention.Delta")) || 0.05;
}
