// Mapping files: YAML or JSON (which is YAML), version 1. Text in, checked mappings and settings out; reading the file
// is the caller's. Every complaint carries its line, and all of them are reported at once.

import { destinationComplaints, type LocatedPrefix } from './destination-lists.ts';
import { parseSides } from './mapping.ts';
import { type Bulk, readBulk } from './mapping-bulk.ts';
import { type LocatedMapping, mappingComplaints } from './mapping-check.ts';
import { MappingError } from './mapping-error.ts';
import { FileReader, type Setting, scalar, show } from './mapping-file-reader.ts';
import { type MapEntry, type MapNode, parseYaml, type YamlNode } from './mapping-yaml.ts';
import { type InstancePolicy, requireMss } from './policy.ts';
import { DIRECTIONS, type Policy } from './reason.ts';

const FILE_VERSION = 1;
const HOOKS = ['auto', 'tcx', 'clsact', 'xdp'] as const;
const XDP_MODES = ['auto', 'native', 'generic'] as const;
const SLOT_PLACES = ['device', 'uplink'] as const;
const POLICIES: readonly Policy[] = ['pass', 'drop'];
const KEYS: readonly string[] = [
  'version',
  'interface',
  'hook',
  'slots',
  'redirect',
  'inside',
  'xdp_mode',
  'unmapped',
  'spoofed',
  'mss',
  'include',
  'exclude',
  'mappings',
];
const ENTRY_KEYS: readonly string[] = ['inside', 'outside', 'neutral', 'slot'];
const ENTRY_FORM =
  'an entry is { inside: IN, outside: OUT }, written as in IN=OUT, and of a slot { inside: IN, slot: INTERFACE, outside: OUT }';
const UNMAPPED_FORM = 'write pass, drop, or { outbound: drop, inbound: pass }';

/** What a mapping file says; a setting it leaves out is not there. */
export interface MappingFile {
  readonly interface?: Setting<string>;
  readonly hook?: Setting<(typeof HOOKS)[number]>;
  readonly redirect?: Setting<boolean>;
  readonly slots?: Setting<(typeof SLOT_PLACES)[number]>;
  /** Names of interfaces. */
  readonly inside?: Setting<readonly string[]>;
  readonly xdp_mode?: Setting<(typeof XDP_MODES)[number]>;
  readonly unmapped?: Setting<InstancePolicy['unmapped']>;
  readonly spoofed?: Setting<Policy>;
  readonly mss?: Setting<number>;
  readonly include?: Setting<readonly LocatedPrefix[]>;
  readonly exclude?: Setting<readonly LocatedPrefix[]>;
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
  const file = readFile(reader, tree, bulk);
  const complaints = [
    ...reader.complaints,
    ...destinationComplaints(file.include?.value ?? [], file.exclude?.value ?? []),
    ...mappingComplaints(file.mappings),
  ];
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

function readFile(reader: FileReader, tree: YamlNode, bulk: Bulk | undefined): MappingFile {
  if (tree.kind !== 'map') {
    reader.complain('bad_value', tree.line, 'a mapping file is a map with the keys version and mappings');
    return { mappings: [] };
  }
  const entries = reader.entries(tree, KEYS, `a mapping file has the keys ${KEYS.join(', ')}`);
  const version = entries.get('version');
  if (version === undefined) {
    reader.complain('missing_key', tree.line, `version is missing: write version: ${FILE_VERSION}`);
  } else if (scalar(version.value) !== FILE_VERSION) {
    const what = `version ${show(version.value)} is not known`;
    reader.complain('bad_version', version.line, `${what}: this tsnat reads version ${FILE_VERSION}`);
  }
  const settings = {
    interface: reader.text(entries.get('interface'), 'the name of an interface'),
    hook: reader.choice(entries.get('hook'), HOOKS),
    redirect: reader.flag(entries.get('redirect')),
    slots: reader.choice(entries.get('slots'), SLOT_PLACES),
    inside: reader.names(entries.get('inside')),
    xdp_mode: reader.choice(entries.get('xdp_mode'), XDP_MODES),
    unmapped: readUnmapped(reader, entries.get('unmapped')),
    spoofed: reader.choice(entries.get('spoofed'), POLICIES),
    mss: reader.count(entries.get('mss'), requireMss),
    include: reader.prefixes(entries.get('include')),
    exclude: reader.prefixes(entries.get('exclude')),
  };
  const mappings =
    bulk === undefined ? readMappings(reader, tree, entries.get('mappings')) : readPlain(reader, bulk);
  return { ...withoutMissing(settings), mappings };
}

type Present<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> };

function withoutMissing<T extends object>(settings: T): Present<T> {
  return Object.fromEntries(
    Object.entries(settings).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}

/** One policy for both directions, or one for each. */
function readUnmapped(
  reader: FileReader,
  entry: MapEntry | undefined,
): Setting<InstancePolicy['unmapped']> | undefined {
  if (entry?.value.kind === 'list') {
    reader.complain('bad_value', entry.line, `unmapped ${show(entry.value)} is not known: ${UNMAPPED_FORM}`);
    return undefined;
  }
  if (entry?.value.kind !== 'map') {
    const both = reader.choice(entry, POLICIES);
    return both && { value: { outbound: both.value, inbound: both.value }, origin: both.origin };
  }
  const { value: node } = entry;
  const each = reader.entries(node, DIRECTIONS, UNMAPPED_FORM);
  for (const direction of DIRECTIONS) {
    if (!each.has(direction)) reader.complain('missing_key', node.line, `unmapped: ${direction} is missing`);
  }
  const [outbound, inbound] = DIRECTIONS.map((direction) => reader.choice(each.get(direction), POLICIES));
  if (outbound === undefined || inbound === undefined) return undefined;
  return {
    value: { outbound: outbound.value, inbound: inbound.value },
    origin: reader.origin(node.line),
  };
}

function readPlain(reader: FileReader, bulk: Bulk): LocatedMapping[] {
  return bulk.entries.flatMap(({ inside, outside, line }) => {
    const origin = reader.origin(line);
    const mapping = reader.kept(() => parseSides(inside, outside, { origin }));
    return mapping === undefined ? [] : [{ mapping, origin }];
  });
}

function readMappings(reader: FileReader, tree: MapNode, entry: MapEntry | undefined): LocatedMapping[] {
  if (entry === undefined) {
    const message = 'mappings is missing: write mappings: [] where there are none yet';
    reader.complain('missing_key', tree.line, message);
    return [];
  }
  if (entry.value.kind !== 'list') {
    reader.complain('bad_value', entry.line, `mappings is not a list: ${ENTRY_FORM}`);
    return [];
  }
  return entry.value.items.flatMap((item) => readMapping(reader, item));
}

function readMapping(reader: FileReader, node: YamlNode): LocatedMapping[] {
  if (node.kind !== 'map') {
    reader.complain('bad_value', node.line, `${show(node)} is not an entry: ${ENTRY_FORM}`);
    return [];
  }
  const before = reader.complaints.length;
  const entries = reader.entries(node, ENTRY_KEYS, ENTRY_FORM);
  for (const key of ['inside', 'outside']) {
    if (!entries.has(key)) reader.complain('missing_key', node.line, `${key} is missing: ${ENTRY_FORM}`);
  }
  const inside = reader.text(entries.get('inside'), 'what is inside');
  const outside = reader.text(entries.get('outside'), 'what is outside');
  const slot = reader.text(entries.get('slot'), 'the name of an interface');
  if (slot !== undefined && inside?.value.includes('%')) {
    reader.complain('bad_value', node.line, `inside '${inside.value}' names an interface, and so does slot`);
  }
  const neutral = reader.flag(entries.get('neutral'))?.value === true;
  if (inside === undefined || outside === undefined || reader.complaints.length > before) return [];
  const text = slot === undefined ? inside.value : `${inside.value}%${slot.value}`;
  const origin = reader.origin(node.line);
  const mapping = reader.kept(() => parseSides(text, outside.value, { neutral, origin }));
  return mapping === undefined ? [] : [{ mapping, origin }];
}
