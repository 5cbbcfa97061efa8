/** TCP's states: opening and closing in every way of RFC 9293, section 3. */

import test from 'ava';
import { TcpScript } from './support/tcp-script.ts';

test('an active open offers its options and acknowledges the answer', (t) => {
  const script = new TcpScript().connect();
  script.expect('S 0+0', 'mss 1460', 'ws 7', 'sackOk', 'ts', 'win 65535');
  script.peer('SA 0+0 ack 1', { mss: 1460, ws: 7, sackOk: true, ts: 5 });
  script.expect('A 1+0 ack 1', 'echo 5');
  script.told('established').quiet();
  t.is(script.counters.activeOpens, 1);
});

test('a passive open goes through a half-open connection and is offered when complete', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1400, ws: 3, sackOk: true, ts: 77 });
  script.expect('SA 0+0 ack 1', 'mss 1460', 'ws 7', 'sackOk', 'echo 77');
  t.is(script.accepted.length, 0);
  script.peer('A 1+0 ack 1', { ts: [78, 0], win: 1000 });
  t.is(script.accepted.length, 1);
  script.quiet();
  script.write(100);
  script.expect('PA 1+100 ack 1');
  t.is(script.counters.passiveOpens, 1);
});

test('a SYN with no options gets none back but MSS', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0');
  const answer = script.expect('SA 0+0 ack 1', 'mss 1460');
  t.deepEqual(answer.parts, ['win 65535', 'mss 1460']);
  script.peer('A 1+0 ack 1');
  script.write(1000); // RFC 9293, 3.7.1: 536 without an option
  script.expect('A 1+536 ack 1');
  script.expect('PA 537+464 ack 1');
});

test('data may come with the acknowledgement that completes the handshake', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1460 }).expect('SA 0+0 ack 1');
  script.peer('PA 1+10 ack 1');
  script.expect('A 1+0 ack 11');
  script.told('receivable').take(10);
  t.pass();
});

test('a SYN is sent seven times, then the open times out', (t) => {
  const script = new TcpScript().connect();
  const times: number[] = [];
  script.at(200_000);
  for (const segment of script.sent) {
    t.is(segment.text, 'S 0+0');
    times.push(Math.round(segment.at / 1000));
  }
  t.deepEqual(times, [0, 1, 3, 7, 15, 31, 63]);
  script.told('failed ETIMEDOUT').finished();
});

test('a SYN with ACK is sent again, then the half-open connection is forgotten', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1460 });
  script.at(100_000);
  t.deepEqual(
    script.sent.map((segment) => Math.round(segment.at / 1000)),
    [0, 1, 3, 7, 15, 31],
  );
  t.is(script.tcp.connectionCount, 0);
  script.listener.close();
  script.finished();
});

test('the answer to a SYN that comes again is sent again', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1460 }).expect('SA 0+0 ack 1');
  script.after(300).peer('S 0+0', { mss: 1460 }).expect('SA 0+0 ack 1');
  script.peer('A 1+0 ack 1');
  t.is(script.accepted.length, 1);
});

test('RST with the right acknowledgement refuses an open, others are ignored', (t) => {
  const script = new TcpScript().connect();
  script.expect('S 0+0');
  script.peer('R 0+0').quiet().told();
  script.peer('RA 0+0 ack 500').quiet().told();
  script.peer('RA 0+0 ack 1').quiet().told('failed ECONNREFUSED').finished();
  t.is(script.counters.dropBlindReset, 1);
});

test('a wrong acknowledgement of a SYN is answered by RST', (t) => {
  const script = new TcpScript().connect();
  script.expect('S 0+0');
  script.peer('SA 0+0 ack 900').expect('R 900+0');
  script.peer('SA 0+0 ack 1', { mss: 1460 }).expect('A 1+0 ack 1');
  t.pass();
});

test('both sides may open at once (RFC 9293, figure 7)', (t) => {
  const script = new TcpScript().connect();
  script.expect('S 0+0');
  script.peer('S 0+0', { mss: 1460, ws: 2, ts: 9 });
  script.expect('SA 0+0 ack 1', 'mss 1460', 'ws 7', 'echo 9');
  script.peer('SA 0+0 ack 1', { mss: 1460, ws: 2, ts: 9 });
  script.peer('A 1+0 ack 1', { ts: 10 });
  script.told('established');
  script.sent.length = 0;
  script.write(5).expect('PA 1+5 ack 1');
  t.is(script.counters.simultaneousOpens, 1);
});

test('we close first: FIN_WAIT_1, FIN_WAIT_2, TIME_WAIT', (t) => {
  const script = new TcpScript().established();
  script.do(() => script.connection.shutdownSend()).expect('FA 1+0 ack 1');
  script.peer('A 1+0 ack 2').quiet();
  script.peer('PA 1+20 ack 2').told('receivable');
  script.peer('FA 21+0 ack 2');
  script.expect('A 2+0 ack 21');
  script.expect('A 2+0 ack 22');
  script.told('receiveEnded', 'closed').quiet();
  t.is(script.user.take(), 20);
  t.is(script.tcp.timeWaitCount, 1);
  // A FIN that comes again is acknowledged again, and the wait begins anew.
  script.after(30_000).peer('FA 21+0 ack 2').expect('A 2+0 ack 22');
  script.after(59_000);
  t.is(script.tcp.timeWaitCount, 1);
  script.after(2_000);
  script.finished();
});

test('the peer closes first: CLOSE_WAIT, LAST_ACK', (t) => {
  const script = new TcpScript().established();
  script.peer('FA 1+0 ack 1').expect('A 1+0 ack 2');
  script.told('receiveEnded');
  script.write(30).expect('PA 1+30 ack 2');
  script.peer('A 2+0 ack 31').told('sendable');
  script.do(() => script.connection.close()).expect('FA 31+0 ack 2');
  script.peer('A 2+0 ack 32').quiet().told('closed').finished();
  t.is(script.tcp.timeWaitCount, 0);
});

test('both sides close at once: CLOSING, TIME_WAIT', (t) => {
  const script = new TcpScript().established();
  script.do(() => script.connection.close()).expect('FA 1+0 ack 1');
  script.peer('FA 1+0 ack 1').expect('A 2+0 ack 2');
  script.told('receiveEnded');
  script.peer('A 2+0 ack 2').quiet().told('closed');
  t.is(script.tcp.timeWaitCount, 1);
  script.after(61_000).finished();
});

test('FIN goes with the last data, and data and FIN are acknowledged together', (t) => {
  const script = new TcpScript().established();
  script.user.write(100);
  script.do(() => script.connection.close()).expect('FPA 1+100 ack 1');
  script.peer('FA 1+0 ack 102').expect('A 102+0 ack 2');
  script.told('receiveEnded', 'sendable', 'closed');
  t.is(script.tcp.timeWaitCount, 1);
});

test('a FIN that comes before the data in front of it is remembered', (t) => {
  const script = new TcpScript().established();
  script.peer('FA 101+50 ack 1').expect('A 1+0 ack 1');
  script.told();
  script.peer('PA 1+100 ack 1').expect('A 1+0 ack 152');
  script.told('receivable', 'receiveEnded').take(150);
  const bare = new TcpScript().established();
  bare.peer('FA 101+0 ack 1').expect('A 1+0 ack 1');
  bare.peer('PA 1+100 ack 1').expect('A 1+0 ack 102');
  bare.told('receivable', 'receiveEnded').take(100);
  t.pass();
});

test('after close() data is answered by RST', (t) => {
  const script = new TcpScript().established();
  script.do(() => script.connection.close()).expect('FA 1+0 ack 1');
  script.peer('PA 1+10 ack 1').expect('RA 2+0 ack 1');
  script.told('closed').finished();
  t.is(script.counters.dropAfterClose, 1);
});

test('close() with unread data resets (RFC 2525, 2.17)', (t) => {
  const script = new TcpScript().established();
  script.peer('PA 1+10 ack 1').expect('A 1+0 ack 11');
  script.told('receivable');
  script.do(() => script.connection.close()).expect('RA 1+0 ack 11');
  script.told('closed').finished();
  t.pass();
});

test('an orphan in FIN_WAIT_2 is a small object and ends after a minute, or by FIN', (t) => {
  const script = new TcpScript().established();
  script.do(() => script.connection.close()).expect('FA 1+0 ack 1');
  script.peer('A 1+0 ack 2').told('closed');
  t.deepEqual(
    [...script.tcp.connections()].map(({ state }) => state),
    [5],
  );
  script.after(30_000).peer('FA 1+0 ack 2').expect('A 2+0 ack 2');
  t.deepEqual(
    [...script.tcp.connections()].map(({ state }) => state),
    [6],
  );
  script.after(61_000).finished();
});

test('close() in FIN_WAIT_2 lets the user go at once', (t) => {
  const script = new TcpScript().established();
  script.do(() => script.connection.shutdownSend()).expect('FA 1+0 ack 1');
  script.peer('A 1+0 ack 2').told();
  script.do(() => script.connection.close()).told('closed');
  t.is(script.tcp.timeWaitCount, 1);
  script.peer('PA 1+5 ack 2').expect('R 2+0');
  script.finished();
});

test('abort() sends RST and says nothing', (t) => {
  const script = new TcpScript().established();
  script.do(() => script.connection.abort()).expect('RA 1+0 ack 1');
  script.told().finished();
  t.pass();
});

test('shutdown before the handshake is complete sends FIN after it', (t) => {
  const script = new TcpScript().connect();
  script.expect('S 0+0');
  script.user.write(10);
  script.do(() => script.connection.shutdownSend()).quiet();
  script.peer('SA 0+0 ack 1', { mss: 1460 });
  script.expect('FPA 1+10 ack 1');
  script.peer('FA 1+0 ack 12').expect('A 12+0 ack 2');
  t.is(script.tcp.timeWaitCount, 1);
});

test('close() while connecting ends it without a segment', (t) => {
  const script = new TcpScript().connect();
  script.expect('S 0+0');
  script
    .do(() => script.connection.close())
    .quiet()
    .told('closed')
    .finished();
  t.pass();
});

test('RST in order ends a connection, with the error that read() gives', (t) => {
  const script = new TcpScript().established();
  script.peer('R 1+0').quiet().told('failed ECONNRESET').finished();
  t.is(script.counters.establishedResets, 1);
});

test('a SYN of a new connection takes the place of one in TIME_WAIT when it is newer (RFC 6191)', (t) => {
  const script = new TcpScript().listen();
  script.peer('S 0+0', { mss: 1460, ts: 100 }).expect('SA 0+0 ack 1');
  script.peer('A 1+0 ack 1', { ts: 101 });
  script.do(() => script.connection.close()).expect('FA 1+0 ack 1');
  script.peer('FA 1+0 ack 2', { ts: 102 }).expect('A 2+0 ack 2');
  t.is(script.tcp.timeWaitCount, 1);
  // Older or the same: the old connection is acknowledged.
  script.peer('S -500+0', { mss: 1460, ts: 90 }).expect('A 2+0 ack 2');
  script.peer('S 900+0', { mss: 1460, ts: 200 });
  script.expect('SA 0+0 ack 901');
  t.is(script.tcp.timeWaitCount, 0);
  t.is(script.counters.timeWaitReused, 1);
});

test('RST does not end TIME_WAIT (RFC 1337)', (t) => {
  const script = new TcpScript().established();
  script.do(() => script.connection.close()).expect('FA 1+0 ack 1');
  script.peer('FA 1+0 ack 2').expect('A 2+0 ack 2');
  script.peer('R 2+0 ack 2').quiet();
  t.is(script.tcp.timeWaitCount, 1);
});

test('the number of connections in TIME_WAIT is bounded', (t) => {
  const script = new TcpScript({ limits: { timeWait: 3 } });
  for (let round = 0; round < 5; round += 1) {
    script.user = script.newUser();
    script.established();
    script.do(() => script.connection.close()).expect('FA 1+0 ack 1');
    script.peer('FA 1+0 ack 2').expect('A 2+0 ack 2');
  }
  t.is(script.tcp.timeWaitCount, 3);
  t.is(script.counters.timeWaitEvicted, 2);
  script.after(61_000).finished();
});

test('a connection over IPv6 has the smaller segments of its header', (t) => {
  const script = new TcpScript({ isV6: true }).connect();
  script.expect('S 0+0', 'mss 1440');
  script.peer('SA 0+0 ack 1', { mss: 1440 }).expect('A 1+0 ack 1');
  script.write(3000);
  script.expect('A 1+1440 ack 1');
  script.expect('A 1441+1440 ack 1');
  t.pass();
});
