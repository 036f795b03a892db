// What a kernel is to have, by its version: who runs the tests on an older kernel says which one it is. It does not depend on
// what is found, lest a mistake in finding it out go unseen. The package itself never goes by versions.

import process from 'node:process';

const { TSNAT_KERNEL = '' } = process.env;
const [major = 0, minor = 0] =
  TSNAT_KERNEL === '' ? [Number.POSITIVE_INFINITY] : TSNAT_KERNEL.split('.').map(Number);

/** Whether the kernel is at least Linux `version`, such as '6.6'. */
export function since(version: string): boolean {
  const [wantMajor = 0, wantMinor = 0] = version.split('.').map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}
