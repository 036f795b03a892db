// SLOT=OUT on the command line.

import type { SlotBinding } from '../nat/instance/slots/types.ts';
import { UsageError } from './usage-error.ts';

/** @throws UsageError */
export function readBindings(command: string, texts: readonly string[]): SlotBinding[] {
  return texts.map((text): SlotBinding => {
    const [slot = '', outside = '', ...more] = text.split('=');
    if (slot !== '' && outside !== '' && more.length === 0) return [slot, outside];
    throw new UsageError(
      `${command}: '${text}' is not SLOT=OUT, such as tap7=203.0.113.7 or 172.16.0.2%tap7=203.0.113.7`,
    );
  });
}

export const bindingsJson = (bindings: readonly SlotBinding[]): readonly object[] =>
  bindings.map(([slot, outside]) => ({ slot, outside }));
