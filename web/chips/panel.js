/** The chips of one node: reads its texts and the canvas, draws, and writes what the chips do. */

import { element } from "../shared/dom.js";
import { isLinked, widgetValue } from "./links.js";
import { linkedText, promptsOf } from "./prompts.js";
import { chipSection } from "./section.js";
import * as texts from "./state.js";
import { wordsOfEntries, wordsToChoose } from "./words.js";

/**
 * @param {object} node
 * @param {object[]} features of `FEATURES`.
 * @param {{read: (target: object) => Promise<object>, t: Function, commit: Function, attentionStep: Function}} host
 * @returns {{root: HTMLElement, refresh: () => void}}
 */
export function chipPanel(node, features, host) {
  const { t } = host;
  const sections = features.map((feature) => {
    const label = features.length > 1 ? t(feature.name) : null;
    return { feature, view: chipSection(feature, actionsOf(feature), t, label) };
  });
  const root = element("div", { class: "p2p-chips" }, ...sections.map(({ view }) => view.root));
  let known = { key: null, views: [], sentence: "" };
  let gesture = null; // {id, input, base, written}: steps of one gesture all start from the text before it

  function refresh() {
    if (!node.graph) return;
    const prompts = promptsOf(node);
    const key = JSON.stringify(prompts.targets);
    if (key !== known.key) ask(key, prompts.targets);
    for (const section of sections) draw(section, prompts);
  }

  /** The old words stay until the new ones are there; an answer that comes too late is not shown. */
  function ask(key, targets) {
    known = { ...known, key, views: targets.length ? known.views : [], sentence: "" };
    Promise.all(targets.map(host.read)).then(
      (views) => answered(key, { views, sentence: "" }),
      (error) => answered(key, { views: [], sentence: error.message || t("noServer") }),
    );
  }

  function answered(key, answer) {
    if (key !== known.key) return;
    known = { key, ...answer };
    refresh();
  }

  function draw({ feature, view }, prompts) {
    const { text, sentence, isReadOnly } = textOf(feature);
    const words = wordsOf(feature, text);
    const state = texts.stateOf(feature.kind, text, words, usualOf(feature));
    const unknown = known.views.length && state.unknown.length ? unknownSentence(state.unknown, prompts.isPart) : "";
    const isFirst = feature === features[0];
    const reason = isFirst ? known.sentence || (prompts.problem && t(prompts.problem)) || choicesOf(prompts) : "";
    view.update(state, isReadOnly || state.error !== null, [state.error, sentence, unknown, reason]);
  }

  function wordsOf(feature, text) {
    if (known.views.length) return wordsToChoose(known.views, feature.side);
    return wordsOfEntries(texts.readText(feature.kind, text).places);
  }

  function textOf(feature) {
    if (!isLinked(node, feature.name)) {
      return { text: String(widgetValue(node, feature.name) ?? ""), sentence: "", isReadOnly: false };
    }
    const text = linkedText(node, feature.name);
    return { text: text ?? "", sentence: t(text === null ? "linkedUnknown" : "linked"), isReadOnly: true };
  }

  function usualOf({ usual }) {
    if (!usual) return [0, 1];
    const [start, end] = usual.map((name) => Number(widgetValue(node, name)));
    return start <= end ? [start, end] : [0, 1];
  }

  function unknownSentence(phrases, isPart) {
    const words = phrases.map((phrase) => `“${phrase}”`).join(", ");
    return t(isPart ? "unknownPart" : phrases.length === 1 ? "unknownOne" : "unknownMany", { words });
  }

  function choicesOf({ targets }) {
    return targets.some(({ source, target }) => /\{[^{}]*\|/.test(`${source ?? ""} ${target ?? ""}`)) ? t("choices") : "";
  }

  function actionsOf(feature) {
    const { kind, name } = feature;
    let last = null; // the word chosen last, from which a phrase is spanned
    const change = (id, changed) => {
      const { text } = textOf(feature);
      const isSame = gesture?.input === name && gesture.id === id && gesture.written === text;
      const base = isSame ? gesture.base : text;
      const written = changed(base, wordsOf(feature, base));
      gesture = { input: name, id, base, written };
      write(name, written);
    };
    return {
      canChange: (chip) => (chip.phrase !== null || chip.isSet) && canWrite(feature),
      begin: () => (gesture = null),
      commit: host.commit,
      attentionStep: host.attentionStep,
      setScale: (chip, scale) => change(chip.id, (text, words) => texts.withScale(text, words, chip.id, scale)),
      setWindow: (chip, start, end) =>
        change(chip.id, (text, words) => texts.withWindow(kind, text, words, chip.id, start, end)),
      clearWindow(chip) {
        gesture = null;
        change(chip.id, (text, words) => texts.withoutWindow(kind, text, words, chip.id));
      },
      choose(chip, { more, span }) {
        const from = last ?? chip.id;
        last = chip.id;
        gesture = null;
        change(chip.id, (text, words) => chosen(feature, text, words, chip, { more, span, from }));
        host.commit();
      },
    };
  }

  function chosen({ single, alone }, text, words, chip, { more, span, from }) {
    const spanned = span ? texts.withSpan(text, words, from, chip.id) : null;
    if (spanned !== null) return spanned;
    return alone || (single && !more) ? texts.withOnly(text, words, chip.id) : texts.withToggled(text, words, chip.id);
  }

  function canWrite(feature) {
    const { text, isReadOnly } = textOf(feature);
    return !isReadOnly && texts.readText(feature.kind, text).error === null;
  }

  /** Through the widget and its callback, as if it had been typed, so that everybody hears of it. */
  function write(name, text) {
    const widget = node.widgets.find((one) => one.name === name);
    if (widget.value === text) return;
    widget.value = text;
    widget.callback?.(text);
    node.graph.setDirtyCanvas?.(true, true);
    refresh();
  }

  return { root, refresh };
}
