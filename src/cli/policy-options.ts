// Options that say what becomes of packets, as values.

import type { InstancePolicy } from '../nat/policy.ts';
import type { Direction, Policy } from '../nat/reason.ts';
import type { Input } from './input.ts';
import { POLICIES } from './options.ts';

/** `--unmapped drop`, or `--unmapped outbound=drop,inbound=pass`. */
export function unmappedOf(input: Input): InstancePolicy['unmapped'] | undefined {
  const both = input.choice('unmapped', POLICIES);
  if (both !== undefined) return { outbound: both, inbound: both };
  const text = input.text('unmapped');
  // The table lets nothing else through.
  return text === undefined
    ? undefined
    : (Object.fromEntries(text.split(',').map((part) => part.split('='))) as Record<Direction, Policy>);
}
