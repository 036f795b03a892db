// Mapping files that a command line names.

import { readFileSync } from 'node:fs';
import type { Complaint } from '../nat/mapping-error.ts';
import { parseMappingFile } from '../nat/mapping-file.ts';
import { FileError } from './file.ts';
import { collect, type FileRead } from './read-mappings.ts';

/** @throws FileError when the file cannot be read. */
export async function readMappingFile(path: string): Promise<FileRead> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    throw new FileError('read the mapping file', path, error);
  }
  const complaints: Complaint[] = [];
  try {
    return { file: await parseMappingFile(text, path), complaints };
  } catch (error) {
    collect(error, complaints);
    return { file: undefined, complaints };
  }
}
