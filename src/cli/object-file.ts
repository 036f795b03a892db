// An object file that the user names: read whole, errors say which file.

import { readFileSync } from 'node:fs';
import { type ElfObject, MalformedError, parseElf } from '../asm/index.ts';
import { FileError } from './file.ts';

/** A file is no BPF object, or has not what is asked of it; `code` says what is wrong. */
export class ObjectFileError extends Error {
  override readonly name = 'ObjectFileError';
  readonly code: string;

  constructor(path: string, code: string, why: string, cause?: unknown) {
    super(`object file '${path}': ${why}`, { cause });
    this.code = code;
  }
}

/**
 * Reads an object.
 *
 * @param only the symbol of one program; all of them where left out
 * @throws FileError when it cannot be read, ObjectFileError when it is no object or has no such program
 */
export function readObject(path: string, only?: string): ElfObject {
  const object = parse(path);
  if (object.programs.length === 0) throw new ObjectFileError(path, 'no_program', 'it has no programs');
  if (only === undefined) return object;
  const programs = object.programs.filter(({ symbol }) => symbol === only);
  if (programs.length > 0) return { ...object, programs };
  throw new ObjectFileError(path, 'no_program', `it has no program '${only}', but ${symbolsOf(object)}`);
}

/** `a, b and c` */
export function symbolsOf({ programs }: ElfObject): string {
  const symbols = programs.map(({ symbol }) => symbol);
  return symbols.length < 2 ? symbols.join('') : `${symbols.slice(0, -1).join(', ')} and ${symbols.at(-1)}`;
}

function parse(path: string): ElfObject {
  try {
    return parseElf(read(path));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new ObjectFileError(path, error.code, error.message, error);
  }
}

function read(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    throw new FileError('read', path, error);
  }
}
