// tsnat run: a program of an object file, on packets, in the interpreter. Pure: no privilege, no kernel.

import { readFileSync } from 'node:fs';
import { type ElfObject, withSources } from '../../asm/index.ts';
import { resolveSource } from '../../loader/source-map.ts';
import { Coverage, formatStep, interpretObject, type RunResult, type VmMap } from '../../vm/index.ts';
import { FileError, writeWhole } from '../file.ts';
import type { Input } from '../input.ts';
import { ObjectFileError, readObject, symbolsOf } from '../object-file.ts';
import type { Output } from '../output.ts';
import { print, STDERR } from '../print.ts';
import { counted } from '../table.ts';
import { UsageError } from '../usage-error.ts';

/** A packet where none is given: the shortest Ethernet frame, without its check sequence and four bytes more. */
const EMPTY = new Uint8Array(64);
/** An array of more entries is not listed: nearly all of them are zero. */
const MOST_ENTRIES = 4096;

export async function run(input: Input, output: Output): Promise<void> {
  const path = input.required('FILE');
  const given = input.texts('packet').map(packetOf);
  const whole = readObject(path);
  const symbol = chosen(whole, path, input.text('only'));
  // Lines of what was compiled from TypeScript are those of the source.
  const object: ElfObject = {
    ...whole,
    programs: whole.programs.map((program) => ({ ...program, ...sourced(program) })),
  };
  const coverage = new Coverage();
  const limit = input.count('limit');
  const interpreter = interpretObject(object, {
    ...(limit !== undefined && { instructionLimit: limit }),
    watch: [
      ...(input.text('lcov') === undefined ? [] : [coverage.watch]),
      ...(input.flag('trace')
        ? [(step: Parameters<typeof formatStep>[0]) => print(STDERR, `${formatStep(step)}\n`)]
        : []),
    ],
  });
  const vm = interpreter.vm(symbol);
  const packets = given.length > 0 ? given : [EMPTY];
  const results: RunResult[] = [];
  const lcov = input.text('lcov');
  try {
    for (const packet of packets) results.push(vm.run({ packet }));
  } finally {
    if (lcov !== undefined) writeWhole(lcov, coverage.lcov(symbol));
  }
  output.result(
    {
      program: symbol,
      type: vm.program.type,
      results: results.map(resultJson),
      maps: Object.fromEntries(Object.entries(interpreter.maps).map(([name, map]) => [name, entriesOf(map)])),
    },
    () => results.map((result, i) => resultText(result, vm.program.type, packets[i]!)).join(''),
  );
}

function sourced(program: ElfObject['programs'][number]) {
  const { locations } = withSources(program, resolveSource);
  return { locations };
}

function chosen(object: ElfObject, path: string, only: string | undefined): string {
  const [first, ...others] = object.programs;
  if (only !== undefined) {
    if (object.programs.some(({ symbol }) => symbol === only)) return only;
    throw new ObjectFileError(path, 'no_program', `it has no program '${only}', but ${symbolsOf(object)}`);
  }
  if (others.length === 0) return first!.symbol;
  throw new UsageError(`run: '${path}' has ${symbolsOf(object)}: say which with --only`);
}

function packetOf(text: string): Uint8Array {
  if (text.startsWith('@')) {
    const path = text.slice(1);
    try {
      return new Uint8Array(readFileSync(path));
    } catch (error) {
      throw new FileError('read', path, error);
    }
  }
  const digits = text.replace(/[\s:.]/g, '');
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(digits)) {
    throw new UsageError(`run: --packet '${text}': pairs of hexadecimal digits are needed, or @PATH`);
  }
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/** Kernel's TC_ACT_* (include/uapi/linux/pkt_cls.h) and XDP_* (include/uapi/linux/bpf.h), in their order. */
const VERDICTS: { readonly [type: string]: readonly string[] } = {
  sched_cls: ['ok', 'reclassify', 'shot', 'pipe', 'stolen', 'queued', 'repeat', 'redirect', 'trap'],
  xdp: ['aborted', 'drop', 'pass', 'tx', 'redirect'],
};
const UNSPECIFIED = 0xffff_ffff;

function resultText(result: RunResult, type: string, before: Uint8Array): string {
  const { returnValue, packet, instructions, redirect, trace } = result;
  const verdict =
    type === 'sched_cls' && returnValue === UNSPECIFIED ? 'unspec' : VERDICTS[type]?.[returnValue];
  const changed = hex(packet) !== hex(before);
  return [
    `returned ${returnValue}${verdict ? ` (${verdict})` : ''} after ${counted(instructions, 'instruction')}`,
    ...(redirect ? [`  redirect: ${redirectText(redirect)}`] : []),
    ...(changed ? [`  packet: ${hex(packet)}`] : []),
    ...trace.map((line) => `  printed: ${line.trimEnd()}`),
    '',
  ].join('\n');
}

function redirectText({ helper, ifindex, map, key }: NonNullable<RunResult['redirect']>): string {
  if (map !== undefined) return `${helper} by map ${map.spec.name}, entry ${key}`;
  return `${helper} to interface ${ifindex}`;
}

function resultJson({ returnValue, r0, packet, instructions, redirect, trace }: RunResult): unknown {
  return {
    ...{ returnValue, r0: `0x${r0.toString(16)}`, packet: hex(packet), instructions },
    ...(redirect && {
      redirect: {
        helper: redirect.helper,
        ...(redirect.ifindex !== undefined && { ifindex: redirect.ifindex }),
        ...(redirect.map && { map: redirect.map.spec.name, key: redirect.key }),
      },
    }),
    trace,
  };
}

/** Keys and values as hex; nothing of maps that cannot be listed. */
function entriesOf(map: VmMap): unknown {
  if (map.spec.maxEntries > MOST_ENTRIES && map.spec.type.includes('array')) return undefined;
  try {
    return map.entries().map(([key, value]) => ({ key: hex(key), value: hex(value) }));
  } catch {
    return undefined;
  }
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
