// A case of the conformance suite as instructions, and what became of it somewhere.

import { readFileSync } from 'node:fs';
import {
  assembleText,
  type ConformanceCase,
  decodeInstructions,
  type Item,
  LITTLE_ENDIAN,
  parseConformanceCase,
} from '../../src/asm/index.ts';

export interface Case extends ConformanceCase {
  readonly name: string;
  /** What the program is or, for a case that wants an error, what is wrong with its text. */
  readonly items: readonly Item[] | Error;
}

/** What became of a case; anything but `passed` says why. */
export type Outcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed' | 'refused'; readonly why: string };

/** @throws TextError for a file that cannot be read as a case */
export function readCase(name: string, path: string): Case {
  const parsed = parseConformanceCase(readFileSync(path, 'utf8'));
  const { asm, raw } = parsed;
  if (raw === undefined && asm === undefined) throw new Error('neither asm nor raw');
  return { ...parsed, name, items: itemsOf(parsed, path) };
}

function itemsOf({ asm, raw, error }: ConformanceCase, path: string): Case['items'] {
  try {
    return raw ? decodeInstructions(bytesOf(raw)) : assembleText(asm ?? '', { file: path }).items;
  } catch (thrown) {
    if (error === undefined || !(thrown instanceof Error)) throw thrown;
    return thrown;
  }
}

/** The program of a case. @throws what is wrong with its text */
export function programOf({ items }: Case): readonly Item[] {
  if (items instanceof Error) throw items;
  return items;
}

function bytesOf(words: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(8 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setBigUint64(8 * index, word, LITTLE_ENDIAN);
  });
  return bytes;
}

/** Holds a result against what the case wants. A case that wants an error and gets a result may want that, too. */
export function judge({ result, error }: ConformanceCase, r0: bigint): Outcome {
  if (result === r0) return { kind: 'passed' };
  const wanted = result === undefined ? `an error (${error})` : `0x${result.toString(16)}`;
  return { kind: 'failed', why: `r0 is 0x${r0.toString(16)}, not ${wanted}` };
}

/** Somebody has thrown: what the case wanted, or not. */
export function judgeError({ error }: ConformanceCase, thrown: unknown, kind: 'failed' | 'refused'): Outcome {
  if (error !== undefined) return { kind: 'passed' };
  return { kind, why: thrown instanceof Error ? thrown.message : String(thrown) };
}
