// An initramfs: a cpio archive of the "newc" kind (Documentation/driver-api/early-userspace/buffer-format.rst). Files
// keep their times, for Python compares them with those in its compiled modules. Hard links become copies.

import { closeSync, lstatSync, openSync, readFileSync, readlinkSync, realpathSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
const ALIGNMENT = 4;
/** Types of files in `st_mode`. */
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;
const PERMISSIONS = 0o7777;

interface Node {
  readonly mode: number;
  readonly data?: Uint8Array;
  readonly mtime?: number;
  /** Major and minor number of a device. */
  readonly device?: readonly [number, number];
}

/** Writes an archive, each path once, the folders on the way to it first. Paths are absolute. */
export class Archive {
  readonly #fd: number;
  readonly #seen = new Set<string>(['/']);
  #inode = 1;

  constructor(file: string) {
    this.#fd = openSync(file, 'w');
  }

  directory(path: string, permissions: number = 0o755): void {
    this.#add(path, { mode: S_IFDIR | permissions });
  }

  device(path: string, major: number, minor: number): void {
    this.#add(path, { mode: S_IFCHR | 0o600, device: [major, minor] });
  }

  text(path: string, text: string, permissions: number = 0o644): void {
    this.data(path, Buffer.from(text), permissions);
  }

  data(path: string, data: Uint8Array, permissions: number = 0o644): void {
    this.#add(path, { mode: S_IFREG | permissions, data });
  }

  link(path: string, target: string): void {
    this.#add(path, { mode: S_IFLNK | 0o777, data: Buffer.from(target) });
  }

  /** A file, link or folder (without what is in it) of this machine, in the same place. Others are left out. */
  copy(path: string): void {
    // Folders that are links here (/bin, node_modules) are real folders or links of their own there.
    const stat = lstatSync(path);
    const mtime = Math.floor(stat.mtimeMs / 1000);
    const kind = stat.mode & S_IFMT;
    if (kind === S_IFLNK) this.link(path, readlinkSync(path));
    else if (kind === S_IFDIR) this.directory(path, stat.mode & PERMISSIONS);
    else if (kind === S_IFREG) this.#add(path, { mode: stat.mode, data: readFileSync(path), mtime });
  }

  close(): void {
    this.#write(TRAILER, { mode: 0 });
    closeSync(this.#fd);
  }

  #add(path: string, node: Node): void {
    if (this.#seen.has(path)) return;
    this.#seen.add(path);
    if (dirname(path) !== '/') this.directory(dirname(path));
    this.#write(path.slice(1), node);
  }

  #write(name: string, { mode, data = new Uint8Array(), mtime = 0, device = [0, 0] }: Node): void {
    const links = (mode & S_IFMT) === S_IFDIR ? 2 : 1;
    const nameBytes = Buffer.from(`${name}\0`);
    const fields = [
      this.#inode++,
      mode,
      0,
      0,
      links,
      mtime,
      data.length,
      0,
      0,
      ...device,
      nameBytes.length,
      0,
    ];
    const header = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
    writeSync(this.#fd, pad(Buffer.concat([Buffer.from(header), nameBytes])));
    if (data.length > 0) writeSync(this.#fd, pad(data));
  }
}

function pad(data: Uint8Array): Uint8Array {
  const over = data.length % ALIGNMENT;
  return over === 0 ? data : Buffer.concat([data, new Uint8Array(ALIGNMENT - over)]);
}

/** The path without links in its folders; the last part stays what it is. */
export const canonical = (path: string): string => join(realpathSync(dirname(path)), basename(path));
