// Reads what ava's default reporter writes, and counts. Its other one, for TAP, breaks down itself over an error whose stack
// has no line, as that of a fetch() that fails, and over a test that does not end.
import { stripVTControlCharacters } from 'node:util';

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

/** Lines kept of what failed in one file. */
const mostLines = 300;

/** How a test ended, behind which its title stands: passed, failed, did not end, or was not to be run. */
const results = {
  passed: /^ {2}[✔√] (?:\[expected fail\] )?(.*)$/,
  failed: /^ {2}[✘×] \[(?:fail|unexpected pass)\]: (.*)$/,
  pending: /^ {2}(?:◌|\( \)) (.*)$/,
  skipped: /^ {2}- \[(?:skip|todo)\] (.*)$/,
} as const;

/** The rule behind the results: what follows are details of failures, then another rule and counts. */
const rule = /^ {2}─$/;
const count =
  /^ {2}\d+ (?:previous |known |unhandled |uncaught )?(?:test|hook|failure|rejection|exception)s?\b/;

/** Takes the report on one file line by line, gives lines for people, and counts. */
export class AvaReport {
  readonly #prefix: string;
  readonly #failures: string[] = [];
  #passed = 0;
  #failed = 0;
  #skipped = 0;
  /** The results are through. */
  #isOver = false;
  /** What is read belongs to something that failed. */
  #isFailure = false;

  /** @param prefix what to show before each title */
  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  get counts(): TestCounts {
    return { passed: this.#passed, failed: this.#failed, skipped: this.#skipped };
  }

  /** What was shown of tests that failed, for the end of a long run. */
  get failures(): readonly string[] {
    return this.#failures;
  }

  /**
   * Takes the next line.
   * @param line without its newline
   * @returns what to show for it, or undefined
   */
  take(line: string): string | undefined {
    const text = stripVTControlCharacters(line).trimEnd();
    if (rule.test(text)) this.#isOver = true;
    if (text === '' || rule.test(text)) return undefined;
    const shown = this.#isOver ? this.#readDetail(text) : this.#readResult(text);
    if (shown !== undefined && this.#isFailure && this.#failures.length < mostLines) {
      this.#failures.push(shown);
    }
    return shown;
  }

  #readResult(text: string): string {
    const titleOf = (kind: keyof typeof results) => results[kind].exec(text)?.[1];
    const passed = titleOf('passed');
    const skipped = titleOf('skipped');
    const failed = titleOf('failed');
    const pending = titleOf('pending');
    if (passed !== undefined) {
      this.#passed++;
      this.#isFailure = false;
      return `✔ ${this.#prefix}${passed}`;
    }
    if (skipped !== undefined) {
      this.#skipped++;
      this.#isFailure = false;
      return `- ${this.#prefix}${skipped}`;
    }
    const log = /^ {4}[ℹi] (.*)$/.exec(text)?.[1];
    if (log !== undefined) return `      ${log}`;
    if (failed === undefined && pending === undefined) {
      // Further lines of a message or of a log; and that a process broke down.
      if (!text.startsWith('      ')) this.#isFailure = true;
      return text;
    }
    this.#failed++;
    this.#isFailure = true;
    return failed === undefined
      ? `✘ ${this.#prefix}${pending}: it did not end`
      : `✘ ${this.#prefix}${failed}`;
  }

  #readDetail(text: string): string | undefined {
    if (count.test(text)) return undefined;
    this.#isFailure = true;
    return text;
  }
}
