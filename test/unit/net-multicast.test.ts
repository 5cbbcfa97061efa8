/** MLD and IGMP: what routers are told of memberships, with lost reports and old routers. */
import { parseIgmp } from '@runtimejs/net/wire/igmp.ts';
import { parseMldQuery } from '@runtimejs/net/wire/mld.ts';
import test from 'ava';
import { ConfiguredStack, second } from './net-dhcp-fixtures.ts';
import {
  addressBytes,
  checksumOf,
  ethernet,
  ip,
  ipv4,
  ipv4Type,
  openIpv4,
  word16,
} from './net-ip-fixtures.ts';
import { icmpv6Of, message, type Opened, textOf } from './net-ipv6-fixtures.ts';

const group4 = '239.1.2.3';
const group6 = 'ff05::1234';

/** A stack whose first reports are over. */
function quiet(): ConfiguredStack {
  const it = new ConfiguredStack({ default: { ipv4: { addresses: ['192.168.1.2/24'] } } });
  it.advance(5 * second);
  it.take();
  return it;
}

interface Report {
  readonly at: number;
  readonly kind: string;
  readonly records: string[];
}

/** Records of a report: `type group`. */
function mldRecords({ bytes }: Opened): string[] {
  const records: string[] = [];
  const count = ((bytes[6] as number) << 8) | (bytes[7] as number);
  let at = 8;
  for (let n = 0; n < count; n += 1) {
    const sources = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
    const list = Array.from({ length: sources }, (_, k) =>
      textOf(bytes.slice(at + 20 + 16 * k, at + 36 + 16 * k)),
    );
    records.push([bytes[at], textOf(bytes.slice(at + 4, at + 20)), ...list].join(' '));
    at += 20 + 16 * sources;
  }
  if (at !== bytes.length) throw new Error('the report has another length than its records');
  return records;
}

/** MLD messages that were sent, checked as RFC 3810 wants them. */
function mld(it: ConfiguredStack): Report[] {
  return icmpv6Of(it.take())
    .filter((one) => [131, 132, 143].includes(one.type))
    .map((one) => {
      if (!one.routerAlert || one.hopLimit !== 1) throw new Error('no router alert, or hop limit');
      const group = textOf(one.bytes.slice(8, 24));
      const expected = one.type === 143 ? 'ff02::16' : one.type === 132 ? 'ff02::2' : group;
      if (one.destination !== expected) throw new Error(`sent to ${one.destination}`);
      const records = one.type === 143 ? mldRecords(one) : [group];
      return {
        at: it.now,
        kind: ['v1', 'done', 'v2'][[131, 132, 143].indexOf(one.type)]!,
        records,
      };
    });
}

/** IGMP messages that were sent. */
function igmp(it: ConfiguredStack): Report[] {
  return it
    .take()
    .filter((frame) => frame[12] === 8 && frame[13] === 0 && frame[23] === 2)
    .map((frame) => {
      const { payload, options, timeToLive, destination } = openIpv4(frame);
      if (options.join() !== '148,4,0,0' || timeToLive !== 1) throw new Error('no router alert');
      if (checksumOf(payload) !== 0) throw new Error('the IGMP checksum is wrong');
      const group = payload.slice(4, 8).join('.');
      switch (payload[0]) {
        case 0x22: {
          if (destination !== '224.0.0.22') throw new Error(`sent to ${destination}`);
          const count = ((payload[6] as number) << 8) | (payload[7] as number);
          const records: string[] = [];
          let at = 8;
          for (let n = 0; n < count; n += 1) {
            const sources = payload[at + 3] as number;
            const list = Array.from({ length: sources }, (_, k) =>
              payload.slice(at + 8 + 4 * k, at + 12 + 4 * k).join('.'),
            );
            records.push([payload[at], payload.slice(at + 4, at + 8).join('.'), ...list].join(' '));
            at += 8 + 4 * sources;
          }
          return { at: it.now, kind: 'v3', records };
        }
        case 0x17:
          if (destination !== '224.0.0.2') throw new Error(`sent to ${destination}`);
          return { at: it.now, kind: 'leave', records: [group] };
        default:
          if (destination !== group) throw new Error(`sent to ${destination}`);
          return { at: it.now, kind: payload[0] === 0x16 ? 'v2' : 'v1', records: [group] };
      }
    });
}

/** Lets time pass and collects what was reported on the way. */
function watch(
  it: ConfiguredStack,
  seconds: number,
  read: (it: ConfiguredStack) => Report[],
): Report[] {
  const end = it.now + seconds * second;
  const found: Report[] = read(it);
  for (let next = it.run(); next <= end; next = it.run()) {
    it.environment.clock.now = next;
    found.push(...read(it));
  }
  it.environment.clock.now = end;
  return found;
}

function mldQuery(group: string, response: number, extra?: { sources?: string[]; v1?: boolean }) {
  const sources = extra?.sources ?? [];
  const tail =
    extra?.v1 === true ? [] : [2, 125, ...word16(sources.length), ...sources.flatMap(addressBytes)];
  const body = [...word16(response), 0, 0, ...addressBytes(group), ...tail];
  const destination = group === '::' ? 'ff02::1' : group;
  return message(130, 0, body, { hopLimit: 1, destination });
}

function igmpFrame(bytes: number[], destination = '224.0.0.1'): number[] {
  const payload = [...bytes];
  payload.splice(2, 2, ...word16(checksumOf([...bytes.slice(0, 2), 0, 0, ...bytes.slice(4)])));
  const target = addressBytes(destination);
  const hardware = [1, 0, 0x5e, (target[1] as number) & 0x7f, ...target.slice(2)];
  const packet = ipv4({
    destination,
    protocol: 2,
    timeToLive: 1,
    options: [148, 4, 0, 0],
    payload,
  });
  return ethernet(ipv4Type, packet, hardware);
}

function igmpQuery(group: string, code: number, extra?: { sources?: string[]; old?: boolean }) {
  const sources = extra?.sources ?? [];
  const tail =
    extra?.old === true
      ? []
      : [2, 125, ...word16(sources.length), ...sources.flatMap(addressBytes)];
  return igmpFrame([0x11, code, 0, 0, ...addressBytes(group), ...tail]);
}

test('at boot the solicited-node groups are reported in one message, twice', (t) => {
  const it = new ConfiguredStack({ default: { ipv4: 'off' } });
  const reports = watch(it, 10, mld);
  t.is(reports.length, 2);
  for (const { kind, records } of reports) {
    t.is(kind, 'v2');
    t.deepEqual(records, ['4 ff02::1:ff00:1']);
  }
  t.true(reports[1]!.at - reports[0]!.at <= second + 1);
});

test('joining and leaving is reported twice, by both protocols', (t) => {
  const it = quiet();
  it.eth0.joinGroup(ip(group6));
  it.eth0.joinGroup(ip(group6));
  let reports = watch(it, 5, mld);
  t.deepEqual(
    reports.map(({ records }) => records),
    [[`4 ${group6}`], [`4 ${group6}`]],
  );
  it.eth0.leaveGroup(ip(group6));
  t.deepEqual(watch(it, 5, mld), [], 'one member is left');
  it.eth0.leaveGroup(ip(group6));
  reports = watch(it, 5, mld);
  t.deepEqual(
    reports.map(({ records }) => records),
    [[`3 ${group6}`], [`3 ${group6}`]],
  );

  it.eth0.joinGroup(ip(group4));
  it.eth0.joinGroup(ip('239.1.2.4'));
  reports = watch(it, 5, igmp);
  t.deepEqual(reports[0]?.records, [`4 ${group4}`, '4 239.1.2.4'], 'changes of a turn go together');
  t.is(reports.length, 2);
  it.eth0.leaveGroup(ip(group4));
  reports = watch(it, 5, igmp);
  t.deepEqual(
    reports.map(({ records }) => records),
    [[`3 ${group4}`], [`3 ${group4}`]],
  );
});

test('a general query is answered once, with all groups, within its time', (t) => {
  const it = quiet();
  it.eth0.joinGroup(ip(group6));
  it.eth0.joinGroup(ip(group4));
  it.advance(5 * second);
  it.take();
  const began = it.now;
  it.device.inject(mldQuery('::', 10_000));
  it.device.inject(mldQuery('::', 10_000));
  let reports = watch(it, 12, mld);
  t.is(reports.length, 1);
  t.deepEqual(reports[0]?.records.sort(), ['2 ff02::1:ff00:1', `2 ${group6}`]);
  t.true(reports[0]!.at - began <= 10 * second);
  it.device.inject(igmpQuery('0.0.0.0', 100));
  reports = watch(it, 12, igmp);
  t.deepEqual(
    reports.map(({ records }) => records),
    [[`2 ${group4}`]],
  );
});

test('a query about a group, or about sources of it, is answered for that group alone', (t) => {
  const it = quiet();
  it.eth0.joinGroup(ip(group6));
  it.advance(5 * second);
  it.take();
  it.device.inject(mldQuery(group6, 1000));
  t.deepEqual(
    watch(it, 2, mld).map(({ records }) => records),
    [[`2 ${group6}`]],
  );
  it.device.inject(mldQuery(group6, 1000, { sources: ['2001:db8::7', '2001:db8::8'] }));
  t.deepEqual(
    watch(it, 2, mld).map(({ records }) => records),
    [[`1 ${group6} 2001:db8::7 2001:db8::8`]],
  );
  it.device.inject(mldQuery('ff05::9999', 1000));
  t.deepEqual(watch(it, 2, mld), []);
});

test('to an old router the old version is spoken, and later the new one again', (t) => {
  const it = quiet();
  it.eth0.joinGroup(ip(group6));
  it.advance(5 * second);
  it.take();
  it.device.inject(mldQuery('::', 2000, { v1: true }));
  let reports = watch(it, 5, mld);
  t.deepEqual(reports.map(({ kind, records }) => `${kind} ${records}`).sort(), [
    'v1 ff02::1:ff00:1',
    `v1 ${group6}`,
  ]);
  // Another listener answers first: we keep quiet, and do not say when we leave.
  it.device.inject(mldQuery(group6, 5000, { v1: true }));
  it.run();
  it.device.inject(
    message(131, 0, [0, 0, 0, 0, ...addressBytes(group6)], { hopLimit: 1, destination: group6 }),
  );
  t.deepEqual(watch(it, 6, mld), []);
  it.eth0.leaveGroup(ip(group6));
  t.deepEqual(watch(it, 2, mld), []);
  it.eth0.joinGroup(ip(group6));
  watch(it, 3, mld);
  it.eth0.leaveGroup(ip(group6));
  t.deepEqual(
    watch(it, 2, mld).map(({ kind }) => kind),
    ['done'],
  );
  it.advance(300 * second);
  it.eth0.joinGroup(ip(group6));
  reports = watch(it, 3, mld);
  t.deepEqual(
    reports.map(({ kind }) => kind),
    ['v2', 'v2'],
  );
});

test('IGMPv2 and IGMPv1 routers', (t) => {
  const it = quiet();
  it.eth0.joinGroup(ip(group4));
  it.advance(5 * second);
  it.take();
  it.device.inject(igmpQuery('0.0.0.0', 20, { old: true }));
  t.deepEqual(
    watch(it, 3, igmp).map(({ kind }) => kind),
    ['v2'],
  );
  it.eth0.leaveGroup(ip(group4));
  t.deepEqual(
    watch(it, 3, igmp).map(({ kind }) => kind),
    ['leave'],
  );
  it.device.inject(igmpQuery('0.0.0.0', 0, { old: true }));
  it.run();
  it.eth0.joinGroup(ip(group4));
  t.true(watch(it, 15, igmp).every(({ kind }) => kind === 'v1'));
  it.eth0.leaveGroup(ip(group4));
  t.deepEqual(watch(it, 3, igmp), [], 'version 1 has no such message');
});

test('queries that routers would not send are counted, not answered', (t) => {
  const it = quiet();
  const wrong: [string, number[]][] = [
    ['drop: hop limit is not 1', message(130, 0, mldQuery('::', 1).slice(58), { hopLimit: 255 })],
    [
      'drop: source is not link-local',
      message(130, 0, mldQuery('::', 1).slice(58), { hopLimit: 1, source: '2001:db8::1' }),
    ],
    ['drop: too short', message(130, 0, new Array(21).fill(0), { hopLimit: 1 })],
    [
      'drop: sources truncated',
      message(130, 0, [...mldQuery('::', 1).slice(58, -1), 9], { hopLimit: 1 }),
    ],
    [
      'drop: group is not a multicast address',
      message(130, 0, [0, 1, 0, 0, ...addressBytes('2001:db8::1')], { hopLimit: 1 }),
    ],
  ];
  for (const [reason, frame] of wrong) {
    it.exchange(frame);
    t.is(it.counter('mld.eth0', reason), 1, reason);
  }
  const wrong4: [string, number[]][] = [
    ['drop: too short', igmpFrame([0x11, 1, 0, 0, 0, 0, 0])],
    ['drop: group is not a multicast address', igmpFrame([0x11, 1, 0, 0, 10, 0, 0, 1])],
    ['drop: sources truncated', igmpFrame([0x11, 1, 0, 0, 0, 0, 0, 0, 2, 125, 0, 9])],
    ['drop: unknown type', igmpFrame([0x99, 1, 0, 0, 0, 0, 0, 0])],
  ];
  for (const [reason, frame] of wrong4) {
    it.exchange(frame);
    t.is(it.counter('igmp', reason), 1, reason);
  }
  const broken = igmpQuery('0.0.0.0', 1);
  broken[broken.length - 1] = 77;
  it.exchange(broken);
  t.is(it.counter('igmp', 'drop: checksum is wrong'), 1);
  t.deepEqual(watch(it, 20, mld), []);
});

test('random queries neither break anything nor make us chatter', (t) => {
  const it = quiet();
  for (let n = 0; n < 300; n += 1) it.eth0.joinGroup(ip(`ff05::${(n + 1).toString(16)}`));
  it.advance(5 * second);
  it.take();
  for (let run = 0; run < 1000; run += 1) {
    const body = Array.from({ length: 16 + it.random(40) }, () => it.random(256));
    if (it.random(2) === 0) body.splice(4, 16, ...addressBytes('::'));
    else body.splice(4, 1, 0xff);
    it.device.inject(message(130, 0, body, { hopLimit: 1 }));
    const bytes = Array.from({ length: it.random(40) }, () => it.random(256));
    bytes[0] = 0x11;
    it.device.inject(igmpFrame(bytes));
    it.run();
    const raw = Uint8Array.from(body);
    parseMldQuery(raw, 0, it.random(raw.length + 1), ip('fe80::1'), 1);
    parseIgmp(raw, 0, it.random(raw.length + 1));
  }
  it.advance(60 * second);
  t.true(it.device.sent.length < 3000, `${it.device.sent.length}`);
  t.true(it.device.sent.every((frame) => frame.length <= 1514));
  t.is(it.device.outstanding, 0);
});

test('a link that comes back hears all memberships again', (t) => {
  const it = quiet();
  it.eth0.joinGroup(ip(group6));
  it.advance(5 * second);
  it.device.setLink(false);
  it.take();
  t.deepEqual(watch(it, 20, mld), []);
  it.device.setLink(true);
  const first = watch(it, 3, mld)[0];
  t.deepEqual(first?.records.sort(), ['4 ff02::1:ff00:1', `4 ${group6}`]);
});
