// MAC addresses as numbers of 48 bits, the first byte the highest; 0 where there is none.

export type Mac = number;

const BYTES = 6;
const LOW_BITS = 32;
const LOW = 2 ** LOW_BITS;

/** Of an interface; 0 where its link layer knows none, or has longer ones. */
export function macOf(bytes: Uint8Array): Mac {
  if (bytes.length !== BYTES) return 0;
  return bytes.reduce((mac, byte) => mac * 0x100 + byte, 0);
}

/** Reads `52:54:00:12:34:56`. @throws RangeError for what is none, or one that no frame can be sent to alone. */
export function parseMac(text: string): Mac {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text)) {
    throw new RangeError(
      `'${text}' is not a MAC address: write six pairs of digits, as in 52:54:00:12:34:56`,
    );
  }
  const mac = Number.parseInt(text.replaceAll(':', ''), 16);
  if (mac === 0) throw new RangeError(`MAC address '${text}' is nobody's`);
  if (Number.parseInt(text.slice(0, 2), 16) % 2 === 1) {
    throw new RangeError(`MAC address '${text}' is that of a group`);
  }
  return mac;
}

/** Writes it as `parseMac` reads it. */
export function formatMac(mac: Mac): string {
  return mac
    .toString(16)
    .padStart(2 * BYTES, '0')
    .replace(/..(?!$)/g, '$&:');
}

/** Writes it into 6 bytes. @throws RangeError when it has more. */
export function putMac(view: DataView, at: number, mac: Mac): void {
  const high = Math.floor(mac / LOW);
  if (!(high >= 0 && high <= 0xffff)) throw new RangeError(`MAC address ${mac} has more than 48 bits`);
  view.setUint16(at, high);
  view.setUint32(at + 2, mac - high * LOW);
}

export const getMac = (view: DataView, at: number): Mac => view.getUint16(at) * LOW + view.getUint32(at + 2);
