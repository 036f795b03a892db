// The mappings and settings a command line gives, by itself and with those of a file, checked all together.
// Whatever is wrong with them is wrong usage.

import { AddressError } from '../nat/address-error.ts';
import { destinationComplaints, type LocatedPrefix } from '../nat/destination-lists.ts';
import { type Mapping, parseMapping } from '../nat/mapping.ts';
import { type LocatedMapping, mappingComplaints } from '../nat/mapping-check.ts';
import { type Complaint, complain, MappingError } from '../nat/mapping-error.ts';
import type { MappingFile } from '../nat/mapping-file.ts';
import { type Prefix, parsePrefix } from '../nat/prefix.ts';
import { UsageError } from './usage-error.ts';

/** What is said in words: each of a kind is called by its label and its place, `--map #2`. */
export interface Words {
  /** As in `10.0.0.5=203.0.113.5`. */
  readonly mappings: readonly string[];
  readonly label: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

export interface Said {
  readonly mappings: readonly Mapping[];
  /** Left out where neither the words nor the file have any. */
  readonly include?: readonly Prefix[];
  readonly exclude?: readonly Prefix[];
  readonly file?: MappingFile;
}

/** A mapping file as it was read: undefined, with complaints, where it could not be. */
export interface FileRead {
  readonly file: MappingFile | undefined;
  readonly complaints: readonly Complaint[];
}

/**
 * @param read of a file, whose mappings come first.
 * @throws UsageError with everything that is wrong with either.
 */
export function readMappings(words: Words, read?: FileRead): Said {
  const complaints: Complaint[] = [...(read?.complaints ?? [])];
  const file = read?.file;
  // The file first: of two that collide a complaint opens with the later one, which was just typed.
  const located = <T>(
    texts: readonly string[],
    label: string,
    read: (text: string, origin: string) => T,
  ): T[] =>
    texts.flatMap((text, i) => {
      try {
        return [read(text, `${label} #${i + 1}`)];
      } catch (error) {
        collect(error, complaints);
        return [];
      }
    });
  const entries: LocatedMapping[] = [
    ...(file?.mappings ?? []),
    ...located(words.mappings, words.label, (text, origin) => ({
      mapping: parseMapping(text, origin),
      origin,
    })),
  ];
  const include = [
    ...(file?.include?.value ?? []),
    ...located(words.include ?? [], '--include', locatePrefix),
  ];
  const exclude = [
    ...(file?.exclude?.value ?? []),
    ...located(words.exclude ?? [], '--exclude', locatePrefix),
  ];
  complaints.push(...destinationComplaints(include, exclude), ...mappingComplaints(entries));
  if (complaints.length > 0) throw new UsageError(complaints);
  const given = (list: 'include' | 'exclude'): boolean =>
    file?.[list] !== undefined || (words[list] ?? []).length > 0;
  return {
    mappings: entries.map(({ mapping }) => mapping),
    ...(given('include') && { include: include.map(({ prefix }) => prefix) }),
    ...(given('exclude') && { exclude: exclude.map(({ prefix }) => prefix) }),
    ...(file && { file }),
  };
}

function locatePrefix(text: string, origin: string): LocatedPrefix {
  try {
    return { prefix: parsePrefix(text), origin };
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new MappingError([complain(error.code, origin, error.message)]);
  }
}

export function collect(error: unknown, complaints: Complaint[]): void {
  if (!(error instanceof MappingError)) throw error;
  complaints.push(...error.complaints);
}
