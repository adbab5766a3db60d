// What the server tells of "a red cat, at night" and "a dog, a dog at night": cat → dog, and the second dog added.

const word = (text, place, rest = {}) => ({ text, phrase: text, tokens: [[0, place]], punctuation: false, ...rest });
const comma = (place) => word(",", place, { phrase: null, punctuation: true });

export const VIEW = {
  source: [word("a", 1), word("red", 2), word("cat", 3), comma(4), word("at", 5), word("night", 6)],
  target: [
    word("a", 1, { phrase: "a#1", inherits: true }),
    word("dog", 2, { phrase: "dog#1", inherits: true }),
    { ...comma(3), inherits: true },
    word("a", 4, { phrase: "a#2", inherits: false }),
    word("dog", 5, { phrase: "dog#2", inherits: false }),
    word("night", 6, { inherits: true }),
  ],
  pairs: [
    { change: "kept", source: [0], target: [0] },
    { change: "replaced", source: [1, 2], target: [1] },
    { change: "kept", source: [3], target: [2] },
    { change: "removed", source: [4], target: [] },
    { change: "added", source: [], target: [3] },
    { change: "added", source: [], target: [4] },
    { change: "kept", source: [5], target: [5] },
  ],
};

/** A target that lacks the second dog. */
export const OTHER = { ...VIEW, target: VIEW.target.filter((_, number) => number !== 4), pairs: VIEW.pairs.slice(0, 1) };
