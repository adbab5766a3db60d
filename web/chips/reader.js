/** Asks the server for the words of prompts, once for each pair. */

const MOST_REMEMBERED = 100;

/**
 * @param {(path: string, options: object) => Promise<Response>} fetchApi of the front end.
 * @returns {(target: object) => Promise<object>} the words; rejects with the server's sentence as its message, or with
 *   none where the server has no such route.
 */
export function wordReader(fetchApi) {
  const answers = new Map();
  return (target) => {
    const key = JSON.stringify(target);
    if (!answers.has(key)) {
      if (answers.size >= MOST_REMEMBERED) answers.delete(answers.keys().next().value);
      const answer = ask(fetchApi, key);
      answers.set(key, answer);
      answer.catch(() => answers.delete(key));
    }
    return answers.get(key);
  };
}

async function ask(fetchApi, body) {
  const headers = { "Content-Type": "application/json" };
  const response = await fetchApi("/prompt_to_prompt/words", { method: "POST", headers, body });
  if (response.ok) return response.json();
  const { error = "" } = response.status === 400 ? await response.json() : {};
  throw new Error(error);
}
