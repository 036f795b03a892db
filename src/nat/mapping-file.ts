// Mapping files: YAML or JSON (which is YAML), version 1. Text in, checked mappings out; reading the file is the
// caller's. Every complaint carries its line, and all of them are reported at once.

import { type Mapping, parseSides } from './mapping.ts';
import { type Bulk, readBulk } from './mapping-bulk.ts';
import { type LocatedMapping, mappingComplaints } from './mapping-check.ts';
import { type Complaint, type ComplaintCode, complain, MappingError } from './mapping-error.ts';
import { type MapEntry, type MapNode, parseYaml, type YamlNode } from './mapping-yaml.ts';

const FILE_VERSION = 1;
const HOOKS = ['auto', 'tcx', 'clsact'] as const;
const POLICIES = ['pass', 'drop'] as const;
const KEYS = ['version', 'interface', 'hook', 'unmapped', 'mappings'] as const;
const ENTRY_KEYS = ['inside', 'outside', 'slot'] as const;
const ENTRY_FORM = 'an entry is { inside: ADDRESS, outside: ADDRESS }';

/** A value and where it stands: `nat.yaml:3`. */
interface Setting<T> {
  readonly value: T;
  readonly origin: string;
}

/** What a mapping file says; a setting it leaves out is not there. */
export interface MappingFile {
  readonly interface?: Setting<string>;
  readonly hook?: Setting<(typeof HOOKS)[number]>;
  readonly unmapped?: Setting<(typeof POLICIES)[number]>;
  /** In the order of the file, checked against each other; the origins are `FILE:LINE`. */
  readonly mappings: readonly LocatedMapping[];
}

/**
 * Reads a mapping file.
 *
 * @param name of the file, for the complaints.
 * @throws MappingError with everything that is wrong with it.
 */
export async function parseMappingFile(text: string, name: string): Promise<MappingFile> {
  const { tree, bulk } = await parseTree(text, name);
  const reader = new FileReader(name);
  const file = reader.file(tree, bulk);
  const complaints = [...reader.complaints, ...mappingComplaints(file.mappings)];
  if (complaints.length > 0) throw new MappingError(complaints);
  return file;
}

/** The file as a tree, its list of mappings apart where all of them are plain. */
async function parseTree(text: string, name: string): Promise<{ tree: YamlNode; bulk?: Bulk }> {
  const bulk = readBulk(text);
  if (bulk !== undefined) {
    try {
      const tree = await parseYaml(bulk.rest, name);
      const isPlace = ({ key, value }: MapEntry): boolean =>
        key === 'mappings' && value.offset === bulk.offset;
      if (tree.kind === 'map' && tree.entries.some(isPlace)) return { tree, bulk };
    } catch (error) {
      // The whole text is read again, so that the complaints are about what the file really says.
      if (!(error instanceof MappingError)) throw error;
    }
  }
  return { tree: await parseYaml(text, name) };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

class FileReader {
  readonly complaints: Complaint[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  file(tree: YamlNode, bulk: Bulk | undefined): MappingFile {
    const file: Writable<MappingFile> = { mappings: [] };
    if (tree.kind !== 'map') {
      this.#complain('bad_value', tree.line, 'a mapping file is a map with the keys version and mappings');
      return file;
    }
    const entries = this.#entries(tree, KEYS, `a mapping file has the keys ${KEYS.join(', ')}`);
    const version = entries.get('version');
    if (version === undefined) {
      this.#complain('missing_key', tree.line, `version is missing: write version: ${FILE_VERSION}`);
    } else if (scalar(version.value) !== FILE_VERSION) {
      const what = `version ${show(version.value)} is not known`;
      this.#complain('bad_version', version.line, `${what}: this tsnat reads version ${FILE_VERSION}`);
    }
    const device = this.#text(entries.get('interface'), 'the name of an interface');
    if (device !== undefined) file.interface = device;
    const hook = this.#choice(entries.get('hook'), HOOKS);
    if (hook !== undefined) file.hook = hook;
    const unmapped = this.#choice(entries.get('unmapped'), POLICIES);
    if (unmapped !== undefined) file.unmapped = unmapped;

    const mappings = entries.get('mappings');
    if (bulk !== undefined) {
      file.mappings = bulk.entries.flatMap(({ inside, outside, line }) =>
        this.#located(line, () => parseSides(inside, outside, { origin: this.#origin(line) })),
      );
    } else if (mappings === undefined) {
      this.#complain(
        'missing_key',
        tree.line,
        'mappings is missing: write mappings: [] where there are none yet',
      );
    } else if (mappings.value.kind !== 'list') {
      this.#complain('bad_value', mappings.line, `mappings is not a list: ${ENTRY_FORM}`);
    } else {
      file.mappings = mappings.value.items.flatMap((item) => this.#mapping(item));
    }
    return file;
  }

  #mapping(node: YamlNode): LocatedMapping[] {
    if (node.kind !== 'map') {
      this.#complain('bad_value', node.line, `${show(node)} is not an entry: ${ENTRY_FORM}`);
      return [];
    }
    const before = this.complaints.length;
    const entries = this.#entries(node, ENTRY_KEYS, ENTRY_FORM);
    for (const key of ['inside', 'outside']) {
      if (!entries.has(key)) this.#complain('missing_key', node.line, `${key} is missing: ${ENTRY_FORM}`);
    }
    const inside = this.#text(entries.get('inside'), 'an address');
    const outside = this.#text(entries.get('outside'), 'an address');
    const slot = this.#text(entries.get('slot'), 'the name of an interface');
    if (inside === undefined || outside === undefined || this.complaints.length > before) return [];
    const text = slot === undefined ? inside.value : `${inside.value}%${slot.value}`;
    return this.#located(node.line, () =>
      parseSides(text, outside.value, { origin: this.#origin(node.line) }),
    );
  }

  #located(line: number, read: () => Mapping): LocatedMapping[] {
    try {
      return [{ mapping: read(), origin: this.#origin(line) }];
    } catch (error) {
      if (!(error instanceof MappingError)) throw error;
      this.complaints.push(...error.complaints);
      return [];
    }
  }

  /** The entries of a map by key, those with an unknown key complained of. */
  #entries(node: MapNode, keys: readonly string[], form: string): Map<string, MapEntry> {
    for (const { key, line } of node.entries) {
      if (!keys.includes(key)) this.#complain('unknown_key', line, `key '${key}' is not known: ${form}`);
    }
    return new Map(node.entries.map((entry) => [entry.key, entry]));
  }

  #text(entry: MapEntry | undefined, meaning: string): Setting<string> | undefined {
    if (entry === undefined) return undefined;
    const value = scalar(entry.value);
    if (typeof value === 'string' && value !== '') return { value, origin: this.#origin(entry.value.line) };
    const message = `${entry.key} ${show(entry.value)} is not text: write ${meaning}, in quotes if need be`;
    this.#complain('bad_value', entry.line, message);
    return undefined;
  }

  #choice<T extends string>(entry: MapEntry | undefined, choices: readonly T[]): Setting<T> | undefined {
    if (entry === undefined) return undefined;
    const value = scalar(entry.value);
    const choice = choices.find((candidate) => candidate === value);
    if (choice !== undefined) return { value: choice, origin: this.#origin(entry.value.line) };
    const message = `${entry.key} ${show(entry.value)} is not known: write ${choices.join(', ')}`;
    this.#complain('bad_value', entry.line, message);
    return undefined;
  }

  #origin(line: number): string {
    return `${this.#name}:${line}`;
  }

  #complain(code: ComplaintCode, line: number, message: string): void {
    this.complaints.push(complain(code, this.#origin(line), message));
  }
}

function scalar(node: YamlNode): unknown {
  return node.kind === 'scalar' ? node.value : undefined;
}

/** A node as named in a complaint. */
function show(node: YamlNode): string {
  if (node.kind === 'scalar') return typeof node.value === 'string' ? `'${node.value}'` : String(node.value);
  return node.kind === 'list' ? '(a list)' : '(a map)';
}
