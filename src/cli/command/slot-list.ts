// tsnat slot list: the slots of an instance, and the outsides that are in quarantine.

import { quarantineJson, slotJson, slotsText } from '../describe-slots.ts';
import type { Input } from '../input.ts';
import type { Output } from '../output.ts';

export async function run(input: Input, output: Output): Promise<void> {
  const name = input.required('NAME');
  const { withSlots } = await import('../../nat/instance/light/slots.ts');
  const { list, quarantined } = await withSlots(name, (slots) => ({
    list: slots.list(),
    quarantined: slots.quarantine(),
  }));
  output.result({ name, slots: list.map(slotJson), quarantine: quarantined.map(quarantineJson) }, () =>
    slotsText(name, list, quarantined, output),
  );
}
