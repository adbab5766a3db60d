// What chips show of a text, and the text that a gesture makes.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as state from "../../web/chips/state.js";
import { wordsOfEntries, wordsToChoose } from "../../web/chips/words.js";
import { OTHER, VIEW } from "./chips_view.js";

const TARGET = wordsToChoose([VIEW], "target");
const DOG = "target1";
const SECOND_DOG = "target4";
const NIGHT = "target5";

function shown(kind, text, words = TARGET, usual = [0, 1]) {
  const { chips } = state.stateOf(kind, text, words, usual);
  return Object.fromEntries(chips.map((chip) => [chip.id, chip]));
}

describe("the words to choose from", () => {
  test("of the target, with the removed ones in their place", () => {
    assert.deepEqual(TARGET.list.map(({ text, change }) => `${text} ${change}`), [
      "a kept", "dog replaced", ", kept", "at removed", "a added", "dog added", "night kept",
    ]);
    assert.equal(TARGET.list[1].other, "red cat");
    assert.deepEqual(TARGET.list.map(({ choosable }) => choosable), [true, true, true, false, true, true, true]);
  });

  test("of the source", () => {
    const { list } = wordsToChoose([VIEW], "source");
    assert.deepEqual(list.map(({ text, other }) => `${text}>${other}`), ["a>", "red>dog", "cat>dog", ",>", "at>", "night>"]);
    assert.ok(list.every(({ choosable }) => choosable));
  });

  test("of both, those that both have once", () => {
    const { list, covered } = wordsToChoose([VIEW], "both");
    assert.deepEqual(list.map(({ text }) => text), ["a", "red", "cat", "dog", ",", "at", "a", "dog", "night"]);
    assert.deepEqual(covered("cat"), ["source2"]);
    assert.deepEqual(covered("night"), ["target5"]);
  });

  test("a word that another target lacks", () => {
    const { list, covered } = wordsToChoose([VIEW, OTHER], "target");
    assert.deepEqual(list.filter(({ everywhere }) => !everywhere).map(({ id }) => id), [SECOND_DOG]);
    assert.deepEqual(covered("dog#2"), []);
    assert.deepEqual(covered("night"), [NIGHT]);
  });

  test("where no prompt is known, those of the text", () => {
    const { places } = state.readText("scales", "night: 2, red car: 0, night: 1.5");
    assert.deepEqual(wordsOfEntries(places).list.map(({ text }) => text), ["night", "red car"]);
  });
});

describe("scales", () => {
  test("nothing is neutral", () => {
    const chips = shown("scales", "");
    assert.ok(Object.values(chips).every(({ scale, isSet }) => scale === 1 && !isSet));
  });

  test("an entry is shown on its word alone", () => {
    const chips = shown("scales", "night: 1.6 @ 0-0.8");
    assert.deepEqual([chips[NIGHT].scale, chips[NIGHT].start, chips[NIGHT].end, chips[DOG].isSet], [1.6, 0, 0.8, false]);
  });

  test("an entry of two words is shown on both, and they move together", () => {
    const chips = shown("scales", "dog: 2");
    assert.deepEqual([chips[DOG].scale, chips[SECOND_DOG].scale, chips[DOG].together], [2, 2, "dog"]);
    assert.equal(state.withScale("dog: 2", TARGET, SECOND_DOG, 1.5), "dog: 1.5");
  });

  test("the entry that means the fewest words is the one of the chip; others are told", () => {
    const chips = shown("scales", "dog#2: 0.5, dog: 2");
    assert.equal(chips[SECOND_DOG].scale, 0.5);
    assert.deepEqual(chips[SECOND_DOG].also.map(({ phrase }) => phrase), ["dog"]);
    assert.equal(state.withScale("dog#2: 0.5, dog: 2", TARGET, SECOND_DOG, 3), "dog#2: 3, dog: 2");
  });

  test("entries of one word multiply, and a gesture makes one of them", () => {
    const text = "night: 2\nfog: 3\nnight: 0.5";
    assert.equal(shown("scales", text)[NIGHT].scale, 1);
    assert.equal(state.withScale(text, TARGET, NIGHT, 1.25), "fog: 3\nnight: 1.25");
  });

  test("a new entry comes at the end, with the phrase that means the word alone", () => {
    assert.equal(state.withScale("", TARGET, DOG, 1.05), "dog#1: 1.05");
    assert.equal(state.withScale("fog: 3", TARGET, NIGHT, -0.5), "fog: 3\nnight: -0.5");
    assert.equal(state.withScale("fog: 3,\n", TARGET, NIGHT, 2), "fog: 3,\nnight: 2");
  });

  test("neutral is no entry, unless it has a window", () => {
    assert.equal(state.withScale("dog#1: 2\nnight: 1.6\nfog: 3", TARGET, NIGHT, 1), "dog#1: 2\nfog: 3");
    assert.equal(state.withScale("night: 1.6, fog: 3", TARGET, NIGHT, 1), "fog: 3");
    assert.equal(state.withScale("fog: 3, night: 1.6", TARGET, NIGHT, 1), "fog: 3");
    assert.equal(state.withScale("night: 1.6", TARGET, NIGHT, 1), "");
    assert.equal(state.withScale("night: 1.6 @ 0-0.5", TARGET, NIGHT, 1), "night: 1 @ 0-0.5");
    assert.equal(state.withScale("", TARGET, NIGHT, 1), "");
  });

  test("what else is written stays as it is written", () => {
    const text = '  "Fog" :  3 ,\n\n   night:1.60\t, x:1';
    assert.equal(state.withScale(text, TARGET, NIGHT, 2), '  "Fog" :  3 ,\n\n   night: 2\t, x:1');
  });

  test("words that the prompt does not know are told and stay", () => {
    const { unknown } = state.stateOf("scales", "fog: 3, night: 2, fog: 4", TARGET);
    assert.deepEqual(unknown, ["fog"]);
  });

  test("a text with an error shows the sentence, and no chip says anything", () => {
    const { error, chips } = state.stateOf("scales", "night: 2, dog: soon", TARGET);
    assert.match(error, /^"dog: soon" is not a scale of a word/);
    assert.ok(chips.every(({ isSet }) => !isSet));
  });

  test("a window of a scale", () => {
    assert.equal(state.withWindow("scales", "night: 2", TARGET, NIGHT, 0.25, 0.5), "night: 2 @ 0.25-0.5");
    assert.equal(state.withWindow("scales", "", TARGET, NIGHT, 0, 0.5), "night: 1 @ 0-0.5");
    assert.equal(state.withoutWindow("scales", "night: 2 @ 0-0.5", TARGET, NIGHT), "night: 2");
  });

  test("where no prompt is known, a neutral entry stays, for its chip would go", () => {
    const text = "night: 2";
    const words = wordsOfEntries(state.readText("scales", text).places);
    assert.equal(state.withScale(text, words, "night", 1), "night: 1");
  });
});

describe("windows of words", () => {
  test("the usual window is that of the node", () => {
    const chips = shown("word_windows", "dog#1: 0.2-0.4", TARGET, [0, 0.8]);
    assert.deepEqual([chips[DOG].start, chips[DOG].end, chips[DOG].isSet], [0.2, 0.4, true]);
    assert.deepEqual([chips[NIGHT].start, chips[NIGHT].end, chips[NIGHT].isSet], [0, 0.8, false]);
  });

  test("the last entry counts", () => {
    assert.equal(shown("word_windows", "dog#1: 0.3, dog: 0.6")[DOG].end, 0.6);
    assert.equal(state.withWindow("word_windows", "dog#1: 0.3, dog: 0.6", TARGET, DOG, 0, 0.7), "dog#1: 0.3, dog: 0-0.7");
  });

  test("set and cleared", () => {
    assert.equal(state.withWindow("word_windows", "", TARGET, DOG, 0.1, 0.4), "dog#1: 0.1-0.4");
    assert.equal(state.withoutWindow("word_windows", "night: 0.5\ndog#1: 0.3\nnight: 0.4", TARGET, NIGHT), "dog#1: 0.3");
    assert.equal(state.withoutWindow("word_windows", "fog: 0.5", TARGET, NIGHT), "fog: 0.5");
  });
});

describe("words", () => {
  test("chosen and not", () => {
    assert.equal(state.withToggled("", TARGET, DOG), "dog#1");
    assert.equal(state.withToggled("fog, dog#1", TARGET, NIGHT), "fog, dog#1, night");
    assert.equal(state.withToggled("fog,", TARGET, NIGHT), "fog, night");
    assert.equal(state.withToggled("fog, dog, night", TARGET, DOG), "fog, night");
  });

  test("one word only; what the prompt does not know stays", () => {
    assert.equal(state.withOnly("dog, fog", TARGET, NIGHT), "fog, night");
  });

  test("a phrase from one word to another", () => {
    assert.equal(state.withSpan("night", TARGET, "target3", SECOND_DOG), "a dog#2");
    assert.equal(state.withSpan("night", TARGET, SECOND_DOG, NIGHT), "dog night");
    assert.equal(state.withSpan("night", TARGET, "source3", NIGHT), null);
  });
});
