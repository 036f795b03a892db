// Reads the plain entries of a large mapping file without a YAML parser, which needs some 50 us for each.
// It knows the few forms that programs write, as a block list or as JSON:
//
//   - { inside: 10.0.0.5, outside: 203.0.113.5 }
//   - inside: 10.0.0.5
//     outside: 203.0.113.5
//
// and takes either the whole list or nothing. What it takes means the same to YAML; a property test holds the two
// together. The rest of the file, with an empty list in its place, is still read as YAML.

const ADDRESS = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const VALUE = `(?:"(${ADDRESS})"|(${ADDRESS}))`;
// Within braces a quoted key needs no space after its colon, in a block it does.
const key = (name: string, gap: string): string => `(?:"${name}" *:${gap}|${name} *: +)`;
const INSIDE = key('inside', ' *');
const OUTSIDE = key('outside', ' *');
const INSIDE_LINE = key('inside', ' +');
const OUTSIDE_LINE = key('outside', ' +');
const EOL = '(?: +#[^\\r\\n]*| *)(?:\\r?\\n|$)';
// In braces a line may break anywhere, as long as the next one is indented.
const GAP = '(?: |\\r?\\n(?= ))*';

const KEY = /(?:^mappings *:|"mappings" *:)(?: *(\[)| *\r?\n)/m;
const SKIP_LINES = /(?: *(?:#[^\r\n]*)?\r?\n)*/y;
const BLOCK_BRACES = new RegExp(`( *)- +\\{ *${INSIDE}${VALUE} *, *${OUTSIDE}${VALUE} *\\}${EOL}`, 'y');
const BLOCK_KEYS = new RegExp(
  `( *)-( +)${INSIDE_LINE}${VALUE}${EOL}\\1 \\2${OUTSIDE_LINE}${VALUE}${EOL}`,
  'y',
);
const FLOW_ENTRY = new RegExp(
  `${GAP}\\{${GAP}${INSIDE}${VALUE}${GAP},${GAP}${OUTSIDE}${VALUE}${GAP}\\}${GAP}([,\\]])`,
  'y',
);

interface BulkEntry {
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
    const [whole, inside = match[2], , outside = match[4], , closing] = match;
    entries.push({ inside: inside!, outside: outside!, line: lines(at + whole.indexOf('{')) });
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
    const [, indent, inside = braces[3], , outside = braces[5]] = braces;
    return { indent: indent!, inside: inside!, outside: outside!, end: BLOCK_BRACES.lastIndex };
  }
  BLOCK_KEYS.lastIndex = at;
  const keys = BLOCK_KEYS.exec(text);
  if (keys === null) return undefined;
  const [, indent, , inside = keys[4], , outside = keys[6]] = keys;
  return { indent: indent!, inside: inside!, outside: outside!, end: BLOCK_KEYS.lastIndex };
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
