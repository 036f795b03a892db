// What the verifier knows of registers, as its log prints it (kernel/bpf/log.c, print_verifier_state), and the same
// in words. Logs of Linux 4.14 to 7.3 are read; what is not known here is left as the kernel says it.

/** By name, `r0` to `r10`: what stands behind the equals sign, as in `pkt(off=14,r=14)`. Stack slots are left out. */
export type Registers = ReadonlyMap<string, string>;

/** `R2_rw` in older logs says that it is read and written. */
const REGISTER = /^R(\d+)(?:_[a-z]+)?=(.*)$/s;

/** Reads `R1=ctx() R2=pkt(r=0) R10=fp0 fp-8=mmmm????`. */
export function parseRegisters(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const word of wordsOf(text)) {
    const [, number, state] = REGISTER.exec(word) ?? [];
    if (number !== undefined && state !== undefined) found.set(`r${number}`, state);
  }
  return found;
}

/** Splits at blanks that are in no parentheses: there are some in `var_off=(0x0; 0xff)`. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let depth = 0;
  let word = '';
  for (const letter of text) {
    if (letter === ' ' && depth === 0) {
      words.push(word);
      word = '';
      continue;
    }
    if (letter === '(') depth++;
    else if (letter === ')') depth--;
    word += letter;
  }
  return [...words, word];
}

interface State {
  /** `pkt`, `map_value_or_null`, `scalar`, ... */
  readonly type: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** A number that is known: `7`, `0x1f`, `-1`, and in older logs `inv7` or `invP7`. */
const KNOWN = /^(?:P|invP?)?(-?(?:0x[0-9a-f]+|\d+))$/;
const FRAME_POINTER = /^fp(-?\d+)$/;

function parseState(text: string): State {
  const open = text.indexOf('(');
  const type = (open < 0 ? text : text.slice(0, open))
    .replace(/^P(?=[a-z])/, '')
    .replace(/^invP?$/, 'scalar');
  const fields = new Map<string, string>();
  if (open >= 0) {
    // Two bounds that are the same share a value: smin=umin=3.
    for (const part of text.slice(open + 1, text.lastIndexOf(')')).split(/,(?![^(]*\))/)) {
      const names = part.split('=');
      const value = names.pop() ?? '';
      for (const name of names) fields.set(name.trim().replace(/_value$/, ''), value);
    }
  }
  return { type, fields };
}

/** Whether the register is a pointer into the packet. */
export const isPacket = (state: string | undefined): boolean =>
  state !== undefined && /^pkt(_meta)?$/.test(parseState(state).type);

/** The state of a register in words, such as `r2 is a packet pointer, 34 bytes checked`. */
export function describeRegister(name: string, text: string): string {
  const known = KNOWN.exec(text)?.[1];
  if (known !== undefined)
    return `${name} is ${Number(known) > 9 && known.startsWith('0x') ? `${BigInt(known)}` : known}`;
  const offset = FRAME_POINTER.exec(text)?.[1];
  if (offset !== undefined) {
    return offset === '0' ? `${name} is the frame pointer` : `${name} is the frame pointer ${signed(offset)}`;
  }
  const state = parseState(text);
  const { type, fields } = state;
  if (type.endsWith('_or_null')) return `${name} may be null: ${nullable(type, fields)}`;
  return `${name} is ${words(state)}`;
}

function nullable(type: string, fields: State['fields']): string {
  const bare = type.slice(0, -'_or_null'.length);
  if (bare === 'map_value') {
    const map = fields.get('map');
    return `the look-up ${map === undefined ? 'in the map' : `in map '${map}'`} was not tested`;
  }
  return `the result (${noun(bare)}) was not tested`;
}

function words(state: State): string {
  const { type, fields } = state;
  switch (type) {
    case 'scalar':
      return number(fields);
    case 'pkt':
    case 'pkt_meta': {
      const what = type === 'pkt' ? 'a packet pointer' : 'a pointer to the metadata before the packet';
      const checked = fields.get('r') ?? '0';
      const bytes =
        checked === '0' ? 'no byte checked' : `${checked} byte${checked === '1' ? '' : 's'} checked`;
      return `${what}${shift(fields)}, ${bytes}`;
    }
    case 'pkt_end':
      return 'the end of the packet';
    case 'map_ptr':
      return mapOf(fields) ?? 'a map';
    case 'map_value': {
      const map = mapOf(fields);
      const size = fields.get('vs');
      return `a value of ${map ?? 'a map'}${size === undefined ? '' : ` (${size} bytes)`}${shift(fields)}`;
    }
    default:
      return `${noun(type)}${shift(fields)}`;
  }
}

const mapOf = (fields: State['fields']): string | undefined => {
  const name = fields.get('map');
  return name === undefined ? undefined : `map '${name}'`;
};

const NOUNS: Readonly<Record<string, string>> = {
  ctx: 'the context',
  fp: 'a stack pointer',
  map_key: 'a key of a map',
  mem: 'a pointer to memory',
  rdonly_mem: 'a pointer to memory that can only be read',
  ringbuf_mem: 'a reserved record of a ring buffer',
  alloc_mem: 'a reserved record of a ring buffer',
  sock: 'a socket',
  sock_common: 'a socket',
  tcp_sock: 'a TCP socket',
  xdp_sock: 'an AF_XDP socket',
  func: 'the address of a function',
  flow_keys: 'the flow keys',
};

const noun = (type: string): string =>
  NOUNS[type] ?? (type === '?' ? 'not set' : `of the verifier's type '${type}'`);

const UNBOUNDED = 1n << 62n;

/** ` plus 14`, ` plus 0 to 255`, ` plus an unknown amount`. */
function shift(fields: State['fields']): string {
  const fixed = BigInt(fields.get('off') ?? 0) + BigInt(fields.get('imm') ?? 0);
  const variable = fields.has('var_off') || fields.has('umax') || fields.has('smax');
  // Of an unsigned bound that is nothing the least is 0.
  const floor = fields.has('umax') ? '0' : undefined;
  const least = integer(fields.get('smin') ?? fields.get('umin') ?? floor);
  const most = integer(fields.get('smax') ?? fields.get('umax'));
  const part = fixed === 0n ? '' : ` ${signed(`${fixed}`)}`;
  if (!variable) return part;
  const range =
    least === undefined || most === undefined || least <= -UNBOUNDED || most >= UNBOUNDED
      ? 'an unknown amount'
      : `${least} to ${most}`;
  return `${part} plus ${range}`;
}

function number(fields: State['fields']): string {
  const least = integer(fields.get('umin'));
  const most = integer(fields.get('umax'));
  const signedLeast = integer(fields.get('smin'));
  const signedMost = integer(fields.get('smax'));
  if (signedLeast !== undefined && signedMost !== undefined)
    return `a number from ${signedLeast} to ${signedMost}`;
  if (most !== undefined) return `a number from ${least ?? 0} to ${most}`;
  if (signedMost !== undefined) return `a number up to ${signedMost}, maybe negative`;
  if (signedLeast !== undefined) return `a number from ${signedLeast} on`;
  return 'any number';
}

/** As the log prints bounds: decimal or hexadecimal, the hexadecimal ones of 64 bits. */
function integer(text: string | undefined): bigint | undefined {
  if (text === undefined || !/^-?(0x[0-9a-f]+|\d+)$/.test(text)) return undefined;
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
}

const signed = (offset: string): string =>
  offset.startsWith('-') ? `minus ${offset.slice(1)}` : `plus ${offset}`;
