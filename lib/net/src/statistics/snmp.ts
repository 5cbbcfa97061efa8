/** /proc/net/snmp: a line of names and a line of values for each protocol (proc(5), RFC 4293, 4022, 4113). */
import type { Counters } from '../environment.ts';
import { drops } from './proc-files.ts';
import type { NetworkCounters } from './publisher.ts';

type Row = readonly (readonly [name: string, value: number])[];

function render(protocol: string, row: Row): string {
  const names = row.map(([name]) => name).join(' ');
  const values = row.map(([, value]) => value).join(' ');
  return `${protocol}: ${names}\n${protocol}: ${values}\n`;
}

/** Renders the file from the counters by part; what a part does not count is 0. */
export function renderSnmp(counters: NetworkCounters): string {
  const part = (name: string): Counters => counters[name] ?? {};
  const tcp = part('tcp');
  const udp = part('udp');
  const ip = part('ipv4');
  const interfaces = Object.entries(counters).filter(([name]) => name.startsWith('interface.'));
  const sum = (name: string): number =>
    interfaces.reduce((total, [, each]) => total + (each[name] ?? 0), 0);
  const forwards = 2; // a host, not a router
  const defaultHopLimit = 64;
  const milliseconds = { least: 200, most: 120_000 };
  const vanJacobson = 4;
  return [
    render('Ip', [
      ['Forwarding', forwards],
      ['DefaultTTL', defaultHopLimit],
      ['InReceives', ip.received ?? sum('receivedPackets')],
      ['InDiscards', drops(ip)],
      ['OutRequests', sum('sentPackets')],
    ]),
    render('Tcp', [
      ['RtoAlgorithm', vanJacobson],
      ['RtoMin', milliseconds.least],
      ['RtoMax', milliseconds.most],
      ['MaxConn', -1],
      ['ActiveOpens', tcp.activeOpens ?? 0],
      ['PassiveOpens', tcp.passiveOpens ?? 0],
      ['AttemptFails', tcp.attemptsFailed ?? 0],
      ['EstabResets', tcp.establishedResets ?? 0],
      ['InSegs', tcp.segmentsReceived ?? 0],
      ['OutSegs', tcp.segmentsSent ?? 0],
      ['RetransSegs', tcp.segmentsRetransmitted ?? 0],
      ['InErrs', (tcp.dropTruncated ?? 0) + (tcp.dropMalformed ?? 0) + (tcp.dropChecksum ?? 0)],
      ['OutRsts', tcp.resetsSent ?? 0],
      ['InCsumErrors', tcp.dropChecksum ?? 0],
    ]),
    render('Udp', [
      ['InDatagrams', udp.received ?? 0],
      ['NoPorts', udp.dropNoPort ?? 0],
      ['InErrors', drops(udp)],
      ['OutDatagrams', udp.sent ?? 0],
      ['RcvbufErrors', part('sockets').datagramReceiveBufferFull ?? 0],
    ]),
  ].join('');
}
