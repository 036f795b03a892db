// BTF types as plain data. Types name each other by number: their place in the list, 0 being `void`.

/** Number of a type. */
export type TypeId = number;

export interface BtfMember {
  readonly name: string;
  readonly type: TypeId;
  /** In bits from the start of the struct. */
  readonly offset: number;
  /** Bits of a bit field, 0 for a whole member. */
  readonly bits: number;
}

export interface BtfParameter {
  /** Empty for a parameter without a name; one without name and type stands for `...`. */
  readonly name: string;
  readonly type: TypeId;
}

export interface BtfSectionVariable {
  readonly type: TypeId;
  /** In bytes from the start of the section. */
  readonly offset: number;
  readonly size: number;
}

export interface BtfInt {
  readonly kind: 'int';
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** Bits of the value, and where they begin. */
  readonly bits: number;
  readonly offset: number;
  /** `BTF_INT` bits. */
  readonly encoding: number;
}

export interface BtfArray {
  readonly kind: 'array';
  readonly element: TypeId;
  readonly index: TypeId;
  readonly length: number;
}

export interface BtfComposite {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  readonly members: readonly BtfMember[];
}

export interface BtfEnum {
  readonly kind: 'enum' | 'enum64';
  readonly name: string;
  readonly size: number;
  readonly signed: boolean;
  readonly values: readonly { readonly name: string; readonly value: bigint }[];
}

export interface BtfFunctionType {
  readonly kind: 'func_proto';
  readonly returns: TypeId;
  readonly parameters: readonly BtfParameter[];
}

export interface BtfSection {
  readonly kind: 'datasec';
  readonly name: string;
  readonly size: number;
  readonly variables: readonly BtfSectionVariable[];
}

export type BtfType =
  | { readonly kind: 'void' }
  | BtfInt
  | { readonly kind: 'ptr' | 'volatile' | 'const' | 'restrict'; readonly type: TypeId }
  | { readonly kind: 'typedef'; readonly name: string; readonly type: TypeId }
  /** An `attribute` is GCC's or clang's own and no tag. */
  | { readonly kind: 'type_tag'; readonly name: string; readonly type: TypeId; readonly attribute: boolean }
  | BtfArray
  | BtfComposite
  | BtfEnum
  | { readonly kind: 'fwd'; readonly name: string; readonly union: boolean }
  /** `linkage` is one of `BTF_FUNC`. */
  | { readonly kind: 'func'; readonly name: string; readonly type: TypeId; readonly linkage: number }
  | BtfFunctionType
  /** `linkage` is one of `BTF_VAR`. */
  | { readonly kind: 'var'; readonly name: string; readonly type: TypeId; readonly linkage: number }
  | BtfSection
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  /** `component` is the member or parameter that is tagged, -1 for the whole. */
  | {
      readonly kind: 'decl_tag';
      readonly name: string;
      readonly type: TypeId;
      readonly component: number;
      readonly attribute: boolean;
    };

/** The types of a program, an object file or a kernel. */
export interface Btf {
  /** By number; the first is `void`. */
  readonly types: readonly BtfType[];
  /**
   * The text at an offset of the string section, which is what line information points to.
   *
   * @throws MalformedError where there is none.
   */
  readonly text: (offset: number) => string;
  /** The string section as it is. */
  readonly strings: Uint8Array;
}
