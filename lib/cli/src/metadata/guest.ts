// Runs in machines of clouds, before the app's entry module: asks the provider's metadata service what this machine
// is to be told. User data of NAME=value lines become variables of the environment.
// Sources: OpenStack Nova, metadata service (and its EC2-compatible part); Compute Engine, "About VM metadata";
// DigitalOcean, Metadata API; Hetzner Cloud, "Server metadata". User data as such: cloud-init, data sources.
import { writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

interface Service {
  readonly userData: string;
  readonly hostName: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const services = {
  openstack: {
    userData: '/openstack/latest/user_data',
    hostName: '/latest/meta-data/hostname',
  },
  gce: {
    userData: '/computeMetadata/v1/instance/attributes/user-data',
    hostName: '/computeMetadata/v1/instance/hostname',
    headers: { 'Metadata-Flavor': 'Google' },
  },
  digitalocean: {
    userData: '/metadata/v1/user-data',
    hostName: '/metadata/v1/hostname',
  },
  hetzner: {
    userData: '/hetzner/v1/userdata',
    hostName: '/hetzner/v1/metadata/hostname',
  },
} as const satisfies Readonly<Record<string, Service>>;

/** A provider whose metadata service is known. */
export type MetadataService = keyof typeof services;

/** All of them have it there. */
const address = '169.254.169.254';
const userDataFile = '/tmp/user-data';
/** The network comes up while Node starts, and some services after it, in ms. */
const patience = 30_000;
const attemptLimit = 3_000;
const pause = 100;
/** No provider takes more user data than this, in bytes. */
const largest = 256 * 1024;

function say(text: string): void {
  console.error(`Metadata service: ${text}`);
}

async function read(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > largest) throw new Error(`the answer is longer than ${largest} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

/** @returns the answer; undefined when there is nothing at that path */
function ask(path: string, headers: Readonly<Record<string, string>>): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(attemptLimit);
    const options = { host: address, path, headers, signal, agent: false };
    const request = get(options, (answer) => {
      const { statusCode = 0 } = answer;
      if (statusCode === 200) return void read(answer).then(resolve, reject);
      answer.resume();
      if (statusCode === 404) resolve(undefined);
      else reject(new Error(`it answers ${statusCode} to ${path}`));
    });
    request.on('error', reject);
  });
}

async function askPatiently(path: string, { headers = {} }: Service): Promise<string | undefined> {
  for (const start = performance.now(); ; await sleep(pause)) {
    try {
      return await ask(path, headers);
    } catch (error) {
      if (performance.now() - start > patience) throw error;
    }
  }
}

/** Reads NAME=value lines; those with # in front are comments. */
function takeVariables(userData: string): void {
  if (/^(#cloud-config|#!|Content-Type:)/i.test(userData)) return; // the app's own affair
  for (const line of userData.split(/\r?\n/)) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const end = line.indexOf('=');
    if (end < 1 || line.includes('\0')) {
      say('the user data has a line that is not NAME=value; it is ignored');
      continue;
    }
    process.env[line.slice(0, end)] = line.slice(end + 1);
  }
}

async function takeMetadata(service: Service): Promise<void> {
  try {
    const userData = await askPatiently(service.userData, service);
    const hostName = (await askPatiently(service.hostName, service))?.trim();
    if (hostName) process.env.HOSTNAME ??= hostName;
    if (userData === undefined) return;
    writeFileSync(userDataFile, userData);
    takeVariables(userData);
  } catch (error) {
    say(`${(error as Error).message}; the app starts with what is in its image`);
  }
}

if (isMainThread) {
  const name = process.env.RUNTIMEJS_METADATA as MetadataService | undefined;
  delete process.env.RUNTIMEJS_METADATA;
  if (name !== undefined && name in services) await takeMetadata(services[name]);
}
