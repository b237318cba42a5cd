// What has changed between two pieces of JSON data, applied: the other half of `deltas.py`, which says the form.

/** The new data, of the old data and what has changed; the old data stays as it is.
 * @param {any} old @param {any[]} change @returns {any} */
export function merged(old, change) {
  const [form, one, two, three, four] = change;
  if (form === "v") return one;
  if (form === "k") {
    const next = { ...old };
    for (const key of two) delete next[key];
    for (const [key, each] of Object.entries(one)) next[key] = merged(next[key], each);
    return next;
  }
  if (form === "l") {
    const next = [...old];
    next.splice(one, two, ...three);
    for (const [place, each] of Object.entries(four)) next[Number(place)] = merged(next[Number(place)], each);
    return next;
  }
  return old;
}

/**
 * Keep a model's regions current: each patch names the regions that have changed. It is done once for a model,
 * however many views it has, and also while it has none.
 * @param {{ get: (name: string) => any, set: (name: string, value: any) => void,
 *   on: (event: string, act: () => void) => void, off: (event: string, act: () => void) => void }} model
 */
export function followed(model) {
  const patched = () => {
    for (const [name, change] of Object.entries(model.get("patch").regions))
      model.set(name, merged(model.get(name), /** @type {any[]} */ (change)));
  };
  model.on("change:patch", patched);
  return () => model.off("change:patch", patched);
}
