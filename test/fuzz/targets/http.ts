/**
 * The HTTP server's connection: requests that were damaged, cut anywhere, before clients that read when they
 * like. What becomes of bytes must not depend on how they come, and nothing may be kept beyond the limits.
 */
import { continueResponse } from '@runtimejs/http/wire/response.ts';
import { type Random, seededRandom } from '../../sim/support/random.ts';
import { readAll, TestClient } from '../../unit/support/http-client.ts';
import { bytesOf, corpus } from '../../unit/support/http-corpus.ts';
import { mutate } from '../support/mutate.ts';
import type { FuzzTarget } from '../support/target.ts';

const entries = corpus.filter(({ bytes }) => bytes.length < 600).map(({ bytes }) => bytes);
const limits = { head: 2048, target: 512, fields: 20, body: 4096, drain: 256 };

/** Damage that parsers of text are known to fall for. */
const splices = [
  '\r\n',
  '\n',
  '\r',
  ' ',
  '\t',
  '\0',
  ':',
  ',',
  ';',
  '0',
  '\r\n\r\n',
  '\x0b',
  'chunked',
];

function input(random: Random): string {
  let text = '';
  for (let count = random.integer(1, 4); count > 0; count -= 1) text += random.pick(entries);
  if (random.chance(0.3)) text = String.fromCharCode(...mutate(bytesOf(text), random));
  for (let count = random.pick([0, 0, 1, 1, 2, 4]); count > 0; count -= 1) {
    const at = random.integer(0, text.length);
    text = text.slice(0, at) + random.pick(splices) + text.slice(at + random.integer(0, 2));
  }
  return text;
}

/** Sends the pieces. @returns what the program saw, and what the client got */
function run(pieces: readonly string[], random: Random | undefined, room: number): string {
  const seen: string[] = [];
  const client = new TestClient(
    (exchange) => {
      readAll(exchange.body, (content, error) => {
        const { method, target, authority, fields } = exchange.head;
        const lines = Array.from(
          { length: fields.count },
          (_, index) => `${fields.name(index)}=${fields.value(index)}`,
        );
        if (error !== undefined) return;
        seen.push(JSON.stringify([method, target, authority, lines, content]));
        exchange.respond({ status: 200, reason: '', fields: [], body: `${content}.` });
      });
    },
    { limits, room },
  );
  const drain = (): void => {
    for (let turn = 0; client.room < 4096 && turn < 1000; turn += 1) {
      client.take(random?.integer(1, 2000) ?? 2000);
    }
  };
  for (const piece of pieces) {
    client.send(piece);
    if (random === undefined || random.chance(0.7)) drain();
    if (client.waiting > piece.length + limits.head * 2 + 64 * 1024)
      throw new Error('input piles up');
  }
  drain();
  client.finish();
  drain();
  const isOver = client.closed || client.aborted;
  if (!isOver && client.connection.deadline === Number.POSITIVE_INFINITY) {
    throw new Error('a connection that nothing ends');
  }
  // Whether a client is told to continue depends on whether its content was there; and of several things that
  // are wrong, the one that is seen first is told.
  const sent = client.sent
    .replaceAll(continueResponse, '')
    .replace(/HTTP\/1.1 [45].*$/s, 'refused');
  return `${seen.join('\n')}\n${sent}`;
}

export const httpTarget: FuzzTarget = {
  name: 'http',
  shortRun: 1500,
  run(seed) {
    const random = seededRandom(seed);
    const text = input(random);
    const whole = run([text], undefined, 1 << 20);
    const pieces: string[] = [];
    for (let at = 0; at < text.length; ) {
      const length = random.chance(0.5) ? random.integer(1, 4) : random.integer(1, 300);
      pieces.push(text.slice(at, at + length));
      at += length;
    }
    const cut = run(pieces, random, random.pick([1, 100, 5000]));
    if (cut === whole) return;
    throw new Error(
      `Whole and in pieces differ:\n${JSON.stringify(text)}\n--- whole\n${whole}\n--- pieces\n${cut}`,
    );
  },
};
