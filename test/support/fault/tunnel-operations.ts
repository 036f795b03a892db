// What is done to tunnel slots while a call fails or the process is killed.

import { attach } from '../../../src/nat/instance/index.ts';
import {
  contextOf,
  inTunnels,
  mapped,
  type Operation,
  options,
  PLACEHOLDERS,
  REMOTE,
  type State,
  VNIS,
} from './state.ts';

const [FIRST, SECOND] = PLACEHOLDERS as [number, number];
const [VNI, OTHER_VNI] = VNIS as [number, number];
const at = (placeholder: number, vni: number): string => `${placeholder}=${vni}`;
const wish = (placeholder: number) => ({ placeholder, remote: REMOTE });
/** Of slots that are never bound and have no device. */
const [THIRD, FOURTH] = [9_000_003, 9_000_004];

const NONE: State = { unmapped: 'pass', mappings: [mapped(5, 5)], tunnels: [] };
const RESERVED: State = { ...NONE, tunnels: [`${FIRST}`, `${SECOND}`] };
const BOUND: State = { ...NONE, tunnels: [at(FIRST, VNI), at(SECOND, OTHER_VNI)] };

export const TUNNEL_OPERATIONS: readonly Operation[] = [
  {
    title: 'vni reserve',
    isOfTunnels: true,
    before: NONE,
    after: RESERVED,
    run: inTunnels((tunnels) => tunnels.reserve([wish(FIRST), wish(SECOND)])),
  },
  {
    title: 'vni reserve, one more',
    isOfTunnels: true,
    isShort: true,
    before: { ...NONE, tunnels: [at(FIRST, VNI)] },
    after: { ...NONE, tunnels: [at(FIRST, VNI), `${SECOND}`] },
    run: inTunnels((tunnels) => tunnels.reserve([wish(SECOND)])),
  },
  {
    title: 'vni reserve, with inner addresses, and at another port',
    isOfTunnels: true,
    before: { ...NONE, tunnels: [at(FIRST, VNI)] },
    after: { ...NONE, tunnels: [at(FIRST, VNI), `${THIRD}`, `${FOURTH}`] },
    run: inTunnels((tunnels) =>
      tunnels.reserve([
        { ...wish(THIRD), inside: ['10.7.3.9'] },
        { ...wish(FOURTH), kind: 'geneve', inside: ['fd00::9'] },
      ]),
    ),
  },
  {
    title: 'vni bind',
    isOfTunnels: true,
    isShort: true,
    before: RESERVED,
    after: { ...NONE, tunnels: [at(FIRST, VNI), `${SECOND}`] },
    run: inTunnels((tunnels) => tunnels.bind(FIRST, VNI)),
  },
  {
    title: 'vni rebind',
    isOfTunnels: true,
    isShort: true,
    before: { ...NONE, tunnels: [at(FIRST, VNI), `${SECOND}`] },
    after: { ...NONE, tunnels: [at(FIRST, OTHER_VNI), `${SECOND}`] },
    run: inTunnels((tunnels) => tunnels.rebind(FIRST, OTHER_VNI)),
  },
  {
    title: 'vni release',
    isOfTunnels: true,
    isShort: true,
    before: BOUND,
    after: RESERVED,
    run: inTunnels((tunnels) => tunnels.release([FIRST, SECOND])),
  },
  {
    title: 'vni remove, one',
    isOfTunnels: true,
    isShort: true,
    before: BOUND,
    after: { ...NONE, tunnels: [at(SECOND, OTHER_VNI)] },
    run: inTunnels((tunnels) => tunnels.remove([FIRST])),
  },
  {
    title: 'vni remove, all',
    isOfTunnels: true,
    isShort: true,
    before: BOUND,
    after: NONE,
    run: inTunnels((tunnels) => tunnels.remove([FIRST, SECOND])),
  },
  {
    title: 'attach --replace with tunnels',
    isOfTunnels: true,
    before: BOUND,
    after: { ...BOUND, unmapped: 'drop' },
    run: (place) => attach({ ...options(place), replace: true, unmapped: 'drop' }, contextOf(place)),
  },
];
