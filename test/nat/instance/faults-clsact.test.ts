import test from 'ava';
import { faultTests } from './support/fault-runs.ts';

faultTests(test, 'clsact');
