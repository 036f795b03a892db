// Takes an instance apart, however much of it there is: a whole one, a half-present one, or what a failed or killed
// attach left in the shadow folder.

import { attempt } from './attempt.ts';
import { InstanceError } from './error.ts';
import { listNames, Pins } from './pins.ts';
import { detachFilters, detachLinks, programIds } from './placement.ts';
import type { InstanceRecord } from './record.ts';
import { detachInsideFilters } from './redirect/change.ts';
import { leaveAllDevices } from './slots/devices.ts';

/**
 * Takes off the programs, then removes the pins, the last folder first, so that what fails or is killed can be
 * tried again.
 */
export function dismantle(...folders: readonly Pins[]): void {
  const ours = programIds(folders);
  const record = folders.map((pins) => attempt(() => pins.record())).find((found) => found !== undefined);
  for (const pins of folders) detachLinks(pins);
  if (record !== undefined) detachInsideFilters(record, ours);
  leaveAllDevices(folders, record);
  const qdiscStays = ours.size > 0 && detachFilters(record, ours);
  if (qdiscStays && record !== undefined && folders[0] !== undefined) bequeath(folders[0], record);
  const foreign: unknown[] = [];
  for (const pins of folders.toReversed()) {
    attempt(() => pins.revoke());
    try {
      pins.remove();
    } catch (error) {
      // Pins of others stay, and keep nothing else from going.
      if (!(error instanceof InstanceError)) throw error;
      foreign.push(error);
    }
  }
  if (foreign.length > 0) throw foreign[0];
}

/** Another instance on the same qdisc becomes the one that deletes it in the end. */
function bequeath({ instances, name: own }: Pins, record: InstanceRecord): void {
  for (const name of listNames(instances)) {
    const heir = new Pins(instances, name);
    const theirs = name === own ? undefined : attempt(() => heir.record());
    const shares =
      theirs?.hook === 'clsact' &&
      theirs.ifindex === record.ifindex &&
      theirs.netnsInode === record.netnsInode;
    if (!shares) continue;
    heir.writeRecord({ ...theirs, madeQdisc: true });
    return;
  }
}
