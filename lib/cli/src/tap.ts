// Reads the Test Anything Protocol, as ava writes it, and counts.
// Source: testanything.org, TAP version 13.

/** Counts of a test run. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Sums counts. */
export function addCounts(left: TestCounts, right: TestCounts): TestCounts {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  };
}

/**
 * @param counts of a run
 * @returns the closing line, such as "12 passed, 0 failed"
 */
export function describeCounts({ passed, failed }: TestCounts): string {
  return `${passed} passed, ${failed} failed`;
}

/** Takes TAP line by line, gives lines for people, and counts. */
export class TapReader {
  readonly #prefix: string;
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  /** @param prefix what to show before each title */
  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  get counts(): TestCounts {
    return { passed: this.#passed, failed: this.#failed, skipped: this.#skipped };
  }

  /**
   * Takes the next line.
   * @param line without its newline
   * @returns what to show for it, or undefined
   */
  take(line: string): string | undefined {
    const point = /^(not )?ok\b(?: \d+)?(?: - )?(.*)$/.exec(line);
    if (point) {
      const [, not, rest = ''] = point;
      const directive = /^(.*?)(?:^| )# (SKIP|TODO)\b/i.exec(rest);
      if (directive) {
        this.#skipped++;
        return `- ${this.#prefix}${directive[1]} (${directive[2]?.toLowerCase()})`;
      }
      if (not) {
        this.#failed++;
        return `✘ ${this.#prefix}${rest}`;
      }
      this.#passed++;
      return `✔ ${this.#prefix}${rest}`;
    }
    // What a test logs is indented; its title, as a comment before its result, is not.
    if (line.startsWith('#   ')) return `    ${line.slice(4)}`;
    // The frame of the protocol, and titles.
    if (/^(TAP version|\d+\.\.\d+$|---$|# )/.test(line)) return undefined;
    return line.trim() === '' ? undefined : line;
  }
}

/** Lines kept of one failure. */
const longestFailure = 60;

/** Keeps what was shown of tests that failed, for the end of a long run. */
export class FailureCollector {
  readonly #lines: string[] = [];
  #left = 0;

  /** @param line as TapReader gave it */
  take(line: string): void {
    if (line.startsWith('✘')) this.#left = longestFailure;
    else if (/^[✔-]/.test(line)) this.#left = 0;
    if (this.#left === 0) return;
    this.#left--;
    this.#lines.push(line);
  }

  /** The lines of all failures, in order. */
  get lines(): readonly string[] {
    return this.#lines;
  }
}
