// Runs of ports as prefixes: what a longest-prefix match can hold are parts that begin at a multiple of their size, a
// power of two. 1000 to 2047 are three of them, from 1000, 1008 and 1024; no run takes more than 30.

/** A run of 2^bits ports. */
export interface PortPart {
  readonly first: number;
  readonly bits: number;
}

const PORT_BITS = 16;

/** The fewest parts of the ports from `first` on, in order. */
export function portParts(first: number, count: number): PortPart[] {
  const parts: PortPart[] = [];
  const end = first + count;
  for (let port = first; port < end; ) {
    const part = { first: port, bits: Math.min(alignmentOf(port), 31 - Math.clz32(end - port)) };
    parts.push(part);
    port += 1 << part.bits;
  }
  return parts;
}

const alignmentOf = (port: number): number => (port === 0 ? PORT_BITS : 31 - Math.clz32(port & -port));
