// A command line once it is parsed and found to fit its command's entry in the table.

/** Values by the name of the argument or option; what was left out is not there. */
export class Input {
  readonly #arguments: ReadonlyMap<string, readonly string[]>;
  readonly #options: ReadonlyMap<string, readonly string[]>;

  constructor(args: ReadonlyMap<string, readonly string[]>, options: ReadonlyMap<string, readonly string[]>) {
    this.#arguments = args;
    this.#options = options;
  }

  /** An argument that may be left out. */
  argument(name: string): string | undefined {
    return this.#arguments.get(name)?.[0];
  }

  /** An argument that the table makes compulsory. */
  required(name: string): string {
    const value = this.argument(name);
    if (value === undefined) throw new TypeError(`argument ${name} is not compulsory`);
    return value;
  }

  /** An argument that takes all that follow. */
  rest(name: string): readonly string[] {
    return this.#arguments.get(name) ?? [];
  }

  flag(name: string): boolean {
    return this.#options.has(name);
  }

  text(name: string): string | undefined {
    return this.#options.get(name)?.[0];
  }

  /** An option that may be given several times. */
  texts(name: string): readonly string[] {
    return this.#options.get(name) ?? [];
  }

  count(name: string): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : Number(text);
  }

  /** An option with choices; `choices` gives it its type. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.text(name);
    return choices.find((candidate) => candidate === text);
  }
}
