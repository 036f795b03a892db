export type { DeleteOptions, Elements } from './bpf/batch.ts';
export { BatchError } from './bpf/batch-error.ts';
export type { BtfInfo, LinkInfo, MapInfo, ProgramInfo } from './bpf/info.ts';
export type { UpdateMode } from './bpf/map-commands.ts';
export {
  type Anchor,
  type HookDirection,
  type OrderedPoint,
  type OrderedPrograms,
  type PlaceOptions,
  queryOrdered,
  type Reference,
} from './bpf/mprog.ts';
export { type NumberedKind, objectIds } from './bpf/object.ts';
export type { TestRunOptions, TestRunResult } from './bpf/program-commands.ts';
export * from './bpffs.ts';
export { BpfBtf } from './btf.ts';
export { CAPABILITIES, type Capability, missingCapabilities, readTrimmed } from './capability.ts';
export * from './collection.ts';
export { countCpus, possibleCpus } from './cpu.ts';
export { Descriptor } from './descriptor.ts';
export * from './errors.ts';
export * from './grace.ts';
export { attach, detach, listPrograms, swap } from './hook/attach.ts';
export { attachMany, type BulkOptions, type BulkResult } from './hook/bulk.ts';
export { type BulkDetached, detachMany, swapMany } from './hook/bulk-change.ts';
export { BulkError, type BulkFailure } from './hook/bulk-error.ts';
export { deleteClsactIfEmpty, deleteOwnFilter, isFilterOf } from './hook/clsact.ts';
export { hasNetkit, hasTcx, queryTcx } from './hook/ordered.ts';
export * from './hook/shared.ts';
export * from './hook/spread.ts';
export type * from './hook/types.ts';
export { NOT_THE_DRIVER } from './hook/xdp.ts';
export * from './isa.ts';
export * from './link.ts';
export * from './lock.ts';
export { BpfMap } from './map.ts';
export { BpfMapOfMaps } from './map-of-maps.ts';
export { ARPHRD_ETHER, ARPHRD_LOOPBACK, ARPHRD_WITHOUT_HEADER, IFF_UP } from './netlink/abi.ts';
export {
  addAddress,
  addRoute,
  type InterfaceAddress,
  ipv4,
  listAddresses,
  type Route,
} from './netlink/address.ts';
export {
  addFilter,
  deleteFilter,
  type Filter,
  listFilters,
  replaceFilter,
} from './netlink/filter.ts';
export type { FilterPlace, FilterWish } from './netlink/filter-request.ts';
export { type InterfaceFacts, InterfaceQueries } from './netlink/interface-index.ts';
export {
  changeInterface,
  createVeth,
  deleteInterface,
  findInterface,
  findMaster,
  type Interface,
  type LinkChange,
  listBridgePorts,
  listInterfaces,
  requireInterfaceName,
  type VethEnd,
} from './netlink/link.ts';
export { LinkWatch } from './netlink/link-watch.ts';
export { deleteClsact, ensureClsact, findClsact } from './netlink/qdisc.ts';
export { leastRouteMtu } from './netlink/route.ts';
export { NetlinkSocket } from './netlink/socket.ts';
export { queryXdp, type XdpMode, type XdpPlace, type XdpPrograms } from './netlink/xdp.ts';
export { takesXdp } from './netlink/xdp-features.ts';
export * from './netns.ts';
export * from './object.ts';
export {
  folderHint,
  type Obstacle,
  type ObstacleKind,
  obstacles,
  permissionHint,
  readPrivilegeFacts,
} from './obstacle.ts';
export * from './pin.ts';
export * from './probe.ts';
export * from './probe-machine.ts';
export * from './program.ts';
export * from './raw-map.ts';
export { BpfRingBuffer } from './ring-buffer.ts';
export { RingBufferReader, type RingReaderOptions, type RingReaderStats } from './ring-buffer-reader.ts';
export { RunStatistics } from './run-statistics.ts';
export type * from './test-run.ts';
export { VerifierError, verdict } from './verifier/error.ts';
