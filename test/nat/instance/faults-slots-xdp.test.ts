import test from 'ava';
import { slotFaultTests } from './support/fault-slots.ts';

slotFaultTests(test, 'xdp');
