// Where things lie. Tests run from .build/test/**, so the checkout is two folders above test/support's parent.

import { fileURLToPath } from 'node:url';

/** The checkout: sources, fixtures, node_modules. */
export const ROOT: string = fileURLToPath(new URL('../../../', import.meta.url));
/** The command line as compiled together with the tests. */
export const CLI: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
/** Node programs that play a host's part. */
export const PEERS: string = fileURLToPath(new URL('./peer/', import.meta.url));
/** Debian's Python: the one that has scapy, whichever `python3` comes first on PATH. */
export const PYTHON = '/usr/bin/python3';
