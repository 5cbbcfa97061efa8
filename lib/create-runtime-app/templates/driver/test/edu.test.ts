import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakePlatform } from '@runtimejs/platform/fake.ts';
import { attach } from '../src/edu/driver.ts';
import { FakeEdu } from './fake-edu.ts';

test('a factorial is computed, and told when the interrupt comes', () => {
  const platform = new FakePlatform();
  const fake = new FakeEdu(platform);
  const [device] = attach(platform);
  fake.compute();
  assert.deepEqual(platform.messages, []);
  platform.deliverInterrupts();
  assert.deepEqual(platform.messages, ['info: edu0: 10! = 3628800']);
  assert.equal(device?.counters.computed, 1);
});

test('a lost interrupt is found by the timer', () => {
  const platform = new FakePlatform();
  const fake = new FakeEdu(platform);
  attach(platform);
  fake.compute({ loseInterrupt: true });
  platform.advance(2_000_000);
  assert.deepEqual(platform.messages, ['info: edu0: 10! = 3628800']);
});

test('a device that never answers does not block the next request', () => {
  const platform = new FakePlatform();
  new FakeEdu(platform);
  const [device] = attach(platform);
  assert.equal(
    device?.factorial(3, () => {}),
    false,
    'it is busy with the first request',
  );
  platform.advance(2_000_000);
  assert.equal(device?.counters.timeouts, 1);
  assert.equal(
    device?.factorial(3, () => {}),
    true,
  );
});

test('numbers whose factorial is too large are refused', () => {
  const platform = new FakePlatform();
  const fake = new FakeEdu(platform);
  const [device] = attach(platform);
  fake.compute();
  platform.deliverInterrupts();
  for (const number of [13, -1, 1.5, Number.NaN]) {
    assert.equal(
      device?.factorial(number, () => {}),
      false,
    );
  }
});

test('another device under the same number is left out, and said so', () => {
  const platform = new FakePlatform();
  new FakeEdu(platform, 0xdead_beef);
  assert.deepEqual(attach(platform), []);
  assert.match(platform.messages[0] ?? '', /left out .* does not identify itself/);
});
