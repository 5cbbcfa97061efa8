interface Reason {
  readonly text: string;
}

/** Throws, from a place that the test knows by its line: 12. */
export function failDeep(text: string): never {
  const reason: Reason = { text };
  inner(reason);
}

function inner(reason: Reason): never {
  throw new TypeError(reason.text);
}
