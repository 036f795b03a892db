// The way in: a program is a name, a type, and a function that says what it does.

import { compile } from '../compile/compile.ts';
import type { IsaLevel } from '../isa-level.ts';
import type { Program } from '../program.ts';
import { withRecipe } from '../recipe.ts';
import { Recorder } from './recorder.ts';
import { TcBuilder } from './tc.ts';
import { XdpBuilder } from './xdp.ts';

/**
 * Builds a program: records what `body` says, checks it, allocates registers and assembles. `body` is called again where
 * an older kernel needs the program in older instructions (`inIsa`).
 *
 * @throws BuildError naming the line of TypeScript, for whatever cannot be meant.
 * @example
 * const dropTelnet = program('sched_cls', 'drop_telnet', (p) => {
 *   const [eth, ip, tcp] = p.packet.read([ethhdr, iphdr, tcphdr], { orElse: () => p.next() });
 *   p.when(eth.type.eq(0x0800).and(ip.protocol.eq(6)).and(tcp.dest.eq(23)), () => p.drop());
 *   p.next();
 * });
 */
export function program<T extends keyof Builders>(
  type: T,
  name: string,
  body: (p: Builders[T]) => void,
  options: ProgramOptions = {},
): Program {
  const recorder = new Recorder();
  if (!Object.hasOwn(BUILDERS, type)) {
    throw new TypeError(`program ${name}: type '${type}': there is ${Object.keys(BUILDERS).join(' and ')}`);
  }
  const builder = BUILDERS[type](recorder);
  recorder.record(() => {
    body(builder);
    recorder.requireEnded(`program ${name}`);
    builder.finish();
  });
  const built = compile({ name, type, ...options }, recorder.finish(name));
  return withRecipe(built, (isa) => program(type, name, body, { ...options, isa }));
}

/** What the body of a program of each type is written with. */
export interface Builders {
  readonly sched_cls: TcBuilder;
  readonly xdp: XdpBuilder;
}

const BUILDERS: { readonly [T in keyof Builders]: (recorder: Recorder) => Builders[T] } = {
  sched_cls: (recorder) => new TcBuilder(recorder),
  xdp: (recorder) => new XdpBuilder(recorder),
};

export interface ProgramOptions {
  /** Declared to the kernel; GPL-compatible by default, since most helpers ask for it. */
  readonly license?: string;
  /** The newest instructions it may have, for older kernels: 1 to 4, see `IsaLevel`. 4 where left out. */
  readonly isa?: IsaLevel;
}
