import crypto, { type webcrypto } from 'node:crypto';
import { promisify } from 'node:util';
import { errorOf, type Group, patternBytes } from '../collector.ts';

export const cryptography: Group = {
  name: 'crypto',
  cases: {
    hashes: (log) => {
      const data = patternBytes(1_000_003);
      for (const name of [
        'md5',
        'sha1',
        'sha256',
        'sha512',
        'sha3-256',
        'blake2b512',
        'ripemd160',
      ]) {
        log(name, crypto.createHash(name).update(data).digest('hex').slice(0, 24));
      }
      log(crypto.createHash('shake256', { outputLength: 10 }).update('x').digest('hex'));
      log(crypto.hash('sha256', 'one shot'));
      log(crypto.createHmac('sha256', 'key').update(data).digest('base64'));
    },

    'pbkdf2, scrypt, hkdf on the thread pool': async (log) => {
      const jobs = Array.from({ length: 6 }, (_, index) =>
        promisify(crypto.pbkdf2)(`password ${index}`, 'salt', 3000, 16, 'sha512'),
      );
      log((await Promise.all(jobs)).map((key) => key.toString('hex')));
      log(
        (
          await promisify<string, string, number, crypto.ScryptOptions, Buffer>(crypto.scrypt)(
            'p',
            's',
            16,
            { N: 1024 },
          )
        ).toString('hex'),
      );
      log(crypto.pbkdf2Sync('p', 's', 1000, 8, 'sha256').toString('hex'));
      log(Buffer.from(crypto.hkdfSync('sha256', 'key', 'salt', 'info', 12)).toString('hex'));
    },

    argon2: async (log) => {
      const options = {
        message: 'password',
        nonce: Buffer.alloc(16, 1),
        parallelism: 1,
        tagLength: 16,
        memory: 64,
        passes: 2,
      };
      log(crypto.argon2Sync('argon2id', options).toString('hex'));
    },

    ciphers: (log) => {
      const data = patternBytes(100_001, 5);
      for (const [name, keySize, ivSize] of [
        ['aes-256-cbc', 32, 16],
        ['aes-128-ctr', 16, 16],
        ['aes-256-gcm', 32, 12],
        ['chacha20-poly1305', 32, 12],
      ] as const) {
        const key = patternBytes(keySize, 6);
        const iv = patternBytes(ivSize, 7);
        const cipher = crypto.createCipheriv(name as 'aes-256-gcm', key, iv, { authTagLength: 16 });
        const sealed = Buffer.concat([cipher.update(data), cipher.final()]);
        const decipher = crypto.createDecipheriv(name as 'aes-256-gcm', key, iv, {
          authTagLength: 16,
        });
        if (name.includes('gcm') || name.includes('poly')) decipher.setAuthTag(cipher.getAuthTag());
        const opened = Buffer.concat([decipher.update(sealed), decipher.final()]);
        log(name, crypto.hash('sha256', sealed).slice(0, 16), opened.equals(data));
      }
    },

    RSA: async (log) => {
      const { publicKey, privateKey } = await promisify(crypto.generateKeyPair)('rsa', {
        modulusLength: 2048,
      });
      const signature = crypto.sign('sha256', Buffer.from('text'), privateKey);
      log(signature.length, crypto.verify('sha256', Buffer.from('text'), publicKey, signature));
      log(crypto.verify('sha256', Buffer.from('test'), publicKey, signature));
      const sealed = crypto.publicEncrypt(publicKey, Buffer.from('secret'));
      log(crypto.privateDecrypt(privateKey, sealed).toString());
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      log(crypto.createPrivateKey(pem).asymmetricKeyDetails?.modulusLength);
    },

    'elliptic curves': (log) => {
      for (const curve of ['P-256', 'secp256k1', 'P-521']) {
        const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: curve });
        const signature = crypto.sign('sha512', Buffer.from(curve), {
          key: privateKey,
          dsaEncoding: 'ieee-p1363',
        });
        const options = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
        log(
          curve,
          signature.length,
          crypto.verify('sha512', Buffer.from(curve), options, signature),
        );
      }
      const ed = crypto.generateKeyPairSync('ed25519');
      const signature = crypto.sign(null, Buffer.from('x'), ed.privateKey);
      log(signature.length, crypto.verify(null, Buffer.from('x'), ed.publicKey, signature));
      const a = crypto.createECDH('prime256v1');
      const b = crypto.createECDH('prime256v1');
      a.generateKeys();
      b.generateKeys();
      log(a.computeSecret(b.getPublicKey()).equals(b.computeSecret(a.getPublicKey())));
      const x = crypto.generateKeyPairSync('x25519');
      const y = crypto.generateKeyPairSync('x25519');
      const one = crypto.diffieHellman({ privateKey: x.privateKey, publicKey: y.publicKey });
      log(one.equals(crypto.diffieHellman({ privateKey: y.privateKey, publicKey: x.publicKey })));
    },

    'random numbers': async (log) => {
      const seen = new Set<string>();
      for (let index = 0; index < 1000; index++) seen.add(crypto.randomBytes(16).toString('hex'));
      log(seen.size);
      const bytes = await promisify(crypto.randomBytes)(1 << 20);
      const counts = new Uint32Array(256);
      for (const byte of bytes) counts[byte]!++;
      log(counts.every((count) => count > 3500 && count < 4700)); // 4096 expected, deviation 64
      log(crypto.randomUUID().length, crypto.randomInt(5, 6));
      log(crypto.getRandomValues(new Uint8Array(8)).some((byte) => byte !== 0));
      log(await errorOf(() => crypto.randomInt(5, 5)));
    },

    'Web Crypto': async (log) => {
      const { subtle } = globalThis.crypto;
      const key = await subtle.importKey('raw', patternBytes(32, 8), 'AES-GCM', false, [
        'encrypt',
        'decrypt',
      ]);
      const algorithm = { name: 'AES-GCM', iv: patternBytes(12, 9) };
      const sealed = await subtle.encrypt(algorithm, key, patternBytes(1000, 10));
      log(Buffer.from(sealed).subarray(0, 12).toString('hex'));
      log(Buffer.from(await subtle.decrypt(algorithm, key, sealed)).equals(patternBytes(1000, 10)));
      const pair = (await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
        'sign',
        'verify',
      ])) as unknown as webcrypto.CryptoKeyPair;
      const scheme = { name: 'ECDSA', hash: 'SHA-256' };
      const signature = await subtle.sign(scheme, pair.privateKey, patternBytes(10));
      log(await subtle.verify(scheme, pair.publicKey, signature, patternBytes(10)));
      log((await subtle.exportKey('jwk', pair.publicKey)).kty);
    },

    'X.509 certificates': (log) => {
      // Made once with OpenSSL for these tests: CN=parity.example, valid for a hundred years.
      const certificate = new crypto.X509Certificate(certificateText);
      log(certificate.subject, certificate.validTo, certificate.checkHost('parity.example'));
      log(certificate.verify(certificate.publicKey));
    },

    primes: async (log) => {
      const prime = await promisify<number, crypto.GeneratePrimeOptionsBigInt, bigint>(
        crypto.generatePrime,
      )(128, { bigint: true });
      log(
        prime.toString(2).length,
        crypto.checkPrimeSync(prime),
        crypto.checkPrimeSync(prime + 1n),
      );
    },

    'constant-time comparison and algorithms': async (log) => {
      log(crypto.timingSafeEqual(Buffer.from('a'), Buffer.from('a')));
      log(await errorOf(() => crypto.createHash('nothing')));
      log(crypto.getHashes().length, crypto.getCiphers().length, crypto.getCurves().length);
    },
  },
};

const certificateText = `-----BEGIN CERTIFICATE-----
MIIBpTCCAUqgAwIBAgIUAc3+vvCOHzkR7QQW4/8G13TSQU4wCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOcGFyaXR5LmV4YW1wbGUwIBcNMjYxMTIxMjEwNzE4WhgPMjEy
NjEwMjgyMTA3MThaMBkxFzAVBgNVBAMMDnBhcml0eS5leGFtcGxlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAELiAnF0PJUrp3k4xgbQCEnajcJUdju2y6oRCItmjp
K8k0cPdG5uWL1axsbgBICwJiFUw/RQnNYsx29JADPIVlA6NuMGwwHQYDVR0OBBYE
FEzQKg9OuwCuBLGjMz5hw1C+KVP+MB8GA1UdIwQYMBaAFEzQKg9OuwCuBLGjMz5h
w1C+KVP+MA8GA1UdEwEB/wQFMAMBAf8wGQYDVR0RBBIwEIIOcGFyaXR5LmV4YW1w
bGUwCgYIKoZIzj0EAwIDSQAwRgIhAPI2wxLWsH9VxD4EXQCsfaN5XbKm+YKYDCY9
YvjP7QgxAiEA6IyLZT2LyhYugc6IAT7QvtNaG8fDKeLjpxqZG1iI5Nc=
-----END CERTIFICATE-----
`;
