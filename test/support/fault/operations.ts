// What is done to an instance while a call fails or the process is killed: as functions of the library, so that
// this process or another can do it.

import { endpointOf } from '../../../src/nat/endpoint.ts';
import { attach, detach } from '../../../src/nat/instance/index.ts';
import { SLOT_OPERATIONS } from './slot-operations.ts';
import {
  bring,
  contextOf,
  inInstance,
  list,
  mapped,
  NAME,
  type Operation,
  options,
  type State,
} from './state.ts';
import { TUNNEL_OPERATIONS } from './tunnel-operations.ts';

const OLD: State = { unmapped: 'pass', mappings: [mapped(5, 5), mapped(6, 6), mapped(7, 7)] };
const NEW: State = { unmapped: 'pass', mappings: [mapped(5, 5), mapped(6, 7), mapped(8, 8)] };
const MANY: readonly string[] = Array.from({ length: 100 }, (_, i) => `10.9.0.${i}=203.0.112.${i}`);

/** Of every other kind, none on an address that is probed. */
const OTHERS: readonly string[] = [
  '10.9.1.0/24=203.0.111.0/24',
  '10.9.2.1:8080/tcp=203.0.110.1:80/tcp',
  '10.9.2.2:1000-2047=203.0.110.1:1000-2047',
  'fd00::5=2001:db8::5',
  'fd00:1::/48=2001:db8:1::/48,neutral',
  '[fd00::6]:53/udp=[2001:db8::9]:53/udp',
];
const MIXED: State = { ...OLD, mappings: [...OLD.mappings, ...OTHERS] };

export const OPERATIONS: readonly Operation[] = [
  {
    title: 'attach',
    before: undefined,
    after: OLD,
    run: (place) => bring(place, OLD),
  },
  {
    title: 'attach --replace',
    before: OLD,
    after: { ...OLD, unmapped: 'drop' },
    run: (place) => attach({ ...options(place), replace: true, unmapped: 'drop' }, contextOf(place)),
  },
  {
    title: 'attach --replace --map',
    before: OLD,
    after: { ...NEW, unmapped: 'drop' },
    run: (place) => {
      const mappings = list(NEW.mappings);
      attach({ ...options(place), replace: true, unmapped: 'drop', mappings }, contextOf(place));
    },
  },
  {
    title: 'attach --replace --redirect',
    isOfRedirect: true,
    before: { ...OLD, isDirect: true },
    after: { ...OLD, unmapped: 'drop' },
    run: (place) => attach({ ...options(place), replace: true, unmapped: 'drop' }, contextOf(place)),
  },
  {
    title: 'attach --replace --no-redirect',
    isOfRedirect: true,
    before: OLD,
    after: { ...OLD, unmapped: 'drop', isDirect: true },
    run: (place) => {
      const { inside, ...others } = options(place);
      attach({ ...others, redirect: false, replace: true, unmapped: 'drop' }, contextOf(place));
    },
  },
  {
    title: 'map replace',
    before: OLD,
    after: NEW,
    run: inInstance((instance) => instance.replaceMappings(list(NEW.mappings))),
  },
  {
    title: 'map add, one',
    isShort: true,
    before: OLD,
    after: { ...OLD, mappings: [...OLD.mappings, mapped(8, 8)] },
    run: inInstance((instance) => instance.addMappings(list([mapped(8, 8)]))),
  },
  {
    title: 'map add, 101',
    before: OLD,
    after: { ...OLD, mappings: [...OLD.mappings, ...MANY, mapped(8, 8)] },
    run: inInstance((instance) => instance.addMappings(list([...MANY, mapped(8, 8)]))),
  },
  {
    title: 'map del, two',
    isShort: true,
    before: OLD,
    after: { ...OLD, mappings: [mapped(6, 6)] },
    run: inInstance((instance) =>
      instance.deleteMappings(
        list([mapped(5, 5), mapped(7, 7)]).map((mapping) => endpointOf(mapping, 'inside')),
      ),
    ),
  },
  {
    title: 'map add, other kinds',
    before: OLD,
    after: MIXED,
    run: inInstance((instance) => instance.addMappings(list(OTHERS))),
  },
  {
    title: 'map replace, other kinds',
    before: MIXED,
    after: { ...NEW, mappings: [...NEW.mappings, ...OTHERS.slice(3)] },
    run: inInstance((instance) => instance.replaceMappings(list([...NEW.mappings, ...OTHERS.slice(3)]))),
  },
  ...SLOT_OPERATIONS,
  ...TUNNEL_OPERATIONS,
  {
    title: 'detach',
    before: OLD,
    after: undefined,
    run: (place) => detach(NAME, contextOf(place)),
  },
];
