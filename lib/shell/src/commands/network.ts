/** Commands about the network: net ping curl. */
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPinger, isRuntime, network } from '@runtimejs/kernel';
import {
  type Command,
  type CommandContext,
  describeError,
  InterruptedProblem,
  readOptions,
  table,
  UsageProblem,
} from '../command.ts';

/** Addresses in /proc/net/tcp: words of 32 bits, each in the byte order of the processor, then the port. */
export function parseSocketAddress(text: string): string {
  const [words = '', port = '0'] = text.split(':');
  const bytes = Buffer.concat(
    (words.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex').reverse()),
  );
  const number = Number.parseInt(port, 16);
  const shownPort = number === 0 ? '*' : String(number);
  if (bytes.length === 4) return `${bytes.join('.')}:${shownPort}`;
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(2 * at).toString(16));
  const mapped = /^0:0:0:0:0:ffff:/.test(groups.join(':'))
    ? bytes.subarray(12).join('.')
    : undefined;
  return `[${mapped === undefined ? compress(groups) : `::ffff:${mapped}`}]:${shownPort}`;
}

/** The longest row of zeroes becomes `::` (RFC 5952). */
function compress(groups: readonly string[]): string {
  const text = groups.join(':');
  const rows = [...text.matchAll(/(?<![^:])0(:0)+(?![^:])/g)].sort(
    (a, b) => b[0].length - a[0].length,
  );
  const [longest] = rows;
  if (longest === undefined) return text;
  const before = text.slice(0, longest.index).replace(/:$/, '');
  const after = text.slice(longest.index + longest[0].length).replace(/^:/, '');
  return `${before}::${after}`;
}

/** States of TCP as /proc/net/tcp numbers them (Linux, net/tcp_states.h). */
const tcpStates = [
  ...['', 'ESTABLISHED', 'SYN-SENT', 'SYN-RECEIVED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'],
  ...['CLOSED', 'CLOSE-WAIT', 'LAST-ACK', 'LISTEN', 'CLOSING', 'SYN-RECEIVED'],
];

async function readNetFile(name: string): Promise<readonly (readonly string[])[]> {
  const text = await readFile(`/proc/net/${name}`, 'utf8').catch(() => '');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => line.trim().split(/\s+/));
}

async function socketTable(): Promise<string> {
  const rows: string[][] = [['PROTOCOL', 'LOCAL', 'REMOTE', 'STATE', 'UNREAD', 'UNSENT']];
  for (const protocol of ['tcp', 'tcp6', 'udp', 'udp6']) {
    for (const [, local, remote, state, queues] of (await readNetFile(protocol)).slice(1)) {
      if (local === undefined || remote === undefined || state === undefined) continue;
      const [unsent, unread] = (queues ?? '')
        .split(':')
        .map((text) => String(Number.parseInt(text, 16) || 0));
      const name = protocol.startsWith('tcp')
        ? (tcpStates[Number.parseInt(state, 16)] ?? state)
        : '';
      rows.push([
        protocol,
        parseSocketAddress(local),
        parseSocketAddress(remote),
        name,
        unread ?? '0',
        unsent ?? '0',
      ]);
    }
  }
  return table(rows, [4, 5]);
}

async function routeTable(): Promise<string> {
  const rows: string[][] = [['DESTINATION', 'GATEWAY', 'INTERFACE', 'METRIC']];
  const dotted = (word: string): string => Buffer.from(word, 'hex').reverse().join('.');
  for (const [name, destination, gateway, , , , metric, mask] of (await readNetFile('route')).slice(
    1,
  )) {
    if (name === undefined || destination === undefined || gateway === undefined) continue;
    const prefix = [...Number.parseInt(mask ?? '0', 16).toString(2)].filter(
      (bit) => bit === '1',
    ).length;
    const isDefault = destination === '00000000' && prefix === 0;
    const to = isDefault ? 'default' : `${dotted(destination)}/${prefix}`;
    const via = gateway === '00000000' ? '' : dotted(gateway);
    rows.push([to, via, name, metric ?? '']);
  }
  for (const fields of await readNetFile('ipv6_route')) {
    const [destination, prefix, , , gateway, metric] = fields;
    const name = fields[9];
    if (destination === undefined || prefix === undefined || gateway === undefined) continue;
    const length = Number.parseInt(prefix, 16);
    const to =
      length === 0 && /^0+$/.test(destination) ? 'default' : `${ipv6(destination)}/${length}`;
    const via = /^0+$/.test(gateway) ? '' : ipv6(gateway);
    rows.push([to, via, name ?? '', String(Number.parseInt(metric ?? '0', 16))]);
  }
  return table(rows, [3]);
}

function ipv6(hexadecimal: string): string {
  const groups = (hexadecimal.match(/.{4}/g) ?? []).map((group) =>
    Number.parseInt(group, 16).toString(16),
  );
  return compress(groups);
}

async function interfaceText(): Promise<string> {
  const counts = new Map(
    (await readNetFile('dev'))
      .slice(2)
      .map(([name = '', ...fields]) => [name.replace(/:$/, ''), fields]),
  );
  const addresses = networkInterfaces();
  const names = new Set([...counts.keys(), ...Object.keys(addresses)]);
  let text = '';
  for (const name of names) {
    const found = addresses[name] ?? [];
    const hardware = found[0]?.mac;
    text += `${name}${hardware === undefined || hardware === '00:00:00:00:00:00' ? '' : `  ${hardware}`}\n`;
    for (const { cidr } of found) text += `  ${cidr}\n`;
    const [
      receivedBytes,
      received,
      receiveErrors,
      receiveDrops,
      ,
      ,
      ,
      ,
      sentBytes,
      sent,
      sendErrors,
      sendDrops,
    ] = counts.get(name) ?? [];
    if (received === undefined) continue;
    text += `  received ${received} packets, ${receivedBytes} bytes, ${receiveErrors} errors, ${receiveDrops} dropped\n`;
    text += `  sent ${sent} packets, ${sentBytes} bytes, ${sendErrors} errors, ${sendDrops} dropped\n`;
  }
  return text;
}

function counterText(prefix: string): string {
  if (!isRuntime) throw new Error("counters are those of Runtime.JS' own stack, which is not here");
  const rows: string[][] = [];
  for (const [part, counters] of Object.entries(network.statistics())) {
    for (const [name, count] of Object.entries(counters)) {
      const whole = `${part}.${name}`;
      if (whole.startsWith(prefix)) rows.push([whole, String(count)]);
    }
  }
  if (rows.length === 0) throw new Error(`no counter begins with ${prefix}`);
  return table(rows, [1]);
}

const net: Command = {
  name: 'net',
  summary: 'shows interfaces, sockets, routes, or counters of the network',
  usage: '[interfaces | sockets | routes | counters [PREFIX]]',
  async run(context, parameters) {
    const [what = 'interfaces', ...rest] = parameters;
    if (rest.length > (what === 'counters' ? 1 : 0)) throw new UsageProblem('that is too much');
    switch (what) {
      case 'interfaces':
        await context.print(await interfaceText());
        return 0;
      case 'sockets':
        await context.print(await socketTable());
        return 0;
      case 'routes':
        await context.print(await routeTable());
        return 0;
      case 'counters':
        await context.print(counterText(rest[0] ?? ''));
        return 0;
      default:
        throw new UsageProblem(`${what} is none of these`);
    }
  },
};

const ping: Command = {
  name: 'ping',
  summary: 'asks a host to answer (ICMP echo), until Ctrl-C',
  usage: '[-4] [-6] [-c COUNT] [-i SECONDS] [-W SECONDS] HOST',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      4: { type: 'boolean', short: '4' },
      6: { type: 'boolean', short: '6' },
      count: { type: 'string', short: 'c' },
      interval: { type: 'string', short: 'i' },
      wait: { type: 'string', short: 'W' },
    });
    const [host] = positionals;
    if (host === undefined || positionals.length > 1) throw new UsageProblem('name one host');
    const count = values.count === undefined ? Number.POSITIVE_INFINITY : Number(values.count);
    const interval = Number(values.interval ?? 1);
    if (!(count >= 1)) throw new UsageProblem(`${values.count} is no number of requests`);
    if (!(interval >= 0.01 && interval <= 3600))
      throw new UsageProblem(`${values.interval} is no number of seconds`);
    const wait = Number(values.wait ?? 1);
    if (!(wait > 0 && wait <= 3600))
      throw new UsageProblem(`${values.wait} is no number of seconds`);
    const family = values[6] === true ? 6 : values[4] === true ? 4 : undefined;
    const { signal } = context;
    const pinger = await createPinger(host, {
      timeout: 1000 * wait,
      signal,
      ...(family === undefined ? {} : { family }),
    });
    try {
      return await pingLoop(context, pinger, count, interval);
    } finally {
      pinger.close();
    }
  },
};

async function pingLoop(
  context: CommandContext,
  pinger: Awaited<ReturnType<typeof createPinger>>,
  count: number,
  interval: number,
): Promise<number> {
  const times: number[] = [];
  let sent = 0;
  while (sent < count && !context.signal.aborted) {
    const start = performance.now();
    sent += 1;
    try {
      const reply = await pinger.ping();
      if (context.signal.aborted) break;
      if (reply === undefined) await context.print(`no answer to request ${sent}\n`);
      else {
        times.push(reply.milliseconds);
        const { address, size, sequence, milliseconds } = reply;
        await context.print(
          `${size} bytes from ${address}: request ${sequence}, ${milliseconds.toFixed(2)} ms\n`,
        );
      }
    } catch (error) {
      if (error instanceof InterruptedProblem) throw error;
      await context.print(`request ${sent}: ${describeError(error)}\n`);
    }
    const left = 1000 * interval - (performance.now() - start);
    if (sent < count && left > 0) {
      await sleep(left, undefined, { signal: context.signal }).catch(() => {});
    }
  }
  const lost = ((100 * (sent - times.length)) / sent).toFixed(0);
  // After Ctrl-C the sums are still wanted.
  context.output.write(`${sent} requests, ${times.length} answers, ${lost} % lost\n`);
  if (times.length > 0) {
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    const [least, most] = [Math.min(...times), Math.max(...times)];
    context.output.write(
      `least ${least.toFixed(2)} ms, mean ${mean.toFixed(2)} ms, most ${most.toFixed(2)} ms\n`,
    );
  }
  return times.length > 0 ? 0 : 1;
}

const curl: Command = {
  name: 'curl',
  summary: 'gets what is behind a URL',
  usage: '[-I] [-L] [-d DATA] [-f] [-H HEADER]... [-i] [-o FILE] [-X METHOD] URL',
  async run(context, parameters) {
    const { values, positionals } = readOptions(parameters, {
      head: { type: 'boolean', short: 'I' },
      location: { type: 'boolean', short: 'L' },
      data: { type: 'string', short: 'd' },
      fail: { type: 'boolean', short: 'f' },
      header: { type: 'string', short: 'H', multiple: true },
      include: { type: 'boolean', short: 'i' },
      output: { type: 'string', short: 'o' },
      request: { type: 'string', short: 'X' },
      silent: { type: 'boolean', short: 's' },
    });
    const [address] = positionals;
    if (address === undefined || positionals.length > 1) throw new UsageProblem('name one URL');
    const url = /^[a-z]+:\/\//i.test(address) ? address : `http://${address}`;
    if (!URL.canParse(url)) throw new UsageProblem(`${address} is no URL`);
    const method =
      values.request ??
      (values.head === true ? 'HEAD' : values.data === undefined ? 'GET' : 'POST');
    const response = await fetch(url, {
      method,
      headers: (values.header ?? []).map((line) => {
        const [name = '', ...rest] = line.split(':');
        return [name.trim(), rest.join(':').trim()] as [string, string];
      }),
      redirect: values.location === true ? 'follow' : 'manual',
      signal: context.signal,
      ...(values.data === undefined ? {} : { body: values.data }),
    });
    if (values.fail === true && response.status >= 400) {
      context.complain(`the server answers ${response.status}`);
      return 22; // as curl has it
    }
    if (values.include === true || values.head === true) {
      const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\n`);
      await context.print(`HTTP ${response.status} ${response.statusText}\n${headers.join('')}\n`);
    }
    const file =
      values.output === undefined ? undefined : createWriteStream(context.resolve(values.output));
    for await (const piece of response.body ?? []) {
      if (file === undefined) await context.print(piece);
      else if (!file.write(piece)) await new Promise((resolve) => file.once('drain', resolve));
    }
    if (file !== undefined) {
      file.end();
      await finished(file);
    }
    return 0;
  },
};

export const networkCommands: readonly Command[] = [net, ping, curl];
