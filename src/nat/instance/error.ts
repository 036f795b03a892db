// What can go wrong with an instance, as one line for the person who asked: what failed, on what, why, what to do.

/** Stable names. */
export type InstanceErrorCode =
  /** There is such an instance already. */
  | 'EEXIST'
  /** There is no such instance. */
  | 'ENOENT'
  /** Its pins are not whole, or not all of them are ours. */
  | 'EHALF'
  /** More mappings than the table holds. */
  | 'EFULL'
  /** What is asked for contradicts what is there. */
  | 'ECONFLICT'
  /** An inside address is in no mapping. */
  | 'EUNMAPPED'
  /** No such slot is reserved, or it is not said which of several is meant. */
  | 'ENOSLOT'
  /** A slot has an outside already, or has none. */
  | 'EBOUND'
  | 'EUNBOUND'
  /** An outside is that of another slot or mapping, or was until a short time ago. */
  | 'EINUSE'
  | 'EQUARANTINED'
  /** An interface is not the one it was when its slot was reserved. */
  | 'ESTALE'
  /** Fewer interfaces than asked for. */
  | 'EPOOL'
  /** The kernel cannot do it. */
  | 'ENOTSUP'
  /** No such interface, or one that cannot be used. */
  | 'ENODEV'
  | 'EINTERFACE'
  /** No privilege. */
  | 'EPERM'
  /** The programs do not do to golden packets what they should. */
  | 'ESELFTEST'
  /** Something failed, and putting back what was there before failed too. */
  | 'EROLLBACK'
  /** All is as it was asked to be; what came after that failed, such as clearing up. */
  | 'EDONE';

export class InstanceError extends Error {
  override readonly name: string = 'InstanceError';
  readonly code: InstanceErrorCode;

  constructor(code: InstanceErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The way out of most things that are not whole. */
export const detachHint = (name: string): string => `'tsnat detach ${name}' removes what is left of it`;
