// Which kernels are tried, and where Debian keeps them. Versions come and go in the archive, so that packages are
// given by pattern and the newest that matches is taken.

export interface Kernel {
  /** What it is called here and on the command line. */
  readonly name: string;
  /** Where its packages are: the first suite that has them. */
  readonly suites: readonly string[];
  /** Names of its packages; each has to match one. The first group tells the version, for the newest is taken. */
  readonly packages: readonly RegExp[];
  /** What it is known to have, and has to be found to have. */
  readonly tcx: boolean;
  /** The newest instructions that it knows: 1 to 4. */
  readonly isa: number;
}

/** `version` begins the package's; Debian's own addition to it follows. */
const cloudImage = (version: string): RegExp =>
  new RegExp(`^linux-image-(${version.replaceAll('.', '\\.')}[^-]*(?:-\\d+)?)-cloud-amd64$`);

/** Since 7.1 Debian packs kernel and modules apart. */
const split = (part: string, version: string): RegExp =>
  new RegExp(`^linux-${part}-(${version.replaceAll('.', '\\.')}[^-]*)-cloud-amd64$`);

interface Has {
  readonly tcx: boolean;
  readonly isa: number;
}

const OLD: Has = { tcx: false, isa: 3 };
const NEW: Has = { tcx: true, isa: 4 };

const image = (name: string, has: Has, ...suites: string[]): Kernel => ({
  name,
  ...has,
  suites,
  packages: [cloudImage(`${name}.`)],
});

/** From the oldest to the newest. */
export const KERNELS: readonly Kernel[] = [
  image('5.10', OLD, 'bullseye-security', 'bullseye'),
  image('6.1', OLD, 'bookworm-security', 'bookworm'),
  image('6.12', NEW, 'bookworm-security', 'trixie-security', 'trixie'),
  ...['6.16', '6.17', '6.18'].map((name) => image(name, NEW, 'trixie-backports')),
  ...['7.2', '7.3'].map((name) => ({
    name,
    ...NEW,
    suites: ['trixie-backports'],
    packages: [split('binary', `${name}.`), split('modules', `${name}.`)],
  })),
];

/** The kernel that this runs on, without a guest. */
export const HOST = 'host';
