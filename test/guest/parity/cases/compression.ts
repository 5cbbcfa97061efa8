import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { digest, errorOf, type Group, patternBytes } from '../collector.ts';

/** Text that compresses, but not to nothing. */
const sample = Buffer.from(
  Array.from({ length: 40_000 }, (_, index) => `line ${index} of ${(index * 7919) % 1013}\n`).join(
    '',
  ),
);

export const compression: Group = {
  name: 'compression',
  cases: {
    'deflate and gzip': async (log) => {
      for (const level of [1, 6, 9]) {
        const packed = zlib.deflateSync(sample, { level });
        log(level, packed.length, digest(packed), zlib.inflateSync(packed).equals(sample));
      }
      const packed = await promisify(zlib.gzip)(sample);
      log(digest(packed), (await promisify(zlib.gunzip)(packed)).equals(sample));
      log(zlib.inflateRawSync(zlib.deflateRawSync('raw')).toString(), zlib.crc32(sample));
    },

    brotli: async (log) => {
      const options = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } };
      const packed = zlib.brotliCompressSync(sample, options);
      log(packed.length, digest(packed), zlib.brotliDecompressSync(packed).equals(sample));
      const later = await promisify<Buffer, zlib.BrotliOptions, Buffer>(zlib.brotliCompress)(
        sample,
        options,
      );
      log(later.equals(packed));
    },

    zstd: async (log) => {
      const packed = zlib.zstdCompressSync(sample);
      log(packed.length, digest(packed), zlib.zstdDecompressSync(packed).equals(sample));
      log((await promisify(zlib.zstdDecompress)(packed)).equals(sample));
    },

    'data that does not compress': (log) => {
      const noise = patternBytes(300_000, 11);
      for (const packed of [
        zlib.gzipSync(noise),
        zlib.brotliCompressSync(noise),
        zlib.zstdCompressSync(noise),
      ]) {
        log(packed.length > noise.length, digest(packed));
      }
    },

    'streams of every format': async (log) => {
      for (const [name, pack, unpack] of [
        ['gzip', zlib.createGzip(), zlib.createGunzip()],
        ['deflate', zlib.createDeflate(), zlib.createInflate()],
        [
          'brotli',
          zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
          zlib.createBrotliDecompress(),
        ],
        ['zstd', zlib.createZstdCompress(), zlib.createZstdDecompress()],
      ] as const) {
        const chunks: Buffer[] = [];
        const sink = new Writable({
          write(chunk: Buffer, _encoding, done) {
            chunks.push(chunk);
            done();
          },
        });
        const parts = Array.from({ length: 50 }, (_, index) =>
          sample.subarray(index * 10_000, (index + 1) * 10_000),
        );
        await pipeline(Readable.from(parts), pack, unpack, sink);
        log(name, digest(Buffer.concat(chunks)));
      }
    },

    'many at once on the thread pool': async (log) => {
      const jobs = Array.from({ length: 24 }, (_, index) =>
        promisify(zlib.gzip)(sample.subarray(index * 1000)),
      );
      log(digest((await Promise.all(jobs)).map((packed) => digest(packed)).join()));
    },

    'damaged input': async (log) => {
      const packed = zlib.gzipSync(sample);
      log(await errorOf(() => zlib.gunzipSync(packed.subarray(0, 500))));
      log(await errorOf(() => zlib.gunzipSync(Buffer.from('not gzip'))));
      packed[200]! ^= 0xff;
      log((await errorOf(() => zlib.gunzipSync(packed))) !== 'no error');
      log(await errorOf(() => zlib.brotliDecompressSync(Buffer.from([1, 2, 3]))));
      log((await errorOf(() => zlib.zstdDecompressSync(Buffer.from('nonsense')))) !== 'no error');
      log(
        await errorOf(() =>
          zlib.inflateSync(zlib.deflateSync(Buffer.alloc(1e6)), { maxOutputLength: 1000 }),
        ),
      );
    },
  },
};
