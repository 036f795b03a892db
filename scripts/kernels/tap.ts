// Reads the runner's report as it comes, in TAP (testanything.org, version 13): how many passed, which did not.

export interface Count {
  readonly passed: number;
  /** Titles. A file that could not be run, or a process that died, counts too. */
  readonly failed: readonly string[];
  /** Whether the runner came to its own count at the end. */
  readonly ended: boolean;
}

export class TapReader {
  readonly #failed: string[] = [];
  #passed = 0;
  #ended = false;

  /** @returns a test's title and whether it passed, where the line is about one. */
  line(text: string): { readonly title: string; readonly passed: boolean } | undefined {
    if (/^# tests \d+/.test(text)) this.#ended = true;
    const match = /^(not )?ok(?: \d+)?(?: - (.*))?$/.exec(text);
    if (match === null) return undefined;
    const title = match[2] ?? 'without a title';
    const passed = match[1] === undefined;
    // Nothing is to be skipped: what was not run has not passed.
    if (passed && !/# (SKIP|TODO)/.test(title)) this.#passed += 1;
    else this.#failed.push(title);
    return { title, passed };
  }

  get count(): Count {
    return { passed: this.#passed, failed: this.#failed, ended: this.#ended };
  }
}
