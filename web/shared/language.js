/** Texts in the language of the front end's settings; English where it has no translation. */

/**
 * @param {Record<string, Record<string, string>>} messages by language, then by key; `{name}` stands for a value.
 * @param {string} locale such as "en", "zh" or "zh-TW".
 * @returns {(key: string, values?: Record<string, unknown>) => string}
 */
export function translator(messages, locale) {
  const chosen = messages[locale] ?? messages[locale?.split("-")[0]] ?? {};
  return (key, values = {}) => {
    const text = chosen[key] ?? messages.en[key];
    if (text === undefined) throw new Error(`There is no text "${key}".`);
    return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name]));
  };
}

/** The language that the user has chosen. */
export function localeOf(app) {
  return app.extensionManager?.setting?.get("Comfy.Locale") ?? "en";
}
