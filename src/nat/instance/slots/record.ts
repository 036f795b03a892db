// What the record of an instance says of its slots.

import type { InstanceRecord } from '../record.ts';

/** Says that slots have come or gone. */
export const nextTurn = (record: InstanceRecord): InstanceRecord => ({
  ...record,
  slots: { ...record.slots, turn: (record.slots.turn + 1) >>> 0 },
});

/** Whether there are slots, and a program on their devices. */
export const hasSlotProgram = ({ uses, slots }: Pick<InstanceRecord, 'uses' | 'slots'>): boolean =>
  slots.place === 'device' && (uses.has('slots') || uses.has('slots6'));
