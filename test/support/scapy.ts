// Packets by hand: a few lines of scapy, run in a namespace.

import type { Namespace } from './namespace.ts';
import { PYTHON } from './root.ts';

/** @returns what the script prints */
export function scapy(host: Namespace, script: string): Promise<string> {
  return host.must([PYTHON, '-c', `from scapy.all import *\nconf.verb = 0\n${script}\n`]);
}
