// The compiler's intermediate form as text for people: `tsnat dump --stage`. Virtual registers are v0, v1, ..., after
// allocation with the machine register behind them (v7/r6); sizes are in bytes, widths in bits. Not read back by anything.

import { disassemble } from '../disassemble.ts';
import { helperName } from '../helper-names.ts';
import type { Item } from '../instruction.ts';
import type { SourceLocation } from '../program.ts';
import type { Site, SourceResolver } from '../source.ts';
import type { Allocated } from './allocate.ts';
import type { Arrangement } from './arrange.ts';
import {
  type Block,
  type Comparison,
  isConstant,
  isHelper,
  isMachine,
  machineNumber,
  type Operand,
  type Operation,
  type Procedure,
  type Terminator,
  type Vreg,
} from './ir.ts';

/** Turns what a site says into the lines that were written, where it can be found out. */
export type Resolve = SourceResolver | undefined;

const COMPARISONS: { readonly [C in Comparison]: string } = {
  eq: '==',
  ne: '!=',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
  slt: 's<',
  sle: 's<=',
  sgt: 's>',
  sge: 's>=',
  set: '&',
};

/** Below this, constants are decimal: lengths and offsets. From there on, addresses and masks. */
const HEX_FROM = 1024n;

/** A procedure at any stage; with an arrangement in its order, and with what was found to be the same. */
export function showProcedure(
  procedure: Procedure & Partial<Allocated>,
  resolve: Resolve,
  arrangement?: Arrangement,
): string {
  const names = blockNames(procedure.blocks);
  const nameOf = (block: Block): string =>
    names.get(arrangement?.insteadOf.get(block) ?? block) ?? block.name;
  const shower = new Shower(procedure, nameOf, resolve);
  const blocks = arrangement?.order ?? procedure.blocks;
  const lines = blocks.flatMap((block) => shower.block(block));
  const merged = [...(arrangement?.insteadOf ?? [])]
    .filter(([block]) => names.has(block))
    .map(([block, other]) => `; ${names.get(block)} is ${nameOf(other)}`);
  return `${[shower.head(blocks), ...lines, ...merged].join('\n')}\n`;
}

/** Instructions with their labels, before jumps are resolved. */
export function showItems(name: string, items: readonly Item[], resolve: Resolve): string {
  const labels = items.flatMap((item) => ('place' in item ? [item.place] : []));
  const names = unique(labels, ({ name }) => name);
  const lines = [`; ${name}: ${items.length - labels.length} instructions`];
  const source = sources(resolve);
  for (const item of items) {
    if ('place' in item) {
      lines.push(`${names.get(item.place)}:`);
      continue;
    }
    lines.push(...source(item.site));
    const target = item.target && { name: names.get(item.target) ?? item.target.name };
    lines.push(`  ${disassemble(target ? { ...item, target } : item)}`);
  }
  return `${lines.join('\n')}\n`;
}

class Shower {
  readonly #procedure: Procedure & Partial<Allocated>;
  readonly #nameOf: (block: Block) => string;
  readonly #source: (site: Site | undefined) => string[];

  constructor(procedure: Procedure & Partial<Allocated>, nameOf: (block: Block) => string, resolve: Resolve) {
    this.#procedure = procedure;
    this.#nameOf = nameOf;
    this.#source = sources(resolve);
  }

  head(blocks: readonly Block[]): string {
    const { name, parameters, frame } = this.#procedure;
    const operations = blocks.reduce((sum, block) => sum + block.operations.length, 0);
    const stack = frame ? `, ${frame} bytes of stack` : '';
    const given = parameters.map((parameter) => this.#register(parameter)).join(', ');
    return `; ${name}(${given}): ${blocks.length} blocks, ${operations} operations${stack}`;
  }

  block(block: Block): string[] {
    const lines = [`${this.#nameOf(block)}:${block.cold ? ' ; seldom' : ''}`];
    for (const operation of block.operations) {
      lines.push(...this.#source(operation.site), `  ${this.#operation(operation)}`);
    }
    const { terminator } = block;
    if (terminator) lines.push(...this.#source(terminator.site), `  ${this.#terminator(terminator)}`);
    return lines;
  }

  #operation(operation: Operation): string {
    if (operation.op === 'store' || operation.op === 'atomic_add') {
      const { op, size, base, offset, value } = operation;
      return `${op}${size} ${this.#address(base, offset)}, ${this.#operand(value)}`;
    }
    const { dst } = operation;
    const kind = isMachine(dst) ? undefined : this.#procedure.kinds[dst];
    const note = kind === undefined || kind === 'scalar' ? '' : ` ; ${kind}`;
    return `${this.#register(dst)} = ${this.#value(operation)}${note}`;
  }

  #value(operation: Exclude<Operation, { op: 'store' | 'atomic_add' }>): string {
    switch (operation.op) {
      case 'move':
        return this.#operand(operation.from);
      case 'binary': {
        const { operator, width, a, b } = operation;
        return `${operator}${width} ${this.#operand(a)}, ${this.#operand(b)}`;
      }
      case 'swap':
        return `swap${operation.bits} ${this.#register(operation.a)}`;
      case 'load':
        return `load${operation.size} ${this.#address(operation.base, operation.offset)}`;
      case 'frame': {
        const { slot } = operation;
        const at = this.#procedure.slots?.get(slot);
        return `stack ${slot.name}, ${slot.size} bytes${at === undefined ? '' : ` at r10 - ${-at}`}`;
      }
      case 'map': {
        const { map, valueOffset } = operation;
        return `map ${map.name}${valueOffset === undefined ? '' : `, value + ${valueOffset}`}`;
      }
      case 'call': {
        const { callee, args } = operation;
        const name = isHelper(callee) ? (helperName(callee.id) ?? callee.name) : callee.name;
        return `call ${name}(${args.map((arg) => this.#operand(arg)).join(', ')})`;
      }
    }
  }

  #terminator(terminator: Terminator): string {
    switch (terminator.end) {
      case 'jump':
        return `goto ${this.#nameOf(terminator.to)}`;
      case 'exit':
        return `exit ${this.#operand(terminator.value)}`;
      case 'branch': {
        const { comparison, width, a, b, whenTrue, whenFalse } = terminator;
        const condition = `${this.#operand(a)} ${COMPARISONS[comparison]} ${this.#operand(b)}`;
        return `if${width} ${condition} goto ${this.#nameOf(whenTrue)} else ${this.#nameOf(whenFalse)}`;
      }
    }
  }

  #address(base: Vreg, offset: number): string {
    const by = offset === 0 ? '' : ` ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`;
    return `[${this.#register(base)}${by}]`;
  }

  #operand(operand: Operand): string {
    if (!isConstant(operand)) return this.#register(operand);
    const magnitude = operand < 0n ? -operand : operand;
    if (magnitude < HEX_FROM) return `${operand}`;
    return `${operand < 0n ? '-' : ''}0x${magnitude.toString(16)}`;
  }

  #register(vreg: Vreg): string {
    if (isMachine(vreg)) return `r${machineNumber(vreg)}`;
    const given = this.#procedure.registers?.[vreg];
    return given === undefined ? `v${vreg}` : `v${vreg}/r${given}`;
  }
}

/** The source line above what it said, once for all that one line said. */
function sources(resolve: Resolve): (site: Site | undefined) => string[] {
  let previous = '';
  return (site) => {
    const location = site?.location;
    const line = location === undefined ? '' : sourceLine(resolve?.(location) ?? location);
    if (line === '' || line === previous) return [];
    previous = line;
    return [`  ; ${line}`];
  };
}

function sourceLine({ file, line, text }: SourceLocation): string {
  const short = /(?:^|\/)((?:src|dist)\/.*)$/.exec(file)?.[1] ?? file;
  return `${short}:${line}${text?.trim() ? `: ${text.trim()}` : ''}`;
}

const blockNames = (blocks: readonly Block[]): Map<Block, string> => unique(blocks, ({ name }) => name);

/** Names made different where several have one: `then`, `then.2`, `then.3`. */
function unique<T>(all: readonly T[], nameOf: (one: T) => string): Map<T, string> {
  const counts = new Map<string, number>();
  const names = new Map<T, string>();
  for (const one of all) {
    if (names.has(one)) continue;
    const name = nameOf(one).replaceAll(' ', '_');
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    names.set(one, count === 1 ? name : `${name}.${count}`);
  }
  return names;
}
