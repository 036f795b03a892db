// Error numbers as helpers return them, negated (include/uapi/asm-generic/errno.h, include/linux/errno.h).

export const ENOENT = 2;
export const E2BIG = 7;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EFAULT = 14;
export const EEXIST = 17;
export const EINVAL = 22;
export const ENOSPC = 28;
export const EALREADY = 114;
/** The kernel's own, seen by programs only. */
export const ENOTSUPP = 524;
