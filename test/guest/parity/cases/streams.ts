import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { createInterface as createPromisedInterface } from 'node:readline/promises';
import { Duplex, PassThrough, Readable, Transform, Writable } from 'node:stream';
import { buffer, json, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { digest, errorOf, type Group, patternBytes } from '../collector.ts';

export const streams: Group = {
  name: 'streams',
  cases: {
    'a pipeline with a transform': async (log) => {
      const upper = new Transform({
        transform(chunk, _encoding, done) {
          done(null, String(chunk).toUpperCase());
        },
      });
      const chunks: string[] = [];
      const sink = new Writable({
        write(chunk, _encoding, done) {
          chunks.push(String(chunk));
          setImmediate(done);
        },
      });
      await pipeline(Readable.from(['a', 'b', 'c']), upper, sink);
      log(chunks);
    },

    'generators in a pipeline': async (log) => {
      const result: number[] = [];
      await pipeline(
        async function* () {
          for (let n = 0; n < 100; n++) yield n;
        },
        async function* (numbers: AsyncIterable<number>) {
          for await (const n of numbers) if (n % 7 === 0) yield n * n;
        },
        async (numbers: AsyncIterable<number>) => {
          for await (const n of numbers) result.push(n);
        },
      );
      log(result);
    },

    backpressure: async (log) => {
      let refused = 0;
      const slow = new Writable({
        highWaterMark: 1024,
        write(_chunk, _encoding, done) {
          setImmediate(done);
        },
      });
      for (let index = 0; index < 50; index++) {
        if (!slow.write(Buffer.alloc(512))) {
          refused++;
          await once(slow, 'drain');
        }
      }
      slow.end();
      await once(slow, 'finish');
      log(refused);
    },

    'errors travel through a pipeline': async (log) => {
      const failing = new Transform({
        transform(_chunk, _encoding, done) {
          done(new TypeError('refused'));
        },
      });
      const source = Readable.from(['x']);
      log(await errorOf(() => pipeline(source, failing, new PassThrough())), source.destroyed);
      const controller = new AbortController();
      const endless = Readable.from(
        (async function* () {
          for (;;) yield await new Promise((resolve) => setImmediate(resolve, 'tick'));
        })(),
      );
      setTimeout(() => controller.abort(), 5);
      log(
        await errorOf(() =>
          pipeline(endless, new PassThrough().resume(), { signal: controller.signal }),
        ),
      );
    },

    consumers: async (log) => {
      log(await text(Readable.from(['eins ', 'zwei'])));
      log(await json(Readable.from(['{"a":', '[1,2]}'])));
      log(digest(await buffer(Readable.from([patternBytes(100_000, 3)]))));
      log(
        await Readable.from([1, 2, 3, 4])
          .filter((n: number) => n % 2 === 0)
          .map((n: number) => n * 10)
          .toArray(),
      );
    },

    'web streams': async (log) => {
      const source = new ReadableStream<string>({
        start(controller) {
          for (const word of ['one', 'two', 'three']) controller.enqueue(word);
          controller.close();
        },
      });
      const [left, right] = source.tee();
      const encoded = left
        .pipeThrough(new TextEncoderStream())
        .pipeThrough(new TextDecoderStream());
      log(await Array.fromAsync(encoded), await Array.fromAsync(right));
      const compressed = new Blob([patternBytes(50_000, 4)])
        .stream()
        .pipeThrough(new CompressionStream('gzip'));
      const back = compressed.pipeThrough(new DecompressionStream('gzip'));
      log(digest(Buffer.from(await new Response(back).arrayBuffer())));
      log(
        await text(
          Readable.fromWeb(right.locked ? new ReadableStream({ start: (c) => c.close() }) : right),
        ),
      );
    },

    'readline on a stream': async (log) => {
      const lines: string[] = [];
      const input = Readable.from(['first\nsec', 'ond\r\nthird', '\n\nlast']);
      for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }))
        lines.push(line);
      log(lines);
      const typed = new PassThrough();
      const shown = new PassThrough();
      const prompt = createPromisedInterface({ input: typed, output: shown });
      const answer = prompt.question('name? ');
      typed.write('Ada\n');
      log(await answer, String(shown.read()));
      prompt.close();
    },

    'blobs and files in memory': async (log) => {
      const blob = new Blob(['abc', new Uint8Array([100, 101])], { type: 'text/plain' });
      log(blob.size, await blob.text(), await blob.slice(1, 3).text(), blob.type);
      const file = new File(['content'], 'name.txt', { lastModified: 5 });
      log(file.name, file.lastModified, await file.text());
    },

    'duplex pairs': async (log) => {
      const echo = Duplex.from(async function* (source: AsyncIterable<Buffer>) {
        for await (const chunk of source) yield String(chunk).split('').reverse().join('');
      });
      echo.end('stressed');
      log(await text(echo));
    },

    'readable standard input that nobody reads': (log) => {
      log(typeof process.stdin.fd, process.stdin.readableFlowing);
    },
  },
};
