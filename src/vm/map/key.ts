// Bytes as keys of a JavaScript map.

export type Key = number | string;

/** Equal for equal bytes. Keys of up to four bytes become numbers, which is much faster. */
export function keyOf(bytes: Uint8Array): Key {
  if (bytes.length > 4) return String.fromCharCode(...bytes);
  let key = 0;
  for (const byte of bytes) key = key * 0x100 + byte;
  return key;
}
