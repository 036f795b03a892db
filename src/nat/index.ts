// What NAT means: mappings and their checks, the maps' layouts, the datapath programs. Pure: nothing here touches the kernel.

export * from './address.ts';
export * from './address-error.ts';
export { type Datapath, type DatapathOptions, datapath } from './datapath/index.ts';
export * from './destination-lists.ts';
export * from './endpoint.ts';
export { formatIpv4, parseIpv4 } from './ipv4.ts';
export { formatIpv6, parseIpv6 } from './ipv6.ts';
export * from './mapping.ts';
export * from './mapping-check.ts';
export * from './mapping-error.ts';
export * from './mapping-file.ts';
export * from './maps.ts';
export * from './policy.ts';
export * from './prefix.ts';
export * from './reason.ts';
export * from './uses.ts';
