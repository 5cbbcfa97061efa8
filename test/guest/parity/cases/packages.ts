import argon2 from '@node-rs/argon2';
import { crc32, crc32c } from '@node-rs/crc32';
import * as bufferUtilities from 'bufferutil';
import { addDays, format, formatDistance, parseISO } from 'date-fns';
import { nb } from 'date-fns/locale';
import _ from 'lodash';
import get from 'lodash/get.js';
import moment from 'moment';
import { NIL, v4, v5, v7, validate } from 'uuid';
import { z } from 'zod';
import type { Group } from '../collector.ts';
import settings from '../data/settings.json' with { type: 'json' };

export const packages: Group = {
  name: 'packages',
  cases: {
    zod: (log) => {
      const person = z.object({
        name: z.string().min(2),
        age: z.coerce.number().int().positive(),
        email: z.email().optional(),
      });
      log(person.parse({ name: 'Ada', age: '36' }));
      const result = person.safeParse({ name: 'A', age: -1, email: 'nope' });
      log(result.error?.issues.map(({ path, code }) => `${path.join('.')}: ${code}`));
      log(z.toJSONSchema(person).required);
    },

    lodash: (log) => {
      log(
        _.chunk(_.range(7), 3),
        _.camelCase('the quick-brown_fox'),
        get({ a: [{ b: 7 }] }, 'a[0].b'),
      );
      log(
        _.merge({ a: { b: 1 } }, { a: { c: 2 } }),
        _(['b', 'a']).sort().map(_.upperFirst).value(),
      );
      log(_.template('<%= name %>!')({ name: 'compiled' }), _.cloneDeep(new Map([[1, [2]]])));
    },

    'date-fns': (log) => {
      log(format(addDays(parseISO('2026-02-27T12:00:00'), 2), 'EEEE d. MMMM yyyy', { locale: nb }));
      log(formatDistance(0, 90_000_000));
    },

    uuid: (log) => {
      const [first, second] = [v7(), v7()];
      log(v5('example.com', v5.DNS), validate(v4()), first < second, NIL);
    },

    'a CommonJS package that requires by computed names': (log) => {
      const when = moment.utc('2026-11-21T15:04:05');
      for (const locale of ['en', 'ja', 'ar', 'fi'])
        log(moment.locale(locale), when.locale(locale).format('LLLL'));
    },

    'native addons with prebuilt binaries': async (log) => {
      log(crc32('some text'), crc32c(Buffer.from('some text')));
      const masked = Buffer.alloc(8);
      bufferUtilities.mask(Buffer.from('frame me'), Buffer.from([1, 2, 3, 4]), masked, 0, 8);
      log(masked, String(bufferUtilities.mask).includes('[native code]'));
      const hash = await argon2.hash('password', {
        salt: Buffer.alloc(16, 3),
        memoryCost: 256,
        timeCost: 2,
      });
      log(hash, await argon2.verify(hash, 'password'), argon2.verifySync(hash, 'wrong'));
    },

    'JSON as a module': (log) => log(settings),
  },
};
