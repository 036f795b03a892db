// Struct fields: each view has the fields of its layout, at every depth, with the kind that was declared.

import { expectAssignable, expectError, expectNotAssignable, expectType } from 'tsd';
import {
  type ArrayView,
  array,
  type BytesPlace,
  be16,
  be32,
  bytes,
  decode,
  encode,
  type InputOf,
  type Place,
  struct,
  type TcBuilder,
  u8,
  u32,
  u64,
  type ValueOf,
  type XdpBuilder,
} from 'tsnat/asm';

declare const tc: TcBuilder;
declare const xdp: XdpBuilder;
const ethhdr = struct('ethhdr', { dest: bytes(6), source: bytes(6), proto: be16 });
const iphdr = struct('iphdr', { version: u8, ttl: u8, saddr: be32 });
const nested = struct('nested', { eth: ethhdr, slots: array(struct('slot', { key: be32, count: u64 }), 4) });

// Headers of a packet come as a tuple, in order.
const [eth, ip] = tc.packet.read([ethhdr, iphdr], { orElse: () => tc.drop() });
expectType<Place<'be16'>>(eth.proto);
expectType<BytesPlace>(eth.source);
expectType<Place<'be32'>>(ip.saddr);
expectError(eth.saddr);
expectError(ip.proto);
expectError(tc.packet.read([ethhdr]));
expectError(tc.packet.read([u32], { orElse: () => tc.drop() }));
expectError(tc.packet.read([ethhdr], { at: ip.ttl, orElse: () => tc.drop() }));
expectError(tc.packet.read([ethhdr], { at: ip.saddr, atMost: 64, orElse: () => tc.drop() }));
const [same] = xdp.packet.read([ethhdr], { orElse: () => xdp.drop() });
expectType<Place<'be16'>>(same.proto);

// Structs in structs, arrays of structs.
const { view } = tc.stack(nested);
expectType<Place<'be16'>>(view.eth.proto);
expectType<Place<'be32'>>(view.slots.at(1).key);
expectType<Place<'u64'>>(view.slots.at(0).count);
expectType<Place<'u32'>>(tc.stack(struct('x', { a: array(u32, 2) })).view.a.at(0));
expectAssignable<ArrayView<unknown>>(view.slots);
expectError(view.slots.at('first'));
expectError(view.slots.key);
expectError(view.eth.dest.set(5));
expectType<void>(view.eth.dest.set(new Uint8Array(6)));

// What fills one, and its JavaScript value.
expectAssignable<InputOf<typeof iphdr>>({ version: 4, ttl: ip.ttl, saddr: ip.saddr });
expectNotAssignable<InputOf<typeof iphdr>>({ version: 4, ttl: ip.ttl });
expectNotAssignable<InputOf<typeof iphdr>>({ version: 4, ttl: ip.saddr, saddr: ip.saddr });
type Header = { version: number; ttl: number; saddr: number };
expectType<Header>(decode(iphdr, new Uint8Array(6)));
expectType<Uint8Array>(encode(iphdr, { version: 4, ttl: 64, saddr: 1 }));
expectError(encode(iphdr, { version: 4, ttl: 64 }));
expectError(encode(iphdr, { version: 4, ttl: 64, saddr: 1n }));
expectType<{ key: number; count: bigint }[]>({} as ValueOf<typeof nested>['slots']);
expectType<number>(iphdr.offsets.saddr);
expectError(iphdr.offsets.daddr);
