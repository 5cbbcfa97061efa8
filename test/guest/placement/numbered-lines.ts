/** Lines of output that tell where they are, so that whatever is lost, doubled or moved shows. */

/** The line of a number, its end included. */
export const numberedLine = (number: number): string =>
  `line ${number} ${'0123456789abcdef'.repeat(5).slice(0, number % 80)}\n`;
