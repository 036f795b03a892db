// What is wrong with text that is meant as an address, a prefix or a port.

/** Text that is not an address, or nothing that can be made of one. The message names the text. */
export class AddressError extends RangeError {
  readonly code = 'bad_address';
  override readonly name = 'AddressError';
}
