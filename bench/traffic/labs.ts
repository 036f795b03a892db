// For every contestant two hosts with its router between them, and a server on the far one that a compiled tool plays.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Running } from '../../test/support/command.ts';
import type { Namespace } from '../../test/support/namespace.ts';
import { ROOT } from '../../test/support/root.ts';
import { CONTESTANTS, type Contestant, type ContestantName } from './contestants.ts';
import { Hosts } from './hosts.ts';

/** The client is the second of the insides. */
const MAPPINGS = 2;

/** Slots on the way out are what they are without XDP, and a connection goes both ways: bench/slots.ts has them. */
export const NAMES: readonly ContestantName[] = (Object.keys(CONTESTANTS) as ContestantName[]).filter(
  (name) => !(CONTESTANTS[name] as Contestant).slots,
);

export interface Lab {
  readonly client: Namespace;
  readonly server: Running;
}

/**
 * Compiles `bench/traffic/SOURCE.c`, lets it serve behind every contestant's router, and takes all away afterwards.
 *
 * @param serve how the server is called, as `tool` is
 */
export async function withLabs<T>(
  source: string,
  serve: (tool: string) => readonly string[],
  use: (labs: ReadonlyMap<ContestantName, Lab>, tool: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'tsnat-bench-'));
  const undo: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const tool = join(folder, source);
    execFileSync('clang', ['-O2', '-o', tool, join(ROOT, `bench/traffic/${source}.c`)]);
    const labs = new Map<ContestantName, Lab>();
    for (const name of NAMES) {
      const hosts = await Hosts.make();
      undo.unshift(() => hosts[Symbol.asyncDispose]());
      undo.unshift(await CONTESTANTS[name].setUp(hosts.router, MAPPINGS));
      const server = hosts.server.start(serve(tool));
      undo.unshift(() => server.process.kill());
      await server.says(/ready/);
      labs.set(name, { client: hosts.client, server });
    }
    return await use(labs, tool);
  } finally {
    for (const step of undo) await step();
  }
}
