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

/**
 * What a text is made of, one group each: line end, comment over lines, comment to the end of the line, name, operator,
 * number. A number takes in what makes it none, so that an error can show the whole of it. Blanks have no group.
 */
const PIECE =
  /[ \t\v\f]+|(\r\n|\n|\r)|(\/\*)|((?:;|\/\/|#)[^\n\r]*)|(s(?:>>=|>=|<=|>|<|\/=|%=)|<<=|>>=|[=!><+*/%|&^-]=|[-+*/%&|^=<>()[\],:])|([A-Za-z_.$][\w.$]*)|([0-9][\w.]*)/y;
const CLOSING = '*/';
const LINE_END = /\r\n|\n|\r/g;
/** A `#` behind a name that is no comment. */
const NUMBERED = /#(?=-?[0-9])/y;

/** @throws TextError for a character that has no place in an assembler text, or a comment without an end. */
export function scan(text: string): Line[] {
  const lines: Line[] = [];
  let tokens: Token[] = [];
  let comment: Line['comment'];
  let [at, line, start] = [0, 1, 0];
  const finish = (next: number): void => {
    const last = tokens.at(-1);
    if (last) {
      lines.push({ tokens, end: { line, column: last.column + last.text.length }, comment });
      tokens = [];
      comment = undefined;
    }
    line++;
    start = next;
  };
  while (at < text.length) {
    const column = at - start + 1;
    const match =
      (behindName(tokens.at(-1), column) && matchAt(NUMBERED, text, at)) || matchAt(PIECE, text, at);
    if (!match)
      throw new TextError('SYNTAX', `character ${shown(text, at)} has no meaning here`, { line, column });
    const [found, newline, opening, remark, sign, name, number] = match;
    at += found.length;
    if (newline) finish(at);
    else if (opening) {
      const end = text.indexOf(CLOSING, at);
      if (end < 0) throw new TextError('SYNTAX', `comment without its end ${CLOSING}`, { line, column });
      for (const inside of text.slice(at, end).matchAll(LINE_END))
        finish(at + inside.index + inside[0].length);
      at = end + CLOSING.length;
    } else if (remark) {
      if (remark.startsWith(';')) comment = { text: remark.slice(1), line, column: column + 1 };
    } else if (name) tokens.push({ kind: 'name', text: name, line, column });
    else if (number) tokens.push({ kind: 'number', text: number, line, column });
    else if (sign || found === '#') tokens.push({ kind: 'sign', text: found, line, column });
  }
  finish(at);
  return lines;
}

/** Whether what stands at `column` follows a name without a blank: a # may belong to it. */
const behindName = (last: Token | undefined, column: number): boolean =>
  last?.kind === 'name' && last.column + last.text.length === column;

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function shown(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  const visible = code > 0x20 && code !== 0x7f;
  return visible
    ? `'${String.fromCodePoint(code)}'`
    : `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
