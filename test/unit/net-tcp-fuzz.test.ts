/** Random segments, options and calls: nothing throws, nothing leaks, bounds hold. A failing seed is named. */
import test from 'ava';
import { type SegmentExtras, TcpScript } from './support/tcp-script.ts';

const runs = Number(process.env.FUZZ_RUNS ?? 150);
const first = Number(process.env.FUZZ_SEED ?? 1);

/** A small generator of numbers: xorshift. */
function generator(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function runOnce(seed: number): void {
  const next = generator(seed);
  const pick = <T>(values: readonly T[]): T => values[next(values.length)] as T;
  const script = new TcpScript({ limits: { timeWait: 4 } });
  script.checksContent = false;
  const isServer = next(2) === 0;
  const settings = { noDelay: next(2) === 0, keepAlive: next(2) === 0, keepAliveIdle: 5 };
  if (isServer) script.listen(settings, 4);
  else script.connect(settings);
  const extras = (): SegmentExtras => {
    const result: SegmentExtras = { win: pick([0, 1, 100, 5000, 65_535]), fill: 0 };
    if (next(3) === 0) result.mss = pick([0, 1, 88, 536, 1460, 65_535]);
    if (next(3) === 0) result.ws = pick([0, 7, 14, 200]);
    if (next(3) === 0) result.sackOk = true;
    if (next(2) === 0) result.ts = [next(2000) + script.now / 1000, -next(50)];
    if (next(4) === 0) {
      result.sack = Array.from({ length: 1 + next(3) }, () => [next(8000), next(8000)]);
    }
    if (next(5) === 0) result.buffers = 61 + next(200);
    if (next(8) === 0) result.from = 4000 + next(12);
    return result;
  };
  let received = 1;
  for (let step = 0; step < 200; step += 1) {
    const sequence = next(4) === 0 ? next(70_000) - 2000 : received + next(3) * 50;
    const length = pick([0, 0, 1, 50, 100, 1460]);
    const flags = pick([
      'A',
      'A',
      'A',
      'PA',
      'PA',
      'FA',
      'S',
      'SA',
      'R',
      'RA',
      '',
      'F',
      'SF',
      'UA',
    ]);
    const newest = script.sent.at(-1);
    const acknowledgment =
      newest === undefined || next(5) === 0 ? next(20_000) : newest.seq + newest.length;
    script.inject(`${flags} ${sequence}+${length} ack ${acknowledgment}`, extras());
    if (newest !== undefined && newest.ack > received) received = newest.ack;
    if (script.connection !== undefined) {
      if (next(3) === 0) script.user.write(next(3000));
      if (script.user.send.length < 200_000 && next(3) === 0) script.connection.sendMore();
      if (next(40) === 0) script.connection.shutdownSend();
      if (next(150) === 0) script.connection.close();
      if (next(150) === 0) script.connection.abort();
      if (next(60) === 0) script.connection.settingsChanged();
      if (next(60) === 0) script.connection.info(new Uint8Array(232));
      script.connection.received();
    }
    if (next(30) === 0)
      script.icmp(pick(['packetTooBig', 'unreachable']), next(9000), 'EHOSTUNREACH', next(1600));
    if (next(2) === 0) script.do(() => {});
    script.noPackets = next(20) === 0;
    if (next(4) === 0) script.after(pick([0.1, 5, 50, 500, 20_000]));
  }
  script.noPackets = false;
  if (script.connection !== undefined) script.connection.abort();
  for (const { connection } of script.accepted) connection.abort();
  if (isServer) script.listener.close();
  script.after(200_000);
  script.tcp.stop();
  script.after(1);
  script.finished();
}

test(`${runs} random conversations`, (t) => {
  for (let seed = first; seed < first + runs; seed += 1) {
    try {
      runOnce(seed);
    } catch (error) {
      t.fail(`FUZZ_SEED=${seed} FUZZ_RUNS=1: ${(error as Error).stack}`);
      return;
    }
  }
  t.pass();
});

test('random bytes as packets are refused without harm', (t) => {
  const next = generator(99);
  const script = new TcpScript().established({}, { mss: 1460, ws: 7, sackOk: true, ts: 1 });
  const before = script.counters.segmentsReceived!;
  for (let count = 0; count < 3000; count += 1) {
    const bytes = Uint8Array.from({ length: next(90) }, () => next(256));
    if (bytes.length > 13) {
      // Often enough a header that fits, for our connection.
      if (next(2) === 0) bytes[12] = (5 + next(11)) << 4;
      new DataView(bytes.buffer).setUint16(0, script.peerPort);
      new DataView(bytes.buffer).setUint16(2, script.localPort);
    }
    script.receive(bytes);
  }
  t.is(script.counters.segmentsReceived! - before, 3000);
  t.true(
    script.counters.dropChecksum! +
      script.counters.dropMalformed! +
      script.counters.dropTruncated! >=
      2990,
  );
  t.is(script.packetsInUse, 0);
});
