/** ICMP errors about segments of ours: believed only when they quote something in flight (RFC 5927). */
import type { NetworkError } from '../network.ts';
import { read16, read32 } from '../wire/bytes.ts';
import { type Connection, phase } from './connection.ts';
import type { TcpContext } from './context.ts';
import { headerSize } from './emit.ts';
import { ipHeaderSize, limitSegment, smallestMtu4, smallestMtu6 } from './segment-size.ts';
import { before, distance, notAfter, type SequenceNumber } from './sequence.ts';
import { tcpState } from './state.ts';

/** An ICMP error came; its addresses are ours and the peer's, as we sent them. */
export function networkErrorArrived(context: TcpContext, error: NetworkError): void {
  const { counters, memory, table } = context;
  if (error.quotedLength < 8) {
    counters.dropForeignError += 1;
    return;
  }
  const localPort = read16(memory.bytes, error.quoted);
  const remotePort = read16(memory.bytes, error.quoted + 2);
  const quoted = read32(memory.bytes, error.quoted + 4) as SequenceNumber;
  const entry = table.lookup(error.source, localPort, error.destination, remotePort);
  if (entry === null || entry.kind === 'timeWait') {
    counters.dropForeignError += 1;
    return;
  }
  if (entry.kind === 'halfOpen') {
    // RFC 5927, section 4.1: the sequence number must be ours; a SYN flood's victims answer so.
    if (quoted !== entry.initialSend || error.kind === 'packetTooBig') {
      counters.dropForeignError += 1;
      return;
    }
    counters.attemptsFailed += 1;
    entry.remove();
    return;
  }
  if (before(quoted, entry.sendUnacknowledged) || !before(quoted, entry.sendNext)) {
    counters.dropForeignError += 1;
    return;
  }
  if (error.kind === 'packetTooBig') packetTooBig(entry, error, quoted);
  else unreachable(entry, error);
}

/** RFC 1191, RFC 8201: segments become smaller, and what did not fit is sent again at once. */
function packetTooBig(connection: Connection, error: NetworkError, quoted: SequenceNumber): void {
  const { context, flight } = connection;
  const floor = connection.remoteAddress.isV4 ? smallestMtu4 : smallestMtu6;
  const mtu = Math.max(error.mtu, floor);
  // Another connection may have taught the route already: what counts is what this one sends.
  const used = connection.segmentSize + headerSize(connection) + ipHeaderSize(connection.route);
  if (mtu >= used) {
    context.counters.dropForeignError += 1;
    return;
  }
  context.counters.pathMtuReductions += 1;
  context.network.learnMtu(connection.remoteAddress, mtu);
  connection.refreshRoute();
  const sizeBefore = connection.segmentSize;
  limitSegment(connection);
  if (connection.segmentSize >= sizeBefore || connection.state === tcpState.synSent) return;
  // This is no congestion: the window stays (RFC 1191, section 6.5).
  for (let range = flight.first; range !== null; range = range.next) {
    if (range.isSacked || range.length <= connection.segmentSize) continue;
    if (notAfter(quoted, range.start) || distance(range.end, quoted) > 0) flight.markLost(range);
  }
  if (connection.phase === phase.open && flight.lost > 0) {
    connection.phase = phase.loss;
    connection.recoveryPoint = connection.sendNext;
    connection.undoArmed = false;
  }
  connection.schedule();
}

/** A soft error for connections that stand, the end of those being opened (RFC 5927, section 5; RFC 9293, 3.9.2.2). */
function unreachable(connection: Connection, error: NetworkError): void {
  if (connection.state !== tcpState.synSent) {
    connection.softError = error.error;
    return;
  }
  switch (error.kind) {
    case 'refused':
    case 'unreachable':
    case 'parameterProblem':
      connection.context.counters.attemptsFailed += 1;
      connection.fail(error.error);
      return;
    case 'timeExceeded':
    case 'packetTooBig':
      connection.softError = error.error;
      return;
    default: {
      const impossible: never = error.kind;
      throw new TypeError(`no such error: ${impossible}`);
    }
  }
}
