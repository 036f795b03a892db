// tsnat as a library: attach to an interface, change the mappings of what is attached, ask how it is.
// The assembler, the loader and the NAT model have entry points of their own.

export { type Endpoint, formatEndpoint, parseEndpoint } from './nat/endpoint.ts';
export * from './nat/instance/index.ts';
export {
  type AddressMapping,
  formatMapping,
  type Mapping,
  type PortBlockMapping,
  type PortMapping,
  type PrefixMapping,
  parseMapping,
  type SlotMapping,
} from './nat/mapping.ts';
export { MappingError } from './nat/mapping-error.ts';
export { formatPrefix, type Prefix, parsePrefix } from './nat/prefix.ts';
