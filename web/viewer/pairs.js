/** Which pictures of a batch are looked at together: a target beside the source of its group. */

const SOURCE = "source";

/**
 * @param {{role: string}[]} rows of the batch.
 * @returns {{row: number, source: number|null, group: number, target: number}[]} what can be chosen. ``group``: the
 *   number of the group or, where there is no edit, of the picture, from 1; ``target``: its number in the group, 0
 *   where there is no edit.
 */
export function choices(rows) {
  const found = [];
  let source = null;
  let group = 0;
  rows.forEach(({ role }, row) => {
    const target = Number(/^target (\d+)$/.exec(role)?.[1] ?? 0);
    if (role === SOURCE) {
      source = row;
      group += 1;
    } else if (target > 0 && source !== null) found.push({ row, source, group, target });
    else found.push({ row, source: null, group: row + 1, target: 0 });
  });
  return found.length > 0 ? found : rows.map((_, row) => ({ row, source: null, group: row + 1, target: 0 }));
}

/** The rows of a choice, the source first. */
export function rowsOf({ row, source }) {
  return source === null ? [row] : [source, row];
}
