// Captures with tcpdump, reads the file itself, and has tshark as a second opinion.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { must, type Running, sleep } from './command.ts';
import { EMULATED } from './emulation.ts';
import type { Namespace } from './namespace.ts';
import { faults, type Ipv4, parseFrame } from './packet.ts';
import { ownFolder } from './registry.ts';

/** Classic pcap: a 24-byte file header, then 16 bytes before each packet. */
const FILE_HEADER = 24;
const PACKET_HEADER = 16;
const PCAP_MAGIC = 0xa1b2c3d4;
/** More than a frame; of a super-packet only the beginning is kept. */
const SNAPSHOT = 2_048;
const BUFFER_KIB = 32_768;

/** Wireshark's `..._CHECKSUM_E_BAD`. */
const BAD = 0;

function readPcap(file: string): Buffer[] {
  const bytes = readFileSync(file);
  if (bytes.length < FILE_HEADER || bytes.readUInt32LE(0) !== PCAP_MAGIC) throw new Error(`${file}: no pcap`);
  const frames: Buffer[] = [];
  for (let at = FILE_HEADER; at + PACKET_HEADER <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 8);
    at += PACKET_HEADER;
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
}

export class Capture {
  readonly file: string;
  private readonly tcpdump: Running;

  private constructor(file: string, tcpdump: Running) {
    this.file = file;
    this.tcpdump = tcpdump;
  }

  /** Returns once tcpdump listens. `filter` in pcap-filter(7) syntax. */
  static async start(
    t: ExecutionContext,
    namespace: Namespace,
    device: string,
    filter: string = 'ip',
  ): Promise<Capture> {
    const folder = mkdtempSync(join(tmpdir(), 'tsl-capture-'));
    ownFolder(folder);
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'capture.pcap');
    const tcpdump = namespace.start([
      ...['tcpdump', '-i', device, '-w', file, '-Z', 'root', '-U', '--immediate-mode'],
      // In immediate mode each packet takes a slot of the snapshot length out of the buffer.
      ...['-s', `${SNAPSHOT}`, '-B', `${BUFFER_KIB}`],
      ...filter.split(' '),
    ]);
    const capture = new Capture(file, tcpdump);
    t.teardown(() => capture.stop());
    await tcpdump.says(/listening on/);
    return capture;
  }

  /** Stops listening; what was captured can be read from then on. */
  async stop(): Promise<void> {
    if (this.tcpdump.process.exitCode !== null) return;
    await sleep(200);
    const { stderr } = await this.tcpdump.stop('SIGINT');
    // A capture with holes proves nothing about what never happened.
    if (!/^0 packets dropped by kernel/m.test(stderr)) throw new Error(`${this.tcpdump.command}: ${stderr}`);
  }

  frames(): readonly Buffer[] {
    return readPcap(this.file);
  }

  packets(): readonly Ipv4[] {
    return this.frames()
      .map(parseFrame)
      .filter((packet) => packet !== undefined);
  }

  /** Every checksum of every packet, by our own reckoning and by tshark's. @returns complaints */
  async faults(): Promise<string[]> {
    const filter = ['ip', 'tcp', 'udp', 'icmp', 'icmpv6', 'dccp']
      .map((protocol) => `${protocol}.checksum.status==${BAD}`)
      .join(' || ');
    // A second opinion on bytes, which depends on no kernel.
    const listing = EMULATED ? '' : await this.tshark(['-Y', filter]);
    return [
      ...this.packets().flatMap((packet) => faults(packet)),
      ...listing
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `tshark: ${line}`),
    ];
  }

  tshark(args: readonly string[]): Promise<string> {
    const verify = ['ip', 'tcp', 'udp', 'udplite', 'dccp'].flatMap((protocol) => [
      '-o',
      `${protocol}.check_checksum:TRUE`,
    ]);
    return must('tshark', ['-n', '-r', this.file, ...verify, ...args]);
  }
}
