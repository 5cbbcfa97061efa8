/** Sets globals. */

/** Defines globals as the standards have them: not enumerable, and anyone may replace them. */
export function define(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
}

/**
 * Defines globals whose values are loaded when the first of them is used.
 * @param load gives them by their names
 */
export function defineOnDemand(
  names: readonly string[],
  load: () => Readonly<Record<string, unknown>>,
): void {
  for (const name of names) {
    Object.defineProperty(globalThis, name, {
      get: () => {
        const value = load()[name];
        define({ [name]: value });
        return value;
      },
      set: (value: unknown) => define({ [name]: value }),
      configurable: true,
    });
  }
}
