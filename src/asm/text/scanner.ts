// Text to tokens, line by line. Comments go: `;`, `//` and `#` to the end of the line, `/* */` over lines. A `#` right
// behind a name and in front of a number is none: `call bpf_map_lookup_elem#1`.

import { TextError } from './error.ts';

/** A place in a text; both start at 1, columns count UTF-16 code units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface Token extends Position {
  readonly kind: 'name' | 'number' | 'sign';
  readonly text: string;
}

/** One line that has tokens. */
export interface Line {
  readonly tokens: readonly Token[];
  /** Behind the last token. */
  readonly end: Position;
  /** What stands behind a `;`. */
  readonly comment: (Position & { readonly text: string }) | undefined;
}

const BLANK = /[ \t\v\f]+/y;
const NEWLINE = /\r\n|\n|\r/y;
const COMMENT = /(?:;|\/\/|#)[^\n\r]*/y;
const OPENING = '/*';
const CLOSING = '*/';
const NAME = /[A-Za-z_.$][\w.$]*/y;
/** Also what is none, so that the error can show the whole of it. */
const NUMBER = /[0-9][\w.]*/y;
const SIGN =
  /s(?:>>=|>=|<=|>|<|\/=|%=)|<<=|>>=|==|!=|>=|<=|\+=|-=|\*=|\/=|%=|\|=|&=|\^=|[-+*/%&|^=<>()[\],:#]/y;
const HASH_NUMBER = /#-?[0-9]/y;

/** @throws TextError for a character that has no place in an assembler text, or a comment without an end. */
export function scan(text: string): Line[] {
  const lines: Line[] = [];
  let tokens: Token[] = [];
  let comment: Line['comment'];
  let [at, line, start] = [0, 1, 0];
  const position = (): Position => ({ line, column: at - start + 1 });
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  const finish = (): void => {
    const last = tokens.at(-1);
    if (last) lines.push({ tokens, end: { line, column: last.column + last.text.length }, comment });
    tokens = [];
    comment = undefined;
  };
  const newline = (length: number): void => {
    at += length;
    line++;
    start = at;
  };
  const push = (kind: Token['kind'], found: string): void => {
    tokens.push({ kind, text: found, ...position() });
    at += found.length;
  };
  /** A `#` that belongs to the name in front of it. */
  const numbers = (): boolean => {
    const last = tokens.at(-1);
    const glued = last?.kind === 'name' && last.column + last.text.length === at - start + 1;
    return glued && match(HASH_NUMBER) !== undefined;
  };
  while (at < text.length) {
    const blank = match(BLANK);
    if (blank) {
      at += blank.length;
      continue;
    }
    const broken = match(NEWLINE);
    if (broken) {
      finish();
      newline(broken.length);
      continue;
    }
    if (text.startsWith(OPENING, at)) {
      const end = text.indexOf(CLOSING, at + OPENING.length);
      if (end < 0) throw new TextError('SYNTAX', `comment without its end ${CLOSING}`, position());
      while (at < end + CLOSING.length) {
        const inside = match(NEWLINE);
        if (inside) {
          finish();
          newline(inside.length);
        } else at++;
      }
      continue;
    }
    const commented = numbers() ? undefined : match(COMMENT);
    if (commented) {
      const behind = { line, column: at - start + 2 };
      if (commented.startsWith(';')) comment = { text: commented.slice(1), ...behind };
      at += commented.length;
      continue;
    }
    const sign = match(SIGN);
    const [kind, found] = sign
      ? (['sign', sign] as const)
      : ([/[0-9]/.test(text[at]!) ? 'number' : 'name', match(NAME) ?? match(NUMBER)] as const);
    if (!found) throw new TextError('SYNTAX', `character ${shown(text, at)} has no meaning here`, position());
    push(kind, found);
  }
  finish();
  return lines;
}

function shown(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  const visible = code > 0x20 && code !== 0x7f;
  return visible
    ? `'${String.fromCodePoint(code)}'`
    : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
