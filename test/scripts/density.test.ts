// The parts of `npm run density` that run without a network: whose packet is right, and what is due when.

import test from 'ava';
import { Ledger } from '../../scripts/density/engine/ledger.ts';
import { KINDS, PACKET_SIZE, Packet } from '../../scripts/density/engine/packet.ts';
import { sampleOf } from '../../scripts/density/measure/sample.ts';
import { readOptions } from '../../scripts/density/options.ts';
import { duration } from '../../scripts/density/report/plots.ts';

const [A, B] = [0xc612_0001, 0xc612_0002];

/** Gives a slot an address. @returns the epochs before, during and after the change */
function give(ledger: Ledger, slot: number, address: number): [number, number, number] {
  const before = ledger.now();
  let during = 0;
  ledger.change([[slot, address]], () => {
    during = ledger.now();
  });
  return [before, during, ledger.now()];
}

test('an address is right for whom it is bound to, from the beginning of that change to the end of the next', (t) => {
  const ledger = new Ledger(3);
  const [before, first, bound] = give(ledger, 0, A);
  t.is(ledger.check(0, A, before, before), 'wrong', 'before');
  t.is(ledger.check(0, A, before, first), 'right', 'received while it was being bound');
  t.is(ledger.check(0, A, bound, bound), 'right');
  t.is(ledger.check(1, A, bound, bound), 'wrong', "another's");
  t.is(ledger.check(0, B, bound, bound), 'wrong', 'another address');
  const [, second, rebound] = give(ledger, 0, B);
  t.is(ledger.check(0, A, bound, rebound), 'right', 'sent before');
  t.is(ledger.check(0, A, second, second), 'right', 'sent meanwhile');
  t.is(ledger.check(0, B, second, second), 'right', 'sent meanwhile, and translated late');
  t.is(ledger.check(0, A, rebound, rebound), 'wrong', 'sent afterwards');
  t.is(ledger.check(0, B, bound, bound), 'wrong', 'received before');
  t.is(ledger.check(0, B, rebound, rebound), 'right');
  const [, , released] = give(ledger, 0, 0);
  t.is(ledger.addressOf(0), 0);
  t.is(ledger.check(0, B, released, released), 'wrong', 'released');
  const [, , other] = give(ledger, 1, B);
  t.is(ledger.check(0, B, rebound, other), 'right', 'a long way');
  t.is(ledger.check(0, B, other, other), 'wrong');
  t.deepEqual(ledger.holders(B, other, other), [1]);
  t.is(ledger.check(7, B, other, other), 'wrong', 'no slot of ours');
});

test('what is further back than the ledger remembers is not judged', (t) => {
  const ledger = new Ledger(1);
  const [, , bound] = give(ledger, 0, A);
  for (let turn = 0; turn < 100; turn++) give(ledger, 0, B + turn);
  t.is(ledger.check(0, A, bound, ledger.now()), 'unknown');
  t.is(ledger.check(0, A, ledger.now(), ledger.now()), 'wrong', 'that is near enough');
});

test('another thread sees the same ledger', (t) => {
  const ledger = new Ledger(2);
  const other = new Ledger(2, ledger.memory);
  const [, , bound] = give(ledger, 1, A);
  t.is(other.now(), bound);
  t.is(other.check(1, A, bound, bound), 'right');
  other.count('wrongIn', 3);
  t.is(ledger.tallies.wrongIn, 3);
});

test('packets say whose they are, and others are not taken for them', (t) => {
  const packet = new Packet().write(KINDS.request, 3_999, 17, 0, 5, 1.5);
  t.true(packet.isOurs(PACKET_SIZE));
  t.false(packet.isOurs(PACKET_SIZE - 1));
  packet.answer(18, A);
  t.deepEqual(
    [packet.kind, packet.slot, packet.epoch, packet.address, packet.time],
    [KINDS.answer, 3_999, 18, A, 1.5],
  );
  packet.bytes.fill(0);
  t.false(packet.isOurs(PACKET_SIZE));
});

test('options: what is out of range is refused in words', (t) => {
  t.like(readOptions([]), { slots: 4_000, seconds: 60, peers: true });
  t.like(readOptions(['20', '--seconds', '3', '--no-peers']), { slots: 20, seconds: 3, peers: false });
  for (const args of [['1'], ['x'], ['2.5'], ['30000'], ['20', '30'], ['--seconds', '0'], ['--fast']]) {
    t.throws(() => readOptions(args), undefined, args.join(' '));
  }
});

test('times as they are written', (t) => {
  t.deepEqual([0.5, 12.34, 100, 123.4, 1_000, 12_345, 123_456, 1_234_567].map(duration), [
    '0.5 us',
    '12.3 us',
    '100 us',
    '123 us',
    '1 ms',
    '12.3 ms',
    '123 ms',
    '1.23 s',
  ]);
  const sample = sampleOf([5, 1, 4, 2, 3]);
  t.deepEqual([sample.least, sample.p50, sample.most, sample.count], [1, 3, 5, 5]);
});
