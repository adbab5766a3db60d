/** Elements are made here and nowhere else: text only ever becomes a text node, so no prompt can be read as markup. */

/**
 * @param {string} tag
 * @param {Record<string, unknown>} properties class, dataset, style (an object), aria-* and other attributes, and
 *   on… listeners; null, undefined and false leave an attribute out.
 * @param {...(Node|string|number|null|undefined)} children
 * @returns {HTMLElement}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) setProperty(made, name, value);
  made.append(...children.filter((child) => child !== null && child !== undefined).map(asNode));
  return made;
}

/** Puts these children in the place of those there are. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined).map(asNode));
}

/** Adds a style sheet to the page once. */
export function addStyle(id, rules) {
  if (document.getElementById(id)) return;
  document.head.append(element("style", { id }, rules));
}

function setProperty(made, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
  else if (name === "style") for (const [key, part] of Object.entries(value)) made.style.setProperty(key, part);
  else if (name === "dataset") Object.assign(made.dataset, value);
  else made.setAttribute(name, value === true ? "" : String(value));
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
