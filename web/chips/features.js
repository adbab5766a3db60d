/** Which text inputs of which nodes have chips, and of which words. */

const WINDOWS = { name: "word_windows", kind: "word_windows", side: "target", usual: ["cross_start", "cross_end"] };

/** Which word's maps a node changes that adjusts a record; the words are those of the recorded prompt. */
const ADJUSTED = { name: "word", kind: "words", side: "source", single: true };

/**
 * By node: its inputs. `side`: whose words they choose. `single`: one word is chosen rather than several; `alone`: the
 * text takes no other beside it. `noWindows`: the scales of the text hold for the whole run.
 */
export const FEATURES = {
  P2PReweightController: [{ name: "scales", kind: "scales", side: "target" }],
  P2PReplaceController: [WINDOWS],
  P2PRefineController: [WINDOWS],
  P2PMoveController: [{ name: "word", kind: "words", side: "target", single: true }],
  P2PLocalBlend: [
    { name: "target_words", kind: "words", side: "target" },
    { name: "source_words", kind: "words", side: "source" },
    { name: "keep_words", kind: "words", side: "both" },
  ],
  P2PAttentionStore: [{ name: "words", kind: "words", side: "both" }],
  P2PAttentionGuidance: [{ name: "words", kind: "words", side: "both" }],
  P2PRecord: [{ name: "words", kind: "words", side: "source" }],
  P2PAdjustMove: [ADJUSTED],
  P2PAdjustScale: [{ name: "scales", kind: "scales", side: "source", noWindows: true }],
  P2PAdjustBlend: [ADJUSTED, { ...ADJUSTED, name: "with_word", alone: true }],
  P2PAdjustMask: [ADJUSTED],
  P2PAttentionMaps: [{ name: "words", kind: "words", side: "both" }],
};

/** Nodes with another widget that shows something, which gets the room that is left in the node. */
export const WITH_A_VIEW = new Set(["P2PAttentionStore", "P2PAttentionMaps"]);
