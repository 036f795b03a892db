// Takes down what a program says, in order, into basic blocks. Knows nothing of types, packets or maps:
// those are the vocabulary on top (expression, view, packet, builder).

import {
  type Block,
  type Operation,
  type Procedure,
  reachable,
  type Terminator,
  type Vreg,
  type VregKind,
} from '../compile/ir.ts';
import { NONE } from '../compile/table.ts';
import { BuildError, captureCall, captureSite, complaintSite, type Door, type Site } from '../source.ts';

/** The present packet bounds, as long as no helper has moved the packet. */
export interface PacketBounds {
  readonly data: Vreg;
  readonly end: Vreg;
  /** Bytes from the start that were seen to lie before the end. */
  readonly extent: number;
  /** Other places that were seen to lie before the end. */
  readonly located: readonly Located[];
}

/** An address in the packet that was found by an offset. */
export interface Located {
  readonly base: Vreg;
  /** Bytes from there that were seen to lie before the end. */
  readonly size: number;
  /** Finds the address again where the packet has moved. */
  readonly locate: () => void;
}

const USUAL = {};
/** Whose body is being run. */
let active: Recorder | undefined;

export class Recorder {
  /** What is known of the packet at this point of the recording. */
  bounds: PacketBounds | undefined;
  /** How often the packet may have moved so far, in the order of the recording. */
  moves = 0;

  #order = 0;
  readonly #kinds: VregKind[];
  readonly #parameters: readonly Vreg[];
  readonly #entry: Block;
  #current: Block | undefined;
  #endedAt: Site | undefined;
  /** Of the statement being recorded. */
  #site: Site | undefined;

  /** Starts a function with parameters in the first virtual registers: by default a program's, the context. */
  constructor(kind: VregKind = 'context', parameters = 1) {
    this.#parameters = Array.from({ length: parameters }, (_, i) => i);
    this.#kinds = Array.from({ length: parameters }, () => kind);
    this.#entry = this.block('entry');
    this.#current = this.#entry;
  }

  /** Whether the present path goes on: false behind an exit. */
  get open(): boolean {
    return this.#current !== undefined;
  }

  vreg(kind: VregKind = 'scalar'): Vreg {
    return this.#kinds.push(kind) - 1;
  }

  block(name: string, is: { cold?: boolean; condition?: boolean } = USUAL): Block {
    const { cold = false, condition = false } = is;
    return {
      name,
      order: this.#order++,
      cold,
      condition,
      operations: [],
      terminator: undefined,
      number: NONE,
    };
  }

  /** Where what is recorded now comes from: the line of the present statement. */
  get here(): Site {
    return this.#site ?? captureSite();
  }

  /** Where a statement comes from that is one call of the method `door`: from the line that called it. */
  called(door: Door): Site {
    return this.#site ?? captureCall(door);
  }

  /** What `say` records all comes from one line: the one that called `door`, the method whose statement this is. */
  statement<T>(door: Door, say: (site: Site) => T): T {
    if (this.#site) return say(this.#site);
    const site = captureCall(door);
    this.#site = site;
    try {
      return say(site);
    } finally {
      this.#site = undefined;
    }
  }

  /** What `say` records belongs to a statement of before, made at `site`. */
  resume<T>(site: Site, say: (site: Site) => T): T {
    const outer = this.#site;
    this.#site = site;
    try {
      return say(site);
    } finally {
      this.#site = outer;
    }
  }

  /** What a body records comes from its own lines, though a statement calls it. */
  foreign(body: () => void): void {
    const site = this.#site;
    this.#site = undefined;
    try {
      body();
    } finally {
      this.#site = site;
    }
  }

  /** Runs a body that is recorded here, and nowhere else. */
  record<T>(body: () => T): T {
    const outer = active;
    active = this;
    try {
      return body();
    } finally {
      active = outer;
    }
  }

  /** @throws BuildError for what belongs to another program or subprogram than the one being recorded */
  requireActive(): void {
    if (active === undefined || active === this) return;
    const message =
      'a value of another program or subprogram: only arguments, maps and global data get from one to the other';
    throw new BuildError('FOREIGN', message, complaintSite());
  }

  emit(operation: Operation): void {
    this.requireActive();
    this.#requireOpen(operation.site).operations.push(operation);
  }

  /** Ends the present block. What comes next must `enter` another one. */
  end(terminator: Terminator): void {
    this.requireActive();
    this.#requireOpen(terminator.site).terminator = terminator;
    this.#current = undefined;
    this.#endedAt = terminator.site;
  }

  /** Ends the present block with a jump. */
  jump(to: Block): void {
    this.end({ end: 'jump', to, site: this.here });
  }

  enter(block: Block): void {
    this.#current = block;
  }

  /** @throws BuildError when the present path could still go on. */
  requireEnded(what: string): void {
    if (!this.#current) return;
    throw new BuildError('MISSING_RETURN', `${what}: a path ends without a return value`, complaintSite());
  }

  finish(name: string): Procedure {
    const parameters = this.#parameters;
    return { name, parameters, entry: this.#entry, blocks: reachable(this.#entry), kinds: this.#kinds };
  }

  #requireOpen(site: Site): Block {
    if (this.#current) return this.#current;
    const where = this.#endedAt?.location;
    throw new BuildError(
      'UNREACHABLE',
      `this is never reached: the path has ended${where ? ` at line ${where.line}` : ''}`,
      site,
    );
  }
}
