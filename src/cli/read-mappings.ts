// The mappings and settings a command line gives, by itself and through a file, checked all together.
// Whatever is wrong with them is wrong usage.

import { readFileSync } from 'node:fs';
import { type Mapping, parseMapping } from '../nat/mapping.ts';
import { type LocatedMapping, mappingComplaints } from '../nat/mapping-check.ts';
import { type Complaint, MappingError } from '../nat/mapping-error.ts';
import type { MappingFile } from '../nat/mapping-file.ts';
import { FileError } from './file.ts';
import { UsageError } from './usage-error.ts';

/**
 * @param texts as in `10.0.0.5=203.0.113.5`; the origin of the second is `LABEL #2`.
 * @param path of a mapping file, whose mappings come first.
 * @throws UsageError with everything that is wrong with either, FileError when the file cannot be read.
 */
export async function readMappings(
  texts: readonly string[],
  label: string,
  path?: string,
): Promise<{ mappings: readonly Mapping[]; file?: MappingFile }> {
  const complaints: Complaint[] = [];
  const file = path === undefined ? undefined : await readFile(path, complaints);
  // The file first: of two that collide a complaint opens with the later one, which was just typed.
  const entries = [...(file?.mappings ?? []), ...locate(texts, label, complaints)];
  complaints.push(...mappingComplaints(entries));
  if (complaints.length > 0) throw new UsageError(complaints);
  return { mappings: entries.map(({ mapping }) => mapping), ...(file && { file }) };
}

async function readFile(path: string, complaints: Complaint[]): Promise<MappingFile | undefined> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    throw new FileError('read the mapping file', path, error);
  }
  const { parseMappingFile } = await import('../nat/mapping-file.ts');
  try {
    return await parseMappingFile(text, path);
  } catch (error) {
    collect(error, complaints);
    return undefined;
  }
}

function locate(texts: readonly string[], label: string, complaints: Complaint[]): LocatedMapping[] {
  return texts.flatMap((text, i) => {
    const origin = `${label} #${i + 1}`;
    try {
      return [{ mapping: parseMapping(text, origin), origin }];
    } catch (error) {
      collect(error, complaints);
      return [];
    }
  });
}

function collect(error: unknown, complaints: Complaint[]): void {
  if (!(error instanceof MappingError)) throw error;
  complaints.push(...error.complaints);
}
