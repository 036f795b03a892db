import test from 'ava';
import fc from 'fast-check';
import { LoaderError } from '../../../src/loader/index.ts';
import { decodeAddress } from '../../../src/loader/netlink/address.ts';
import {
  AttributeSet,
  decodeAttributes,
  encodeAttributes,
  nested,
  string,
  u32,
} from '../../../src/loader/netlink/attribute.ts';
import { decodeFilter } from '../../../src/loader/netlink/filter.ts';
import { decodeInterface } from '../../../src/loader/netlink/link.ts';
import { decodeMessages, encodeMessage } from '../../../src/loader/netlink/message.ts';
import { Reply } from '../../../src/loader/netlink/reply.ts';

const attribute = fc.record({
  type: fc.integer({ min: 0, max: 0x3fff }),
  value: fc.uint8Array({ maxLength: 40 }),
});
const message = fc.record({
  type: fc.integer({ min: 0, max: 0xffff }),
  flags: fc.integer({ min: 0, max: 0xffff }),
  sequence: fc.integer({ min: 0, max: 0xffff_ffff }),
  port: fc.integer({ min: 0, max: 0xffff_ffff }),
  payload: fc.uint8Array({ maxLength: 60 }),
});

test('attributes survive a round trip', (t) => {
  fc.assert(
    fc.property(fc.array(attribute), (attributes) => {
      t.deepEqual(decodeAttributes(encodeAttributes(attributes)), attributes);
    }),
  );
});

test('messages survive a round trip, several in one datagram', (t) => {
  fc.assert(
    fc.property(fc.array(message), (messages) => {
      t.deepEqual(decodeMessages(Buffer.concat(messages.map(encodeMessage))), messages);
    }),
  );
});

test('bytes as the kernel lays them out', (t) => {
  t.deepEqual(
    encodeAttributes([nested(18, [{ type: 1, value: string('veth') }]), { type: 4, value: u32(1500) }]),
    // biome-ignore format: one attribute a line
    Uint8Array.of(
      16, 0, 18, 0x80,
      9, 0, 1, 0, 0x76, 0x65, 0x74, 0x68, 0, 0, 0, 0,
      8, 0, 4, 0, 0xdc, 5, 0, 0,
    ),
  );
  t.throws(() => encodeAttributes([{ type: 1, value: new Uint8Array(65_536) }]), { instanceOf: RangeError });
});

test('replies that are cut short or lie give a typed error or nothing, never more than is there', (t) => {
  const readers: ((data: Uint8Array) => unknown)[] = [
    decodeAttributes,
    decodeMessages,
    (data) => decodeInterface({ payload: data }),
    (data) => decodeAddress({ payload: data }),
    (data) => decodeFilter(data, 'ingress'),
    (data) => AttributeSet.decode(data).u32(4),
  ];
  for (const read of readers) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (data) => {
        try {
          read(data);
        } catch (error) {
          t.true(error instanceof LoaderError && error.code === 'ENETLINK', String(error));
        }
      }),
      { numRuns: 2000 },
    );
  }
});

test('every cut of a good reply is a typed error or leaves the answer incomplete', (t) => {
  const ack = encodeMessage({ type: 2, flags: 0x100, sequence: 7, port: 9, payload: new Uint8Array(20) });
  const whole = new Reply(7, 9);
  whole.feed(ack);
  t.deepEqual(whole.verdict, { result: 0, text: undefined });
  for (let size = 0; size < ack.length; size++) {
    const reply = new Reply(7, 9);
    if (size === 0) reply.feed(ack.subarray(0, 0));
    else t.throws(() => reply.feed(ack.subarray(0, size)), { instanceOf: LoaderError, code: 'ENETLINK' });
    t.is(reply.verdict, undefined);
  }
});

test('no cut of a message is taken for a whole one', (t) => {
  fc.assert(
    fc.property(message, fc.nat(), (whole, at) => {
      const bytes = encodeMessage({ ...whole, payload: new Uint8Array([...whole.payload, 1]) });
      const end = 16 + whole.payload.length + 1;
      const cut = bytes.subarray(0, 1 + (at % (end - 1)));
      t.throws(() => decodeMessages(cut), { instanceOf: LoaderError, code: 'ENETLINK' });
    }),
  );
});

test('a reply collects its own messages until the end, and notices an interrupted dump', (t) => {
  const [MULTI, INTR, DONE] = [2, 0x10, 3];
  const reply = new Reply(7, 9);
  const part = (sequence: number, type: number, flags: number, payload: number[]) =>
    encodeMessage({ type, flags, sequence, port: 9, payload: Uint8Array.from(payload) });
  reply.feed(Buffer.concat([part(7, 16, MULTI, [1]), part(6, 16, MULTI, [2])]));
  t.is(reply.verdict, undefined);
  reply.feed(
    Buffer.concat([part(7, 16, MULTI | INTR, [3]), part(7, DONE, MULTI, [0, 0, 0, 0]), part(7, 16, 0, [4])]),
  );
  t.deepEqual(
    reply.messages.map(({ payload }) => [...payload]),
    [[1], [3]],
  );
  t.deepEqual(reply.verdict, { result: 0, text: undefined });
  t.true(reply.interrupted);
});
