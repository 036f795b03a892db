// The way in: a program is a name, a type, and a function that says what it does.

import { compile } from '../compile/compile.ts';
import type { Program } from '../program.ts';
import { Builder } from './builder.ts';
import { Recorder } from './recorder.ts';

/**
 * Builds a program: records what `body` says, checks it, allocates registers and assembles.
 *
 * @throws BuildError naming the line of TypeScript, for whatever cannot be meant.
 * @example
 * const dropTelnet = program('sched_cls', 'drop_telnet', (p) => {
 *   const [eth, ip, tcp] = p.packet.read([ethhdr, iphdr, tcphdr], { orElse: () => p.next() });
 *   p.when(eth.type.eq(0x0800).and(ip.protocol.eq(6)).and(tcp.dest.eq(23)), () => p.drop());
 *   p.next();
 * });
 */
export function program(
  type: 'sched_cls' | 'xdp',
  name: string,
  body: (p: Builder) => void,
  options: { license?: string } = {},
): Program {
  const recorder = new Recorder();
  const builder = new Builder(recorder);
  body(builder);
  recorder.requireEnded(name);
  builder.finish();
  return compile(recorder.finish(name, type, options.license));
}
