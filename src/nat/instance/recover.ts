// Makes good what a killed command left of its work: completed where packets meet the new state already, else undone.

import { DEFAULT_CAPACITY } from '../maps.ts';
import { attempt } from './attempt.ts';
import { wordOf } from './changeover.ts';
import { dismantle } from './dismantle.ts';
import { Journal } from './journal.ts';
import { openMaps } from './own-maps.ts';
import { Pins } from './pins.ts';
import { recordMap } from './record.ts';
import { replaySlots } from './slots/recover.ts';
import { wake } from './stations.ts';
import { complete, openPrograms, settleAttach, undo } from './transition.ts';
import { sweepGoldenTunnels } from './tunnels/self-test.ts';
import { endWork } from './work-mark.ts';

/** To be called with the lock held. */
export function recover(instances: string, name: string): void {
  const pins = new Pins(instances, name);
  const shadow = new Pins(instances, name, true);
  if (shadow.exist) settle(pins, shadow);
  if (!pins.exist) return;
  replay(pins);
  replaySlots(pins);
  if (pins.changing) {
    const record = attempt(() => pins.record());
    if (record !== undefined) wake(pins, record);
    pins.tidy();
  }
  attempt(() => endWork(pins));
}

function settle(pins: Pins, shadow: Pins): void {
  const word = wordOf(shadow);
  if (!pins.exist) {
    if (word !== 'next' || !finishAttach(pins, shadow)) dismantle(shadow);
  } else if (word === 'nothing') dismantle(shadow, pins);
  else if (word === 'next' && attempt(() => shadow.record()) !== undefined) complete(pins, shadow);
  else undo(pins, shadow);
}

/** @returns false when what was attached is not there any more. */
function finishAttach(pins: Pins, shadow: Pins): boolean {
  const record = attempt(() => shadow.record());
  using made = openPrograms(shadow);
  const { outbound, inbound, slot } = made.programs;
  if (record === undefined || outbound === undefined || inbound === undefined) return false;
  const done = attempt(() => {
    settleAttach(pins, shadow, record, { outbound, inbound, slot });
    return true;
  });
  return done ?? false;
}

function replay(pins: Pins): void {
  if (!pins.has('maps/instance')) return;
  using record = attempt(() => pins.map('instance', recordMap));
  using own = attempt(() => openMaps(pins, DEFAULT_CAPACITY));
  if (record === undefined || own === undefined) return;
  new Journal(pins, record.raw).replay(own.maps);
  sweepGoldenTunnels(own.maps);
}
