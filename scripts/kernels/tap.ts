// Reads the runner's report as it comes, in TAP (testanything.org, version 13): how many passed, which did not.

export interface Count {
  readonly passed: number;
  /** Titles. A file that could not be run, or a process that died, counts too. */
  readonly failed: readonly string[];
  /** Titles of those that say themselves that this kernel is too old for them. */
  readonly skipped: readonly string[];
  /** Whether the runner came to its own count at the end. */
  readonly ended: boolean;
}

export interface TestLine {
  readonly title: string;
  readonly outcome: 'passed' | 'failed' | 'skipped';
}

export class TapReader {
  readonly #failed: string[] = [];
  readonly #skipped: string[] = [];
  #passed = 0;
  #ended = false;

  /** @returns a test's title and what came of it, where the line is about one. */
  line(text: string): TestLine | undefined {
    if (/^# tests \d+/.test(text)) this.#ended = true;
    const match = /^(not )?ok(?: \d+)?(?: - (.*?))?( # SKIP)?$/.exec(text);
    if (match === null) return undefined;
    const [, isNot, title = 'without a title', isSkipped] = match;
    // What is yet to be done has not passed.
    const hasFailed = isNot !== undefined || / # TODO$/.test(title);
    const outcome = hasFailed ? 'failed' : isSkipped ? 'skipped' : 'passed';
    if (outcome === 'passed') this.#passed += 1;
    else (outcome === 'failed' ? this.#failed : this.#skipped).push(title);
    return { title, outcome };
  }

  get count(): Count {
    return { passed: this.#passed, failed: this.#failed, skipped: this.#skipped, ended: this.#ended };
  }
}
