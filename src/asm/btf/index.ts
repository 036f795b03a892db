export { BTF_FUNC, BTF_INT, BTF_VAR } from './abi.ts';
export { encodeBtf, parseBtf } from './btf.ts';
export { bareType, typeName } from './describe.ts';
export {
  type CoreRelocation,
  encodeBtfExt,
  type FunctionInfo,
  type LineInfo,
  parseBtfExt,
  type SectionInfo,
} from './ext.ts';
export { addLayout, layoutsOf } from './layout.ts';
export { mapBtf } from './map.ts';
export { programBtf } from './program.ts';
export { StringTable } from './strings.ts';
export { TypeTable } from './table.ts';
export type * from './types.ts';
