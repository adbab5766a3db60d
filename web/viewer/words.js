/** The words of a picture as buttons: one stop of the Tab key, the arrow keys go from word to word. */

import { element } from "../shared/dom.js";
import { percent } from "./maps.js";

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/**
 * @param {object} row of the view.
 * @param {string} name of the picture.
 * @param {(key: string, values?: object) => string} t
 * @param {(action: object) => void} act an action of lock.js on a column.
 * @returns {{root: HTMLElement, paint: (state: object, column: unknown) => void}}
 */
export function wordList(row, name, t, act) {
  const buttons = row.words.map((word) => button(word, act));
  const root = element("div", { class: "p2p-viewer-words" }, ...lines());
  let stop = 0;
  setStop(0);
  root.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(event.target);
    const to = target(event.key, at, buttons.length);
    if (at < 0 || to === null) return;
    event.preventDefault();
    event.stopPropagation();
    setStop(to);
    buttons[to].focus();
  });
  root.addEventListener("focusin", (event) => {
    const at = buttons.indexOf(event.target);
    if (at >= 0) setStop(at);
  });

  function lines() {
    return row.prompts.map(({ side, text }, prompt) =>
      element(
        "div",
        {
          class: "p2p-viewer-prompt",
          role: "group",
          title: text,
          "aria-label": side === "negative" ? t("negativeWords") : t("words", { name }),
        },
        ...buttons.filter((_, index) => row.words[index].prompt === prompt),
      ),
    );
  }

  function setStop(to) {
    stop = to;
    buttons.forEach((one, index) => one.setAttribute("tabindex", index === stop ? "0" : "-1"));
  }

  function paint(state, column) {
    row.words.forEach((word, index) => {
      const largest = word.largest[state.frame];
      buttons[index].classList.toggle("p2p-viewer-focused", word.column === column);
      buttons[index].setAttribute("aria-pressed", String(state.words.locked === word.column));
      buttons[index].title = largest === null ? t("noPart") : t("wordHint", { largest: percent(largest) });
      buttons[index].classList.toggle("p2p-viewer-absent", largest === null);
    });
  }

  return { root, paint };
}

function button(word, act) {
  const hover = () => act({ type: "hover", key: word.column });
  const leave = () => act({ type: "leave" });
  return element(
    "button",
    {
      type: "button",
      class: "p2p-viewer-word",
      dataset: { column: word.column },
      onpointerenter: hover,
      onpointerleave: leave,
      onfocus: (event) => event.target.matches(":focus-visible") && hover(),
      onblur: leave,
      onclick: () => act({ type: "toggle", key: word.column }),
    },
    word.label,
  );
}

function target(key, at, count) {
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  return key in STEPS ? Math.min(Math.max(at + STEPS[key], 0), count - 1) : null;
}
