// A mapping: which inside address is which outside address. Addresses are numbers here (host order), text at the edges.

/** 1:1, every protocol. IPv4 addresses as unsigned 32-bit integers: 10.0.0.5 is 0x0a000005. */
export interface AddressMapping {
  readonly kind: 'address';
  readonly inside: number;
  readonly outside: number;
}

export type Mapping = AddressMapping;
