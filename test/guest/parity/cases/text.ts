import path from 'node:path';
import querystring from 'node:querystring';
import { StringDecoder } from 'node:string_decoder';
import url from 'node:url';
import util from 'node:util';
import { digest, errorOf, type Group, patternBytes } from '../collector.ts';

const day = new Date(Date.UTC(2026, 10, 21, 15, 4, 5));

export const textGroup: Group = {
  name: 'text',
  cases: {
    'dates and times in many languages': (log) => {
      for (const locale of ['en-GB', 'de-DE', 'ja-JP', 'ar-EG', 'hi-IN', 'th-TH-u-ca-buddhist']) {
        log(
          new Intl.DateTimeFormat(locale, {
            dateStyle: 'full',
            timeStyle: 'long',
            timeZone: 'Asia/Tokyo',
          }).format(day),
        );
      }
      log(new Intl.RelativeTimeFormat('fr', { numeric: 'auto' }).format(-1, 'day'));
      log(new Intl.DurationFormat('en', { style: 'long' }).format({ hours: 1, minutes: 2 }));
    },

    'numbers, currencies, lists, plurals': (log) => {
      log(
        new Intl.NumberFormat('de-CH', { style: 'currency', currency: 'CHF' }).format(1234567.891),
      );
      log(new Intl.NumberFormat('en-IN', { notation: 'compact' }).format(98_765_432));
      log(new Intl.NumberFormat('ar-EG').format(12_345.6), (123456.789).toLocaleString('pt-BR'));
      log(new Intl.ListFormat('es', { type: 'disjunction' }).format(['a', 'b', 'c']));
      log([0, 1, 2, 3, 5, 21].map((n) => new Intl.PluralRules('pl').select(n)));
      log(new Intl.DisplayNames('sv', { type: 'region' }).of('NO'));
    },

    'collation, segments, case': (log) => {
      log(['ä', 'a', 'z', 'o', 'ö'].sort(new Intl.Collator('sv').compare));
      log(['file10', 'file9', 'File1'].sort(new Intl.Collator('en', { numeric: true }).compare));
      const words = new Intl.Segmenter('ja', { granularity: 'word' }).segment(
        '今日はいい天気です。',
      );
      log([...words].map(({ segment }) => segment));
      log([...new Intl.Segmenter('en').segment('👨‍👩‍👧e\u0301🇳🇴')].length);
      log(
        'İI'.toLocaleLowerCase('tr'),
        'straße'.toLocaleUpperCase('de'),
        'Å'.normalize('NFD').length,
      );
    },

    'time zones': (log) => {
      for (const timeZone of ['UTC', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']) {
        log(day.toLocaleString('en-GB', { timeZone, timeZoneName: 'longOffset' }));
      }
      log(Intl.supportedValuesOf('timeZone').length > 400);
      const before = process.env.TZ;
      process.env.TZ = 'Europe/Oslo';
      log(new Date(day).toString());
      process.env.TZ = 'UTC';
      log(new Date(day).toString());
      if (before === undefined) delete process.env.TZ;
      else process.env.TZ = before;
    },

    Temporal: async (log) => {
      const { Temporal } = globalThis as {
        Temporal?: { PlainDate: { from(text: string): { add(o: object): unknown } } };
      };
      if (Temporal === undefined) return log('not in this Node');
      log(String(Temporal.PlainDate.from('2026-11-21').add({ months: 3 })));
    },

    URLs: async (log) => {
      const address = new URL('../b?q=ü&x=1#frag', 'https://user:pw@exämple.com:8443/a/c/d');
      log(address.href, address.host, address.searchParams.get('q'));
      address.searchParams.append('list', 'a b');
      log(address.search, url.domainToUnicode(address.hostname));
      log(
        new URL('file:///a%20b/c').pathname,
        url.fileURLToPath('file:///a%20b/%C3%BC'),
        url.pathToFileURL('/x#y').href,
      );
      log(
        await errorOf(() => new URL('nonsense')),
        URL.canParse('http://[::1]:80/'),
        url.parse('http://a.b/c?d').query,
      );
      log(new URLPattern({ pathname: '/books/:id' }).exec('https://x.y/books/42')?.pathname.groups);
      log(querystring.parse('a=1&b=2&a=3'), querystring.stringify({ x: ['y', 'z'] }));
    },

    encodings: (log) => {
      const bytes = patternBytes(1000, 21);
      for (const name of ['hex', 'base64', 'base64url', 'latin1', 'utf8', 'utf16le'] as const) {
        log(name, digest(bytes.toString(name)), digest(Buffer.from(bytes.toString(name), name)));
      }
      for (const label of ['utf-8', 'utf-16be', 'shift_jis', 'windows-1252', 'gb18030', 'euc-kr']) {
        log(label, digest(new TextDecoder(label).decode(bytes)));
      }
      const decoder = new StringDecoder('utf8');
      log(
        decoder.write(Buffer.from([0xe2, 0x82])) +
          decoder.write(Buffer.from([0xac])) +
          decoder.end(),
      );
      log(atob('aGk='), btoa('hi'), new TextEncoder().encodeInto('€€', new Uint8Array(4)));
      log(
        Buffer.from('€uro').readUInt32BE(1),
        Buffer.from('abc').swap16 !== undefined,
        Buffer.compare(Buffer.from('a'), Buffer.from('b')),
      );
    },

    'regular expressions': (log) => {
      log('2026-11-21'.replace(/(?<y>\d+)-(?<m>\d+)-(?<d>\d+)/v, '$<d>.$<m>.$<y>'));
      log(
        [...'aé文🙂'.matchAll(/\p{L}/gu)].map(([letter]) => letter),
        /(?<=\$)\d+/.exec('cost $42')?.[0],
      );
      log(/^(?:a+)+$/.test('a'.repeat(20)), RegExp.escape('a.b'));
    },

    'formatting and inspection': (log) => {
      log(util.format('%s %d %i %j %o %%', 'a', 1.5, 2.7, { b: 1 }, [1]));
      log(
        util.inspect(
          { a: { b: { c: {} } }, m: new Map([[1, { x: 1 }]]), s: Symbol('s'), f() {} },
          { depth: 1 },
        ),
      );
      log(
        util.styleText('red', 'x', { validateStream: false }),
        util.stripVTControlCharacters('\u001b[31mx\u001b[0m'),
      );
      log(util.isDeepStrictEqual({ a: [1, new Set([2])] }, { a: [1, new Set([2])] }));
      log(
        util.parseArgs({
          args: ['-v', '--name', 'x', 'rest'],
          options: { v: { type: 'boolean', short: 'v' }, name: { type: 'string' } },
          allowPositionals: true,
        }),
      );
      log(
        path.relative('/a/b/c', '/a/d'),
        path.normalize('/a/./b//../c'),
        path.win32.join('a', 'b'),
      );
    },

    'numbers and big integers': (log) => {
      log(
        0.1 + 0.2,
        (1e21).toString(),
        (255).toString(36),
        Number('0x1f'),
        Math.fround(5.05),
        Math.hypot(3, 4),
      );
      log(2n ** 200n, BigInt.asIntN(8, 255n), 123456789n ** 20n % 1000000007n, 0.1 * 3);
      log([Math.sin(1), Math.exp(1), Math.log(2), Math.tan(1e10), Math.cbrt(2), Math.atan2(1, 2)]);
      log(new Float16Array([1.337, 65504, 1e-8]), Math.clz32(1), Math.imul(0xffffffff, 5));
      let sum = 0;
      for (let index = 1; index < 100_000; index++) sum += Math.sqrt(index) / index;
      log(sum);
    },

    'sorting, typed arrays, iterators': (log) => {
      const numbers = new Uint32Array(patternBytes(400_000, 22).buffer);
      log(digest(numbers.toSorted()), digest(Float64Array.from(numbers, (n) => n / 3).sort()));
      log(
        [3, 1, 2].toSorted(),
        [1, 2, 3].with(1, 9),
        Object.groupBy([1, 2, 3], (n) => (n % 2 ? 'odd' : 'even')),
      );
      log(
        Iterator.from([1, 2, 3, 4])
          .filter((n) => n > 1)
          .map((n) => n * 2)
          .take(2)
          .toArray(),
      );
      log(new Set([1, 2, 3]).intersection(new Set([2, 3, 4])), [1, [2, [3]]].flat(2));
    },
  },
};
