// Tunnels between gateway and outside, made ahead with placeholders, and for each of these and each VNI that it may get an
// address at the other end that only that VNI leads to.

import type { Lab } from '../lab.ts';
import { PLACEHOLDERS, REMOTE, VNIS } from './state.ts';

/** Each device has its own, so that what takes another way than it should is for nobody there. */
const nearMac = (slot: number): string => `02:07:00:00:00:0${slot}`;
const farMac = (vni: number): string => `02:07:00:00:01:0${ALL_VNIS.indexOf(vni)}`;
const ALL_VNIS: readonly number[] = [...PLACEHOLDERS, ...VNIS];
const GATEWAY = '203.0.113.1';
const VXLAN = 'dstport 4789';

const near = (slot: number): string => `10.7.${slot}.1`;
/** The VNIs a slot may be met with, by their places: its own placeholder is the first one. */
const vnisOf = (slot: number): number[] => [PLACEHOLDERS[slot]!, ...VNIS];
const far = (slot: number, place: number): string => `10.7.${slot}.${10 + place}`;
const SLOTS: readonly number[] = PLACEHOLDERS.map((_, slot) => slot);

export const farAddresses = (): string[] =>
  SLOTS.flatMap((slot) => vnisOf(slot).map((_, place) => far(slot, place)));

/** Who asks whom. */
export const tunnelPairs = (): [string, string][] =>
  SLOTS.flatMap((slot) => vnisOf(slot).map((_, place): [string, string] => [near(slot), far(slot, place)]));

/** What comes of it: a slot is met with its VNI and with no other, what is no slot with its placeholder. */
export function expectedOfTunnels(tunnels: readonly string[]): (string | null)[] {
  const slots = new Map<number, number | undefined>(
    tunnels.map((text) => {
      const [placeholder = 0, vni] = text.split('=').map(Number);
      return [placeholder, vni];
    }),
  );
  return SLOTS.flatMap((slot) => {
    const placeholder = PLACEHOLDERS[slot]!;
    const met = slots.has(placeholder) ? slots.get(placeholder) : placeholder;
    return vnisOf(slot).map((vni) => (vni === met ? near(slot) : null));
  });
}

export async function addTunnels({ gateway, outside, device }: Lab): Promise<void> {
  for (const slot of SLOTS) {
    const name = `vx${slot}`;
    await gateway.ip(
      `link add ${name} address ${nearMac(slot)} type vxlan id ${PLACEHOLDERS[slot]} remote ${REMOTE} dev ${device} ${VXLAN}`,
      `link set ${name} up`,
      `addr add ${near(slot)}/24 dev ${name}`,
      ...vnisOf(slot).map(
        (vni, place) => `neigh replace ${far(slot, place)} lladdr ${farMac(vni)} dev ${name} nud permanent`,
      ),
    );
  }
  for (const vni of ALL_VNIS) {
    const name = `vx${vni}`;
    await outside.ip(
      `link add ${name} address ${farMac(vni)} type vxlan id ${vni} remote ${GATEWAY} ${VXLAN}`,
      `link set ${name} up`,
    );
    for (const slot of SLOTS) {
      const place = vnisOf(slot).indexOf(vni);
      if (place < 0) continue;
      // Answers leave by the VNI that they were asked by.
      await outside.ip(
        `addr add ${far(slot, place)}/32 dev ${name}`,
        `neigh replace ${near(slot)} lladdr ${nearMac(slot)} dev ${name} nud permanent`,
        `route add ${near(slot)}/32 dev ${name} src ${far(slot, place)} table ${vni}`,
        `rule add from ${far(slot, place)} lookup ${vni}`,
      );
    }
  }
}
