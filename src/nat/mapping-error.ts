// What is wrong with a list of mappings: every complaint at once, each naming the entries and where they came from.

/** Stable names of the complaints. */
export type ComplaintCode =
  /** Not of the form INSIDE=OUTSIDE. */
  | 'bad_mapping'
  | 'bad_address'
  | 'mixed_families'
  /** An address on one side, a prefix on the other, and so on. */
  | 'mixed_kinds'
  | 'mixed_protocols'
  | 'unequal_prefixes'
  | 'unequal_blocks'
  /** Not an IPv6 prefix, or one too long to be checksum-neutral. */
  | 'not_neutral'
  /** An address that no packet of a mapping can carry. */
  | 'unusable_address'
  /** The same mapping twice. */
  | 'duplicate'
  | 'inside_taken'
  | 'outside_taken'
  /** Its answers would go to the inside of a mapping that goes before it. */
  | 'shadowed'
  /** Not YAML. */
  | 'bad_syntax'
  | 'bad_version'
  | 'unknown_key'
  | 'missing_key'
  | 'bad_value';

export interface Complaint {
  readonly code: ComplaintCode;
  /** One line; starts with the origin where there is one. */
  readonly message: string;
  /** Where the entries came from: `--map #2`, `nat.yaml:12`. */
  readonly origins: readonly string[];
}

/** A complaint about what came from `origin`; the origin opens the message. */
export function complain(
  code: ComplaintCode,
  origin: string | undefined,
  message: string,
  ...others: readonly string[]
): Complaint {
  if (origin === undefined) return { code, message, origins: others };
  return { code, message: `${origin}: ${message}`, origins: [origin, ...others] };
}

/** One or more complaints about mappings. The message is the first of them. */
export class MappingError extends Error {
  override readonly name = 'MappingError';
  readonly code = 'bad_mappings';
  /** In the order of the input; never empty. */
  readonly complaints: readonly Complaint[];

  constructor(complaints: readonly Complaint[]) {
    const [first, ...rest] = complaints;
    if (first === undefined) throw new RangeError('a MappingError needs a complaint');
    super(rest.length === 0 ? first.message : `${first.message} (and ${rest.length} more)`);
    this.complaints = complaints;
  }
}
