// Finding phrases among words, as p2p_core/phrases.py does.

import assert from "node:assert/strict";
import { test } from "node:test";

import { phraseOfRange, placesOf, unitsOf, wordsOfPhrase } from "../../web/chips/phrases.js";

const WORDS = ["a", "dog", ",", "a", "teddy", "-", "bear", "and", "a", "dog"];

test("units are runs of letters and single other characters without case", () => {
  assert.deepEqual(unitsOf("Teddy-bear 20"), ["teddy", "bear", "2", "0"]);
  assert.deepEqual(unitsOf("Straße ΣΑΣ 犬 👩"), ["strasse", "σασ", "犬", "👩"]);
  assert.deepEqual(unitsOf(" ,.!'“”$ "), []);
});

test("a phrase is found whatever its punctuation, at all its places", () => {
  assert.deepEqual(wordsOfPhrase(WORDS, "Teddy bear"), [4, 5, 6]);
  assert.deepEqual(wordsOfPhrase(WORDS, "dog"), [1, 9]);
  assert.deepEqual(wordsOfPhrase(WORDS, "dog#2"), [9]);
  assert.deepEqual(wordsOfPhrase(WORDS, "dog#3"), []);
  assert.deepEqual(wordsOfPhrase(WORDS, "bear dog"), []);
  assert.deepEqual(wordsOfPhrase(WORDS, ","), []);
});

test("places do not overlap", () => {
  assert.deepEqual(placesOf(["la", "la", "la"], "la la"), [[0, 2]]);
});

test("a range of words has the phrase that means it alone", () => {
  assert.equal(phraseOfRange(WORDS, 3, 7), "a teddy bear");
  assert.equal(phraseOfRange(WORDS, 8, 10), "a dog#2");
  assert.equal(phraseOfRange(WORDS, 2, 3), null);
  assert.equal(phraseOfRange(["la", "la", "la"], 1, 3), null);
});
