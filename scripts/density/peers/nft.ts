// The peer that is a map: an element in each of two nft maps binds a slot at the gateway. It is changed by `nft -f` in a
// process, and by libnftables in this one.

import { createRequire } from 'node:module';
import { withNetns } from '../../../src/loader/index.ts';
import { UPLINK } from '../world.ts';
import { type Pair, transitOf } from './classic.ts';
import { must } from './run.ts';

const TABLE = 'density';

const SKELETON = `table ip ${TABLE} {
  map outside { type ipv4_addr : ipv4_addr; }
  map inside { type ipv4_addr : ipv4_addr; }
  chain post { type nat hook postrouting priority 100; oifname "${UPLINK}" snat to ip saddr map @outside; }
  chain pre { type nat hook prerouting priority -100; iifname "${UPLINK}" dnat to ip daddr map @inside; }
}
`;

/** Adds the elements of these slots, in one transaction. */
export function elements(pairs: readonly Pair[]): string {
  const list = (of: (pair: Pair) => string): string => pairs.map(of).join(', ');
  return `add element ip ${TABLE} outside { ${list(([slot, out]) => `${transitOf(slot)} : ${out}`)} }
add element ip ${TABLE} inside { ${list(([slot, out]) => `${out} : ${transitOf(slot)}`)} }
`;
}

export const makeMaps = (gateway: string): void => void must(gateway, 'nft', ['-f', '-'], SKELETON);
export const dropMaps = (gateway: string): void =>
  void must(gateway, 'nft', ['delete', 'table', 'ip', TABLE]);
/** Takes all elements away. */
export const FLUSH: string = `flush map ip ${TABLE} outside\nflush map ip ${TABLE} inside\n`;
export const nftFile = (gateway: string, commands: string): void =>
  void must(gateway, 'nft', ['-f', '-'], commands);

/**
 * libnftables in this process, through the same FFI as the loader; its socket belongs to the namespace. It waits for that by
 * select(2), which ends the process where the descriptor is 1,024 or more: so it is made before thousands of others are.
 */
export class LibNftables implements Disposable {
  readonly #run: (commands: string) => void;
  readonly #free: () => void;

  /** @throws Error where the library is not there */
  constructor(netns: string) {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const library = koffi.load('libnftables.so.1');
    const make = library.func('void *nft_ctx_new(uint flags)');
    const bufferErrors = library.func('int nft_ctx_buffer_error(void *context)');
    const errors = library.func('str nft_ctx_get_error_buffer(void *context)');
    const run = library.func('int nft_run_cmd_from_buffer(void *context, str commands)');
    const free = library.func('void nft_ctx_free(void *context)');
    const context: unknown = withNetns(netns, () => make(0));
    bufferErrors(context);
    this.#run = (commands) => {
      if (run(context, commands) !== 0) throw new Error(`libnftables: ${errors(context)}`);
    };
    this.#free = () => free(context);
  }

  run(commands: string): void {
    this.#run(commands);
  }

  [Symbol.dispose](): void {
    this.#free();
  }
}
