// Instructions as flat immutable values, one constructor per form, each documented by the pseudo-code it emits.
// Every constructor checks its numbers: an immediate, offset or register that does not fit is refused, never truncated.

export * from './instruction/alu.ts';
export * from './instruction/atomic.ts';
export { type Instruction, type Item, type Label, label, type Target } from './instruction/base.ts';
export * from './instruction/jump.ts';
export * from './instruction/memory.ts';
export {
  loadBtfId,
  loadFunction,
  loadImm64,
  loadMap,
  loadMapFd,
  loadMapFdValue,
  loadMapIdx,
  loadMapIdxValue,
  loadMapValue,
} from './instruction/wide.ts';
