// Reads the tokens of one line from left to right. Whatever does not fit is an error that says what was expected where.

import { TextError } from './error.ts';
import type { Line, Position, Token } from './scanner.ts';

export class Cursor {
  readonly #line: Line;
  #next = 0;

  constructor(line: Line) {
    this.#line = line;
  }

  /** The token `ahead` places further on, without taking it. */
  peek(ahead = 0): Token | undefined {
    return this.#line.tokens[this.#next + ahead];
  }

  /** Where the next token stands, or where it is missing. */
  get position(): Position {
    return this.peek() ?? this.#line.end;
  }

  /** Whether the tokens from here on are `texts`. */
  at(...texts: readonly string[]): boolean {
    return texts.every((text, i) => this.peek(i)?.text === text);
  }

  /** Takes the next tokens if they are `texts`. */
  take(...texts: readonly string[]): boolean {
    if (!this.at(...texts)) return false;
    this.#next += texts.length;
    return true;
  }

  /** Takes `count` tokens unseen. */
  skip(count: number): void {
    this.#next += count;
  }

  expect(text: string): void {
    if (!this.take(text)) throw this.unexpected(`'${text}'`);
  }

  /** Takes a token of `kind`; `what` names it where it is missing. */
  expectKind(kind: Token['kind'], what: string): Token {
    const token = this.peek();
    if (token?.kind !== kind) throw this.unexpected(what);
    this.#next++;
    return token;
  }

  expectEnd(): void {
    if (this.peek()) throw this.unexpected('the end of the line');
  }

  /** The error that something else stands here than `expected`. */
  unexpected(expected: string): TextError {
    const found = this.peek();
    const what = found ? `'${shortened(found.text)}'` : 'the end of the line';
    return new TextError('SYNTAX', `expected ${expected}, found ${what}`, this.position);
  }
}

const LONGEST_SHOWN = 40;
/** So that no error is longer than a screen. */
export const shortened = (text: string): string =>
  text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}...` : text;
