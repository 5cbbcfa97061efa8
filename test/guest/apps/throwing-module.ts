const values: readonly string[] = [];

/** Fails while the module is evaluated. */
export const setting: number = values[0]!.length;
