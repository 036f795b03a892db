// A lab with both families whose gateway sends on past the stack, and two witnesses for it: what is redirected, the stack of
// the gateway does not count as forwarded, and its firewall does not see.

import test, { type ExecutionContext } from 'ava';
import { tsnatOk } from './cli.ts';
import { INSIDE, type Lab, ON_LINK } from './lab.ts';
import { since } from './since.ts';
import { instanceName } from './translate.ts';
import { INSIDE6, ON_LINK6 } from './xdp.ts';

/** Before, a look-up of the route does not tell the MTU to a program on TC, and everything is the stack's. */
export const SENDS_ON: boolean = since('5.12');

/** A test of what is sent on past the stack. */
export function testSending(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  if (SENDS_ON) test.serial(title, run);
  else test.serial.skip(title, run);
}

/** Attaches with redirect; gone again when the test is over. @returns its name */
export async function redirectOn(
  t: ExecutionContext,
  { gateway, device }: Lab,
  more: readonly string[] = [],
): Promise<string> {
  const name = instanceName(t);
  await tsnatOk(t, [
    ...['attach', device, '--name', name, '--netns', gateway.name, '--redirect', '--inside', 'down0'],
    ...['--map', `${INSIDE}=${ON_LINK}`, '--map', `${INSIDE6}=${ON_LINK6}`, ...more],
  ]);
  return name;
}

const CHAIN = 'table inet witness { chain seen { type filter hook forward priority 0; counter; }; }\n';

/** How many packets the firewall's forward chain has seen while `run` ran. */
export async function seenByFirewall({ gateway }: Lab, run: () => Promise<unknown>): Promise<number> {
  await gateway.must(['nft', '-f', '-'], { input: CHAIN });
  try {
    await run();
    const shown = await gateway.must(['nft', 'list', 'table', 'inet', 'witness']);
    return Number(/packets (\d+)/.exec(shown)?.[1]);
  } finally {
    await gateway.must(['nft', 'delete', 'table', 'inet', 'witness']);
  }
}
