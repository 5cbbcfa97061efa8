// Looks for faults in a capture with tshark: damaged or malformed packets, and what a TCP must not do.
// Field names: Wireshark's display filter reference.
import { rename, stat } from 'node:fs/promises';
import { execa } from 'execa';

/** What is known about a capture. */
export interface CaptureFacts {
  /** Path of the pcap file. */
  readonly file: string;
  /** The device finished the packets after the capture, so that checksums in it may be half done. */
  readonly offload: boolean;
  /** The network lost frames before they were captured, so gaps are no fault of the guest. */
  readonly lossy: boolean;
  /** Addresses of the guest: only what it sends is judged where the rules below say so. */
  readonly mac: string;
}

/** A capture that was looked through. */
export interface CaptureVerdict {
  readonly packets: number;
  /** A line for each fault, at most 20. */
  readonly faults: readonly string[];
}

/** Frames whose checksums are wrong. @param own the filter for frames of the guest */
function wrongChecksums(own: string): string[] {
  // Linux writes 0 as 0xffff for TCP as it does for UDP (skb_checksum_help), which receivers cannot tell apart.
  const isLinux = `(tcp.checksum.ffff && !(${own}))`;
  return [
    ...['ip', 'udp', 'icmp', 'icmpv6', 'igmp'].map((name) => `${name}.checksum.status == "Bad"`),
    `(tcp.checksum.status == "Bad" && !${isLinux})`,
  ];
}

/** What apps send is theirs: what tshark would make of it by the numbers of the ports is no fault. */
const asData = ['tcp.port==1-65535,data', 'udp.port==1024-65535,data'];

/** tshark is not installed, or the capture is not there. */
export class CaptureError extends Error {}

const mostFaults = 20;

/**
 * Looks through a capture.
 * @param facts the file, and what is known about it
 * @throws CaptureError when that is not possible
 */
export async function examineCapture(facts: CaptureFacts): Promise<CaptureVerdict> {
  const { size } = await stat(facts.file).catch(() => ({ size: 0 }));
  if (size === 0) throw new CaptureError(`There is no capture ${facts.file}.`);
  await takeVirtioHeadersAway(facts);
  const own = `eth.src == ${facts.mac}`;
  const rules = [
    ...(facts.offload ? [] : wrongChecksums(own)),
    // What the TAP device sent before the guest ran was recorded without such a header.
    `(eth.addr == ${facts.mac} && _ws.malformed)`,
    `(${own} && tcp.analysis.ack_lost_segment)`,
    ...(facts.lossy ? [] : [`(${own} && tcp.analysis.lost_segment)`]),
    `(${own} && _ws.expert.severity == "Error")`,
  ];
  const settings = ['ip', 'tcp', 'udp']
    .flatMap((protocol) => ['-o', `${protocol}.check_checksum:${facts.offload ? 'FALSE' : 'TRUE'}`])
    .concat([
      ...['-o', 'tcp.analyze_sequence_numbers:TRUE', '-o', 'tcp.desegment_tcp_streams:FALSE'],
    ]);
  const columns = ['frame.number', 'frame.time_relative', '_ws.col.Source', '_ws.col.Destination'];
  const fields = [...columns, '_ws.col.Protocol', '_ws.col.Info', '_ws.expert.message'];
  const found = await execa(
    'tshark',
    [
      ...asData.flatMap((rule) => ['-d', rule]),
      ...['-n', '-r', facts.file, '-Y', rules.join(' || '), ...settings],
      ...['-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
    ],
    { stdin: 'ignore', reject: false, maxBuffer: 1 << 28 },
  );
  if (found.failed) {
    const why =
      found.code === 'ENOENT'
        ? 'it is not installed (Debian: tshark)'
        : found.stderr.slice(0, 1000);
    throw new CaptureError(`tshark could not read ${facts.file}: ${why}`);
  }
  const lines = found.stdout.split('\n').filter(Boolean);
  const rest = lines.length - mostFaults;
  return {
    packets: await countPackets(facts.file),
    faults: [...lines.slice(0, mostFaults), ...(rest > 0 ? [`… and ${rest} more`] : [])],
  };
}

/** Bytes of struct virtio_net_hdr with num_buffers (virtio 1.2, 5.1.6). */
const virtioHeader = 12;

/**
 * Between a virtio card and a TAP device QEMU passes the offload's header along with each frame, and
 * QEMU 7.2 records it, too: nothing in such a file looks like Ethernet.
 * @throws CaptureError when no frame of the guest is in the file either way
 */
async function takeVirtioHeadersAway({ file, mac }: CaptureFacts): Promise<void> {
  if (await hasFramesOf(file, mac)) return;
  const shortened = `${file}.frames`;
  await execa('editcap', ['-F', 'pcap', '-C', `0:${virtioHeader}`, file, shortened]);
  if (!(await hasFramesOf(shortened, mac))) {
    throw new CaptureError(`No frame in ${file} is from ${mac}.`);
  }
  await rename(shortened, file);
}

async function hasFramesOf(file: string, mac: string): Promise<boolean> {
  const first = ['-c', '200', '-Y', `eth.addr == ${mac}`];
  const { stdout } = await execa('tshark', ['-n', '-r', file, ...first], { reject: false });
  return stdout !== '';
}

/** Counts the records of a pcap file, by its headers alone. Source: pcap-savefile(5). */
async function countPackets(file: string): Promise<number> {
  const { stdout } = await execa('capinfos', ['-c', '-M', '-T', '-r', file]);
  return Number(stdout.trim().split(/\s+/).at(-1));
}
