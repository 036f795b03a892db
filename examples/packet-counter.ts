// Not NAT: counts packets and bytes by EtherType, and tells user space of each EtherType when it is first seen.
// Written against the public API alone. Attach it with the loader, or any loader that takes an object:
//   node examples/packet-counter.js eth0
//   node examples/packet-counter.js > counter.o && tc filter add dev eth0 ingress bpf da obj counter.o sec tc

import {
  be16,
  bytes,
  defineMap,
  defineRingBuffer,
  formatElf,
  type MapDefinition,
  type Program,
  program,
  type RingBuffer,
  type ScalarType,
  type StructType,
  struct,
  u16,
  u32,
  u64,
  type ValueOf,
} from 'tsnat/asm';
import { attach, detach, loadCollection, type NetnsRef } from 'tsnat/loader';

const ethhdr = struct('ethhdr', { dest: bytes(6), source: bytes(6), proto: be16 });

type Count = StructType<{ packets: ScalarType<'u64'>; bytes: ScalarType<'u64'> }>;
const count: Count = struct('count', { packets: u64, bytes: u64 });

/** What has passed of each EtherType. */
export const counts: MapDefinition<ScalarType<'be16'>, Count> = defineMap({
  name: 'counts',
  type: 'hash',
  key: be16,
  value: count,
  maxEntries: 1024,
});

type FirstSeen = StructType<{ proto: ScalarType<'be16'>; pad: ScalarType<'u16'>; length: ScalarType<'u32'> }>;
/** One event for each EtherType, with the length of the packet that was the first. */
export const firstSeen: RingBuffer<FirstSeen> = defineRingBuffer({
  name: 'first_seen',
  event: struct('first_seen', { proto: be16, pad: u16, length: u32 }),
  size: 4096,
});

export const packetCounter: Program = program('sched_cls', 'packet_counter', (p) => {
  const [eth] = p.packet.read([ethhdr], { orElse: () => p.next() });
  const proto = eth.proto.get();
  const length = p.skb.len.get();
  const known = p.lookup(counts, proto);
  p.when(known.exists(), () => {
    known.value.packets.increase(1);
    known.value.bytes.increase(length);
    p.next();
  });
  // Two CPUs may both see it as the first: the one that is late finds the entry there and says nothing.
  const added = p.update(counts, proto, { packets: 1, bytes: length }, 'noexist');
  p.when(added.eq(0), () => {
    p.output(firstSeen, { proto, pad: 0, length });
  });
  p.next();
});

/** Attaches it, and hands on each EtherType when it is first seen, until `say` returns false; then the counts. */
export async function watch(
  target: { readonly interface: string; readonly netns?: NetnsRef },
  say: (event: ValueOf<FirstSeen>) => boolean,
): Promise<Map<number, ValueOf<Count>>> {
  using loaded = loadCollection({ maps: { counts, firstSeen }, programs: { packetCounter } });
  await using events = loaded.maps.firstSeen.reader();
  const attachment = attach({ ...target, hook: 'auto', program: loaded.programs.packetCounter });
  try {
    for await (const event of events) if (!say(event)) break;
    return new Map(loaded.maps.counts);
  } finally {
    detach(attachment);
  }
}

const [, script, name] = process.argv;
if (script?.endsWith('packet-counter.js')) {
  if (name === undefined) process.stdout.write(formatElf(packetCounter));
  else {
    await watch({ interface: name }, ({ proto, length }) => {
      console.log(`0x${proto.toString(16).padStart(4, '0')}, first in a packet of ${length} bytes`);
      return true;
    });
  }
}
