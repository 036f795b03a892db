// What NAT means: mappings and their checks, the maps' layouts, the datapath programs. Pure: nothing here touches the kernel.

export { formatIpv4, parseIpv4 } from './address.ts';
export { type Datapath, type DatapathOptions, datapath } from './datapath/index.ts';
export * from './mapping.ts';
export * from './mapping-check.ts';
export * from './mapping-error.ts';
export * from './mapping-file.ts';
export * from './maps.ts';
export * from './reason.ts';
