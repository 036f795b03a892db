#!/usr/bin/env node
// The command `tsnat`.

import { main } from './command-line.ts';

void main(process.argv.slice(2));
