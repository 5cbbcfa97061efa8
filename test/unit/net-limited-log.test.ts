/** Peers can make the stack say something, but not as often as they like. */
import type { Counters } from '@runtimejs/net/environment.ts';
import { limitLog } from '@runtimejs/net/limited-log.ts';
import test from 'ava';
import { ConfiguredStack, second } from './net-dhcp-fixtures.ts';
import { advertisement, prefixOption } from './net-ipv6-fixtures.ts';

test('a flood of lines is cut off, counted, and told of afterwards', (t) => {
  const clock = { now: 0 };
  const counters: Counters = {};
  const lines: string[] = [];
  const log = limitLog((level, text) => lines.push(`${level} ${text}`), clock, counters);
  for (let n = 0; n < 1000; n += 1) log('info', String(n));
  t.is(lines.length, 100);
  t.is(lines[99], 'info 99');
  t.deepEqual(counters, { lines: 100, dropLines: 900 });
  clock.now += 5 * second;
  log('info', 'after');
  log('info', 'again too early');
  t.deepEqual(lines.slice(100), [
    'warn network: 900 lines were left out, there were too many',
    'info after',
  ]);
  clock.now += 3600 * second;
  log('error', 'a quiet hour later');
  t.is(lines.at(-1), 'error a quiet hour later');
});

test('routers that take turns are told of once', (t) => {
  const it = new ConfiguredStack({ default: { ipv4: 'off' } });
  const options = [prefixOption('2001:db8::')];
  for (let n = 0; n < 10; n += 1) {
    for (const from of ['fe80::1', 'fe80::9']) {
      it.device.inject(advertisement({ source: from, options }));
      it.advance(second);
    }
  }
  const told = it.logs.filter((line) => line.includes('from router'));
  t.is(told.length, 1, told.join('\n'));
});
