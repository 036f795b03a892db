// The case files of the public conformance suite (Alan-Jowett/bpf_conformance, tests/*.data): line-based sections, each
// opened by a directive. Only the file format; the program in it is for `assembleText`.

import { shortened } from './cursor.ts';
import { TextError } from './error.ts';

/** One case. Every section may be missing. */
export interface ConformanceCase {
  /** The program as text. Its lines have the numbers they have in the file. */
  readonly asm?: string;
  /** The program as 8-byte units, little-endian; it replaces `asm`. */
  readonly raw?: readonly bigint[];
  /** The packet: r1 is its address, r2 its length. */
  readonly mem?: Uint8Array;
  /** What r0 must be, 64 unsigned bits. */
  readonly result?: bigint;
  /** What the error must say, where one is expected. */
  readonly error?: string;
}

const SECTIONS = ['asm', 'raw', 'mem', 'result', 'error'] as const;
type Section = (typeof SECTIONS)[number];
/** Directives whose lines say nothing about the program: its C source, a remark to some other runner. */
const IGNORED = ['c', 'no register offset'];

const UNIT_BITS = 64;
const NUMBER = /^-?(?:0[xX][0-9a-fA-F]+|[0-9]+)$/;
const BYTE = /^(?:0[xX])?[0-9a-fA-F]{1,2}$/;

/**
 * Reads a case.
 *
 * @throws TextError for an unknown directive, or a number that is none or does not fit.
 */
export function parseConformanceCase(text: string): ConformanceCase {
  const lines = text.split(/\r\n|\n|\r/);
  const asm: string[] = lines.map(() => '');
  const words: { readonly [S in Exclude<Section, 'asm'>]: Word[] } = {
    raw: [],
    mem: [],
    result: [],
    error: [],
  };
  const seen = new Set<Section>();
  let section: Section | undefined;
  lines.forEach((source, i) => {
    const line = source.replace(/#.*$/, '');
    const dashes = line.indexOf('--');
    if (dashes >= 0 && (line.trimStart().startsWith('--') || section !== undefined)) {
      section = directive(line, dashes, i + 1);
      if (section) seen.add(section);
    } else if (section === 'asm') asm[i] = line;
    else if (section === 'error') words.error.push({ text: source.trim(), line: i + 1, column: 1 });
    else if (section) words[section].push(...wordsOf(line, i + 1));
  });
  return {
    ...(seen.has('asm') && { asm: asm.join('\n') }),
    ...(words.raw.length > 0 && { raw: words.raw.map(unit) }),
    ...(seen.has('mem') && { mem: Uint8Array.from(words.mem, byte) }),
    ...(words.result.length > 0 && { result: unit(words.result.at(-1)!) }),
    ...(seen.has('error') && {
      error: words.error
        .map(({ text }) => text)
        .join('\n')
        .trim(),
    }),
  };
}

/** A run of characters without blanks, and where it stands. */
interface Word {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const wordsOf = (text: string, line: number): Word[] =>
  Array.from(text.matchAll(/\S+/g), (match) => ({ text: match[0], line, column: match.index + 1 }));

function directive(text: string, dashes: number, line: number): Section | undefined {
  const name = text.slice(dashes).replace(/^-+/, '').trim().replace(/\s+/g, ' ');
  if (IGNORED.includes(name)) return undefined;
  const section = SECTIONS.find((known) => known === name);
  if (section) return section;
  const expected = [...SECTIONS, ...IGNORED].join(', ');
  throw new TextError('SYNTAX', `directive '-- ${shortened(name)}': expected one of ${expected}`, {
    line,
    column: dashes + 1,
  });
}

/** A 64-bit number; a negative one as its two's complement. */
function unit(word: Word): bigint {
  if (!NUMBER.test(word.text)) {
    throw new TextError(
      'SYNTAX',
      `'${shortened(word.text)}': expected a number, decimal or hexadecimal with 0x`,
      word,
    );
  }
  const negative = word.text.startsWith('-');
  const magnitude = BigInt(negative ? word.text.slice(1) : word.text);
  const value = negative ? -magnitude : magnitude;
  if (value >= 1n << BigInt(UNIT_BITS) || value < -(1n << BigInt(UNIT_BITS - 1))) {
    throw new TextError('RANGE', `${shortened(word.text)} does not fit into ${UNIT_BITS} bits`, word);
  }
  return BigInt.asUintN(UNIT_BITS, value);
}

function byte(word: Word): number {
  if (!BYTE.test(word.text)) {
    throw new TextError(
      'SYNTAX',
      `'${shortened(word.text)}': expected a byte of two hexadecimal digits`,
      word,
    );
  }
  return Number.parseInt(word.text, 16);
}
