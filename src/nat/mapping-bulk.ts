// Reads the plain entries of a large mapping file without a YAML parser, which needs some 50 us for each.
// It knows the few forms that programs write, as a block list or as JSON:
//
//   - { inside: 10.0.0.5, outside: 203.0.113.5 }
//   - inside: 10.0.0.5
//     outside: 203.0.113.5
//   - { inside: 172.16.0.2, slot: tap7, outside: 203.0.113.7 }
//
// and takes either the whole list or nothing. What it takes means the same to YAML; a property test holds the two
// together. The rest of the file, with an empty list in its place, is still read as YAML.

const ADDRESS = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
// What YAML takes for text, without quotes.
const NAME = String.raw`(?!(?:true|false|null)\b)[a-z][a-z0-9_.-]{0,14}`;
const value = (form: string): string => `("${form}"|${form})`;
const VALUE = value(ADDRESS);
// Within braces a quoted key needs no space after its colon, in a block it does.
const key = (name: string, gap: string): string => `(?:"${name}" *:${gap}|${name} *: +)`;
const SLOT = `${key('slot', ' *')}${value(NAME)}`;
const INSIDE = `${key('inside', ' *')}${VALUE}`;
const OUTSIDE = `${key('outside', ' *')}${VALUE}`;
const SLOT_LINE = `${key('slot', ' +')}${value(NAME)}`;
const INSIDE_LINE = `${key('inside', ' +')}${VALUE}`;
const OUTSIDE_LINE = `${key('outside', ' +')}${VALUE}`;
const EOL = '(?: +#[^\\r\\n]*| *)(?:\\r?\\n|$)';
// In braces a line may break anywhere, as long as the next one is indented.
const GAP = '(?: |\\r?\\n(?= ))*';

const KEY = /(?:^mappings *:|"mappings" *:)(?: *(\[)| *\r?\n)/m;
const SKIP_LINES = /(?: *(?:#[^\r\n]*)?\r?\n)*/y;
const BLOCK_BRACES = new RegExp(`( *)- +\\{ *${INSIDE} *, *(?:${SLOT} *, *)?${OUTSIDE} *\\}${EOL}`, 'y');
const BLOCK_KEYS = new RegExp(
  `( *)-( +)${INSIDE_LINE}${EOL}\\1 \\2(?:${SLOT_LINE}${EOL}\\1 \\2)?${OUTSIDE_LINE}${EOL}`,
  'y',
);
const FLOW_ENTRY = new RegExp(
  `${GAP}\\{${GAP}${INSIDE}${GAP},${GAP}(?:${SLOT}${GAP},${GAP})?${OUTSIDE}${GAP}\\}${GAP}([,\\]])`,
  'y',
);

interface BulkEntry {
  /** Of a slot with `%` and its interface. */
  readonly inside: string;
  readonly outside: string;
  readonly line: number;
}

export interface Bulk {
  readonly entries: readonly BulkEntry[];
  /** The file with `[]` for the list; all other lines keep their numbers. */
  readonly rest: string;
  /** Where in `rest` the `[]` stands. */
  readonly offset: number;
}

/** The entries of `text` if every one of them is plain; undefined where YAML must decide. */
export function readBulk(text: string): Bulk | undefined {
  const key = KEY.exec(text);
  if (key === null) return undefined;
  const flow = key[1] !== undefined;
  const start = key.index + key[0].length;
  const list = flow ? readFlow(text, start) : readBlock(text, start);
  if (list === undefined) return undefined;
  const head = text.slice(0, flow ? start - 1 : start).trimEnd();
  const breaks = countBreaks(text, head.length, list.end);
  const rest = `${head} []${'\n'.repeat(breaks)}${text.slice(list.end)}`;
  return { entries: list.entries, rest, offset: head.length + 1 };
}

interface List {
  readonly entries: BulkEntry[];
  readonly end: number;
}

function readFlow(text: string, start: number): List | undefined {
  const entries: BulkEntry[] = [];
  const lines = lineNumbers(text);
  for (let at = start; ; at = FLOW_ENTRY.lastIndex) {
    FLOW_ENTRY.lastIndex = at;
    const match = FLOW_ENTRY.exec(text);
    if (match === null) return undefined;
    const [whole, inside, slot, outside, closing] = match;
    entries.push({ ...sidesOf(inside, slot, outside), line: lines(at + whole.indexOf('{')) });
    if (closing === ']') return { entries, end: FLOW_ENTRY.lastIndex };
  }
}

function readBlock(text: string, start: number): List | undefined {
  const entries: BulkEntry[] = [];
  const lines = lineNumbers(text);
  let indent: string | undefined;
  let at = start;
  while (true) {
    SKIP_LINES.lastIndex = at;
    SKIP_LINES.exec(text);
    const item = SKIP_LINES.lastIndex;
    const found = readBlockItem(text, item);
    if (found === undefined) break;
    if (indent !== undefined && found.indent !== indent) return undefined;
    indent = found.indent;
    entries.push({ inside: found.inside, outside: found.outside, line: lines(item) });
    at = found.end;
  }
  // The list ends where a key begins, or the file ends; any other entry is for YAML to read. Within braces, where a
  // block cannot stand, neither can follow, so YAML refuses the rest.
  return entries.length > 0 && /^(?:\w|$)/.test(text.slice(SKIP_LINES.lastIndex, SKIP_LINES.lastIndex + 1))
    ? { entries, end: at }
    : undefined;
}

function readBlockItem(
  text: string,
  at: number,
): { indent: string; inside: string; outside: string; end: number } | undefined {
  BLOCK_BRACES.lastIndex = at;
  const braces = BLOCK_BRACES.exec(text);
  if (braces !== null) {
    const [, indent, inside, slot, outside] = braces;
    return { indent: indent!, ...sidesOf(inside, slot, outside), end: BLOCK_BRACES.lastIndex };
  }
  BLOCK_KEYS.lastIndex = at;
  const keys = BLOCK_KEYS.exec(text);
  if (keys === null) return undefined;
  const [, indent, , inside, slot, outside] = keys;
  return { indent: indent!, ...sidesOf(inside, slot, outside), end: BLOCK_KEYS.lastIndex };
}

const bare = (text: string): string => (text.startsWith('"') ? text.slice(1, -1) : text);

function sidesOf(inside = '', slot: string | undefined, outside = ''): { inside: string; outside: string } {
  const address = bare(inside);
  return { inside: slot === undefined ? address : `${address}%${bare(slot)}`, outside: bare(outside) };
}

/** Line numbers of offsets that only grow. */
function lineNumbers(text: string): (offset: number) => number {
  let line = 1;
  let nextBreak = text.indexOf('\n');
  return (offset) => {
    while (nextBreak !== -1 && nextBreak < offset) {
      line++;
      nextBreak = text.indexOf('\n', nextBreak + 1);
    }
    return line;
  };
}

function countBreaks(text: string, from: number, to: number): number {
  let breaks = 0;
  for (let at = text.indexOf('\n', from); at !== -1 && at < to; at = text.indexOf('\n', at + 1)) breaks++;
  return breaks;
}
