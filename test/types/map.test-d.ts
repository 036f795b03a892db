// The layouts of a map's key and value flow into look-ups, updates, the interpreter's map and the kernel's.

import { expectError, expectType } from 'tsd';
import {
  type ArrayView,
  array,
  be16,
  be32,
  type Condition,
  defineGlobal,
  defineMap,
  defineMapOfMaps,
  defineRingBuffer,
  type Entry,
  type InnerMap,
  type MapDefinition,
  type Place,
  type ScalarType,
  struct,
  type TcBuilder,
  u32,
  u64,
  type Value,
  type ValueOf,
} from 'tsnat/asm';
import { BpfMap } from 'tsnat/loader';
import { TypedMap, type VmMap } from 'tsnat/vm';

declare const p: TcBuilder;
const record = struct('record', { address: be32, port: be16, pad: be16, packets: u64 });
const pair = struct('pair', { a: be32, b: u32 });
const byAddress = defineMap({ name: 'by_address', type: 'hash', key: be32, value: record, maxEntries: 1 });
const byPair = defineMap({ name: 'by_pair', type: 'lru_hash', key: pair, value: u64, maxEntries: 1 });
const outer = defineMapOfMaps({
  name: 'outer',
  type: 'hash_of_maps',
  key: u32,
  inner: byAddress,
  maxEntries: 1,
});
const events = defineRingBuffer({ name: 'events', event: pair, size: 4096 });
const settings = defineGlobal({ name: 'settings', value: struct('settings', { limits: array(u32, 4) }) });
const { view: v } = p.stack(struct('values', { host: u32, net: be32, short: be16 }));

expectType<MapDefinition<ScalarType<'be32'>, typeof record>>(byAddress);

// Look-ups.
const found = p.lookup(byAddress, v.net, { orElse: () => p.drop() });
expectType<Place<'be32'>>(found.address);
expectType<Place<'be16'>>(found.port);
expectType<Place<'u64'>>(found.packets);
const asked = p.lookup(byPair, { a: v.net, b: v.host });
expectType<Entry<Place<'u64'>>>(asked);
expectType<Condition>(asked.exists());
expectType<Place<'u64'>>(asked.value);
expectError(p.lookup(byAddress, v.host));
expectError(p.lookup(byAddress, v.short));
expectError(p.lookup(byPair, 1));
expectError(p.lookup(byPair, { a: v.net }));
expectError(p.lookup(byPair, { a: v.host, b: 2 }));
expectError(p.lookup(byAddress, v.net).address);
expectError(found.nothing);
expectError(found.address.set(v.host));

// Updates and removals.
expectType<Value<'u64'>>(p.update(byPair, { a: 1, b: v.host }, 1, 'noexist'));
expectType<Value<'u64'>>(p.remove(byAddress, v.net));
expectError(p.update(byAddress, v.net, 1));
expectError(p.update(byPair, { a: 1, b: 2 }, v.net));
expectError(p.update(byPair, { a: 1, b: 2 }, 1, 'sometimes'));
expectError(p.remove(byAddress, v.host));

// Maps of maps, ring buffers, global data.
const inner = p.lookupMap(outer, 1);
expectType<Entry<InnerMap<ScalarType<'be32'>, typeof record>>>(inner);
expectType<Place<'u64'>>(p.lookup(inner.value, v.net, { orElse: () => p.drop() }).packets);
expectError(p.lookup(inner.value, v.host));
expectError(p.lookupMap(byAddress, 1));
expectType<Value<'u64'>>(p.output(events, { a: v.net, b: v.host }));
expectError(p.output(events, { a: v.host, b: v.host }));
expectError(p.output(byPair, { a: 1, b: 1 }));
expectType<ArrayView<Place<'u32'>>>(p.data(settings).limits);

// What user space sees of them: numbers, bigints above 32 bits.
type Record = { address: number; port: number; pad: number; packets: bigint };
expectType<Record>({} as ValueOf<typeof record>);
const inKernel = BpfMap.create(byAddress);
expectType<Record | undefined>(inKernel.get(1));
expectError(inKernel.get(1n));
expectError(inKernel.set(1, 2));
expectError(inKernel.set(1, { address: 1, port: 2, pad: 0, packets: 3 }));
const inInterpreter = new TypedMap({} as VmMap, byPair);
expectType<bigint | undefined>(inInterpreter.get({ a: 1, b: 2 }));
expectError(inInterpreter.get(1));
expectError(inInterpreter.set({ a: 1, b: 2 }, 3));
