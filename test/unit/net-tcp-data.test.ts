/** Data in both directions: segments, windows, acknowledgements (RFC 9293, sections 3.7 and 3.8.6). */
import { loopbackV4 } from '@runtimejs/net/address.ts';
import { HostMemory, internetChecksum } from '@runtimejs/net/memory.ts';
import { Packet } from '@runtimejs/net/packet.ts';
import { Segment } from '@runtimejs/net/tcp/segment.ts';
import test from 'ava';
import { fakeHeader } from './support/fake-transports.ts';
import { TcpScript } from './support/tcp-script.ts';

const full = { mss: 1460, ws: 7, sackOk: true } as const;

test('data is cut into full segments, the last with PSH', (t) => {
  const script = new TcpScript().established();
  script.write(4000);
  script.expect('A 1+1460 ack 1');
  script.expect('A 1461+1460 ack 1');
  script.expect('PA 2921+1080 ack 1');
  script.quiet().peer('A 1+0 ack 4001').told('sendable').quiet();
  script.at(1000).quiet();
  t.is(script.user.send.length, 0);
});

test('timestamps take 12 bytes of every segment', (t) => {
  const script = new TcpScript().established({}, { mss: 1460, ts: 5 });
  script.write(3000);
  script.expect('A 1+1448 ack 1', 'ts', 'echo 5');
  script.expect('A 1449+1448 ack 1');
  script.expect('PA 2897+104 ack 1');
  t.pass();
});

test('a device with segmentation gets many segments at once', (t) => {
  const script = new TcpScript();
  script.route.segmentation = 65_535;
  script.route.checksumOffload = true;
  script.established();
  script.write(14_000);
  const segment = script.expect('PA 1+14000 ack 1');
  t.is(segment.segmentSize, 1460);
  script.peer('A 1+0 ack 14001').quiet();
});

test("the peer's window is never exceeded, and no silly segments are sent", (t) => {
  const script = new TcpScript().established({}, { mss: 1000, win: 2500 });
  script.write(5000);
  script.expect('A 1+1000 ack 1');
  script.expect('A 1001+1000 ack 1');
  script.quiet(); // 500 would fit, but a full segment would not (RFC 9293, 3.8.6.2.1)
  script.peer('A 1+0 ack 2001', { win: 2500 });
  script.expect('A 2001+1000 ack 1');
  script.expect('A 3001+1000 ack 1');
  script.quiet();
  t.pass();
});

test('a closed window is probed for as long as the peer answers', (t) => {
  const script = new TcpScript().established({}, { mss: 1000, win: 1000 });
  script.write(3000);
  script.expect('A 1+1000 ack 1');
  script.peer('A 1+0 ack 1001', { win: 0 });
  script.quiet();
  let probes = 0;
  for (let second = 1; second <= 3600; second += 1) {
    script.at(second * 1000);
    for (const segment of script.sent.splice(0)) {
      t.is(segment.text, 'A 1000+0 ack 1'); // one below what the peer expects
      probes += 1;
      script.peer('A 1+0 ack 1001', { win: 0 });
    }
  }
  t.true(probes >= 30 && probes < 60, `${probes} probes`);
  script.peer('A 1+0 ack 1001', { win: 2000 });
  script.expect('A 1001+1000 ack 1');
  script.expect('PA 2001+1000 ack 1');
});

test('a closed window that nobody answers for ends the connection', (t) => {
  const script = new TcpScript().established({}, { mss: 1000, win: 1000 });
  script.write(3000);
  script.peer('A 1+0 ack 1001', { win: 0 });
  script.at(3600_000);
  script.told('sendable', 'failed ETIMEDOUT').finished();
  t.is(script.counters.zeroWindowProbes, 15);
});

test('a window that opens only a little is used after a while', (t) => {
  const script = new TcpScript().established({}, { mss: 1000, win: 1000 });
  script.write(3000);
  script.expect('A 1+1000 ack 1');
  script.peer('A 1+0 ack 1001', { win: 300 }).quiet();
  script.after(1000);
  script.expect('A 1001+300 ack 1');
  t.pass();
});

test('Nagle holds a small segment while another small one is unacknowledged (Minshall)', (t) => {
  const script = new TcpScript().established();
  script.write(10).expect('PA 1+10 ack 1');
  script.write(10).quiet();
  script.write(20).quiet();
  script.peer('A 1+0 ack 11').expect('PA 11+30 ack 1');
  script.peer('A 1+0 ack 41');
  // A full segment in flight does not hold back a small one.
  script.write(1470);
  script.expect('A 41+1460 ack 1');
  script.expect('PA 1501+10 ack 1');
  t.pass();
});

test('TCP_NODELAY sends everything at once', (t) => {
  const script = new TcpScript().established({ noDelay: true });
  script.write(10).expect('PA 1+10 ack 1');
  script.write(10).expect('PA 11+10 ack 1');
  t.pass();
});

test('TCP_CORK holds small segments for 200 ms at most', (t) => {
  const script = new TcpScript().established({ cork: true, noDelay: true });
  script.write(10).quiet();
  script.after(150).quiet();
  script.after(60).expect('PA 1+10 ack 1');
  script.peer('A 1+0 ack 11');
  script.write(10).quiet();
  script.connection.settings.cork = false;
  script.do(() => script.connection.settingsChanged()).expect('PA 11+10 ack 1');
  t.pass();
});

test('quick acknowledgements at first, then delayed by 40 ms, every second full segment at once', (t) => {
  const script = new TcpScript().established();
  let at = 1;
  for (; script.sent.length > 0 || at === 1 || script.counters.fastPathData! < 16; at += 100) {
    script.sent.length = 0;
    script.peer(`PA ${at}+100 ack 1`);
    if (script.sent.length === 0) break;
  }
  t.true(script.counters.acknowledgmentsSent! >= 15);
  at += 100;
  script.after(39).quiet();
  script.after(2).expect(`A 1+0 ack ${at}`);
  script.peer(`A ${at}+1460 ack 1`);
  at += 1460;
  script.after(5).quiet();
  script.peer(`A ${at}+1460 ack 1`);
  at += 1460;
  script.expect(`A 1+0 ack ${at}`);
});

test('after a gap and after duplicates acknowledgements are quick for a while', (t) => {
  const script = new TcpScript().established();
  let at = 1;
  const segment = (): void => {
    script.sent.length = 0;
    script.peer(`PA ${at}+100 ack 1`);
    at += 100;
  };
  const untilDelayed = (): number => {
    for (let count = 0; count < 100; count += 1) {
      segment();
      if (script.sent.length === 0) {
        script.after(50);
        return count;
      }
    }
    return Number.POSITIVE_INFINITY;
  };
  t.true(untilDelayed() < 20);
  t.is(untilDelayed(), 0);
  script.peer(`PA ${at + 100}+100 ack 1`).peer(`PA ${at}+100 ack 1`);
  at += 200;
  const afterGap = untilDelayed();
  t.true(afterGap >= 3 && afterGap <= 4, `${afterGap}`);
  script.peer(`PA ${at - 100}+100 ack 1`);
  const afterDuplicate = untilDelayed();
  t.true(afterDuplicate >= 15 && afterDuplicate <= 16, `${afterDuplicate}`);
});

test('an answer carries the acknowledgement', (t) => {
  const script = new TcpScript().established();
  script.inject('PA 1+100 ack 1');
  script.write(200).expect('PA 1+200 ack 101');
  script.quiet();
  // From now on the exchange counts as interactive: acknowledgements wait for answers.
  script.after(10).peer('PA 101+100 ack 201').quiet();
  script.write(200).expect('PA 201+200 ack 201');
  script.after(100).quiet;
  t.is(script.counters.acknowledgmentsSent, 1); // the handshake's
});

test('segments of a turn are acknowledged together', (t) => {
  const script = new TcpScript().established();
  for (let at = 0; at < 10; at += 1) script.inject(`A ${1 + at * 1460}+1460 ack 1`);
  script.do(() => {});
  script.expect('A 1+0 ack 14601');
  script.quiet().told('receivable').take(14_600);
  t.is(script.counters.fastPathData, 10);
});

test('data ahead of a gap is kept and told by SACK, newest first', (t) => {
  const script = new TcpScript().established({}, full);
  script.peer('A 1001+1000 ack 1').expect('A 1+0 ack 1', 'sack 1001:2001');
  script.peer('A 3001+1000 ack 1').expect('A 1+0 ack 1', 'sack 3001:4001,1001:2001');
  script.peer('A 5001+500 ack 1').expect('A 1+0 ack 1', 'sack 5001:5501,3001:4001,1001:2001');
  script.peer('A 2001+1000 ack 1').expect('A 1+0 ack 1', 'sack 1001:4001,5001:5501');
  script.told();
  script.peer('A 1+1000 ack 1').expect('A 1+0 ack 4001', 'sack 5001:5501');
  script.told('receivable').take(4000);
  script.peer('A 4001+1000 ack 1').expect('A 1+0 ack 5501');
  script.take(1500);
  t.is(script.counters.outOfOrderReceived, 4);
});

test('with timestamps three blocks fit, without SACK none are sent', (t) => {
  const script = new TcpScript().established({}, { ...full, ts: 1 });
  for (const at of [1001, 3001, 5001, 7001]) script.peer(`A ${at}+100 ack 1`, { ts: 2 });
  t.true(script.sent.at(-1)?.parts.includes('sack 7001:7101,5001:5101,3001:3101'));
  const plain = new TcpScript().established();
  plain.peer('A 1001+100 ack 1');
  t.deepEqual(plain.sent[0]?.parts, [`win ${plain.sent[0]?.win}`]);
});

test('without SACK every segment out of order has its own duplicate acknowledgement in a turn', (t) => {
  const script = new TcpScript().established();
  script.inject('A 1461+1460 ack 1');
  script.inject('A 2921+1460 ack 1');
  script.inject('A 4381+1460 ack 1');
  script.do(() => {});
  for (let duplicate = 0; duplicate < 3; duplicate += 1) script.expect('A 1+0 ack 1');
  script.quiet();
  t.pass();
});

test('what came twice is told by a duplicate SACK (RFC 2883)', (t) => {
  const script = new TcpScript().established({}, full);
  script.peer('PA 1+1000 ack 1').expect('A 1+0 ack 1001');
  script.peer('PA 1+1000 ack 1').expect('A 1+0 ack 1001', 'sack 1:1001');
  script.peer('PA 501+1000 ack 1').expect('A 1+0 ack 1501', 'sack 501:1001');
  script.take(1500);
  script.peer('PA 2001+100 ack 1').expect('A 1+0 ack 1501', 'sack 2001:2101');
  script.peer('PA 2001+100 ack 1').expect('A 1+0 ack 1501', 'sack 2001:2101,2001:2101');
  t.is(script.counters.duplicateSacksSent, 3);
});

test('segments overlap in every way, and every byte arrives once', (t) => {
  const script = new TcpScript().established({}, full);
  script.peer('A 501+1000 ack 1').peer('A 1001+2000 ack 1').peer('A 401+50 ack 1');
  script.peer('A 301+1000 ack 1').peer('A 2901+50 ack 1').peer('A 1+3500 ack 1');
  t.is(script.user.receive.length, 3500);
  script.take(3500);
  t.is(script.sent.at(-1)?.ack, 3501);
});

test('the number of gaps is bounded', (t) => {
  const script = new TcpScript().established({}, full);
  for (let gap = 0; gap < 300; gap += 1) script.peer(`A ${2 + gap * 3}+1 ack 1`);
  t.is(script.counters.dropOutOfOrderLimit, 300 - 256);
  script.peer('A 1+900 ack 1').take(900);
});

test('segments may lie in many buffers', (t) => {
  const script = new TcpScript().established();
  script.peer('PA 1+1460 ack 1', { buffers: 37 }).take(1460);
  script.peer('A 2461+1000 ack 1', { buffers: 64 });
  script.peer('A 1461+1400 ack 1', { buffers: 101 }).take(2000);
  t.is(script.packetsInUse, 0);
});

test('a bad checksum, a short header and bad options are dropped and counted', (t) => {
  const script = new TcpScript().established();
  script.peer('PA 1+10 ack 1', { badChecksum: true }).quiet();
  script.receive(new Uint8Array(12));
  const bytes = new Uint8Array(20);
  bytes[12] = 0xf0;
  script.receive(bytes);
  t.is(script.counters.dropChecksum, 1);
  t.is(script.counters.dropTruncated, 1);
  t.is(script.counters.dropMalformed, 1);
  t.is(script.packetsInUse, 0);
});

test('the offered window closes when nobody reads, and an update opens it', (t) => {
  const script = new TcpScript().established({ receiveBuffer: 10_000 });
  for (let at = 1; at < 10_001; at += 1000) script.peer(`A ${at}+1000 ack 1`);
  t.is(script.sent.at(-1)?.win, 0);
  script.sent.length = 0;
  // Zero-window probes with data are answered, the data is not taken.
  script.peer('A 10001+1 ack 1').expect('A 1+0 ack 10001', 'win 0');
  t.is(script.user.receive.length, 10_000);
  t.is(script.connection.windowUpdateAfter, 1000);
  script.take(900, 900).quiet(); // silly window avoidance
  script.take(9100).expect('A 1+0 ack 10001', 'win 10000');
  t.is(script.connection.windowUpdateAfter, Number.POSITIVE_INFINITY);
});

test('the right edge of the window never goes back', (t) => {
  const script = new TcpScript().established({ receiveBuffer: 20_000 }, full);
  let edge = 0;
  let at = 1;
  for (let round = 0; round < 200; round += 1) {
    const length = 1 + ((round * 137) % 1400);
    script.peer(`A ${at}+${length} ack 1`);
    at += length;
    if (round % 3 === 0) script.take(script.user.receive.length);
    for (const segment of script.sent.splice(0)) {
      // Scaling cuts off the low bits (RFC 7323, section 2.4).
      t.true(segment.ack + segment.win >= edge, `${segment.ack + segment.win} after ${edge}`);
      edge = segment.ack + segment.win;
    }
  }
});

test('the receive window grows while the user takes what comes', (t) => {
  const script = new TcpScript().established({}, full);
  let at = 1;
  for (let round = 0; round < 60; round += 1) {
    script.after(10);
    const window = (script.sent.at(-1)?.win ?? 511) * 128;
    for (let sent = 0; sent + 1460 <= Math.min(window, 200_000); sent += 1460) {
      script.inject(`A ${at}+1460 ack 1`);
      at += 1460;
    }
    script.take(script.user.receive.length);
  }
  t.true((script.sent.at(-1)?.win ?? 0) * 128 > 300_000, `${(script.sent.at(-1)?.win ?? 0) * 128}`);
});

test('memory that is refused drops data, and the peer sends it again', (t) => {
  const script = new TcpScript().established();
  script.user.most = 4096;
  for (let at = 1; at < 5000; at += 1000) script.peer(`A ${at}+1000 ack 1`);
  t.is(script.counters.dropNoMemory, 1);
  t.is(script.user.receive.length, 4000);
  script.take(4000);
  script.peer('A 4001+1000 ack 1').take(1000);
});

test('a device without packets is asked again a little later', (t) => {
  const script = new TcpScript().established();
  script.noPackets = true;
  script.write(100).quiet();
  t.is(script.counters.dropNoPacket, 1);
  script.noPackets = false;
  script.after(10).expect('PA 1+100 ack 1');
});

test('TCP_INFO tells state, options and sizes', (t) => {
  const script = new TcpScript().established({}, { ...full, ts: 1 });
  script.write(100);
  const info = new Uint8Array(300);
  t.is(script.connection.info(info), 232);
  const view = new DataView(info.buffer);
  t.is(info[0], 1);
  t.is(info[5], 7);
  t.is(info[6], 0x77);
  t.is(view.getUint32(16, true), 1448);
  t.is(view.getUint32(24, true), 1);
  t.is(script.connection.info(new Uint8Array(104)), 104);
});

test('a checksum of 0 is right in both its forms: Linux writes it as 0xffff', (t) => {
  const memory = new HostMemory(4096);
  const packet = new Packet(1024, 2048, 0, () => {});
  packet.reset(0);
  const header = new Uint8Array([
    0, 80, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
  ]);
  const rest = ~internetChecksum(header, 0, header.length, 0) & 0xffff;
  const written = new Uint8Array([...header, rest >> 8, rest & 0xff]);
  packet.end = packet.start + written.length;
  const received = { ...fakeHeader(loopbackV4, loopbackV4), payloadLength: written.length };
  for (const [checksum, defect] of [
    [0, null],
    [0xffff, null],
    [1, 'dropChecksum'],
  ] as const) {
    written.set([checksum >> 8, checksum & 0xff], 16);
    memory.bytes.set(written, packet.start);
    t.is(new Segment().parse(memory, packet, received), defect, `${checksum}`);
  }
});
