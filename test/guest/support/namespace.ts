// A network of its own for a test: a Linux network namespace with a TAP device, and a program that gives
// addresses and names. Nothing of the host's own network is touched. Source: ip-netns(8), dnsmasq(8).
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { execa } from 'execa';
import { guestFolder } from './guest.ts';
import { Program } from './program.ts';

/** Addresses of the test network: the host's end and the guest's. */
export const site = {
  host: '10.0.9.1',
  guest: '10.0.9.2',
  host6: 'fd00:9::1',
  /** The Linux peer's; our own guest makes its address from the prefix by itself. */
  guest6: 'fd00:9::2',
  mac: '52:54:00:09:00:02',
  domain: 'example.test',
  tap: 'tap0',
} as const;

let count = 0;

/** Says why there can be no namespace, or undefined when there can. */
export function whyNoNamespace(): string | undefined {
  if (process.getuid?.() === 0) return undefined;
  return 'network namespaces and TAP devices need root: run `sudo npm test` to include these tests';
}

/** A network namespace. */
export class Namespace {
  readonly name: string;
  readonly #programs = new Set<Program>();
  readonly #folder: string;

  private constructor(name: string) {
    this.name = name;
    this.#folder = path.join(guestFolder, 'namespaces', name);
    mkdirSync(this.#folder, { recursive: true });
  }

  /**
   * Makes a namespace with a loopback device and a TAP device that has the host's addresses.
   * @throws when this user may not
   */
  static async create(): Promise<Namespace> {
    const namespace = new Namespace(`runtimejs-${process.pid}-${count++}`);
    await execa('ip', ['netns', 'add', namespace.name]);
    try {
      for (const command of [
        'link set lo up',
        `tuntap add dev ${site.tap} mode tap`,
        `address add ${site.host}/24 dev ${site.tap}`,
        `-6 address add ${site.host6}/64 dev ${site.tap} nodad`,
        `link set ${site.tap} up`,
      ]) {
        await namespace.run('ip', command.split(' '));
      }
    } catch (error) {
      await namespace.remove();
      throw error;
    }
    return namespace;
  }

  /** Words that run a program in here. */
  get launcher(): readonly string[] {
    return ['ip', 'netns', 'exec', this.name];
  }

  /**
   * Runs a program in here to its end.
   * @returns its standard output
   * @throws when it fails
   */
  async run(program: string, parameters: readonly string[]): Promise<string> {
    const [launcher = '', ...words] = this.launcher;
    const result = await execa(launcher, [...words, program, ...parameters], { stdin: 'ignore' });
    return result.stdout;
  }

  /** Starts a program in here; it is ended with the namespace at the latest. */
  start(words: readonly string[], environment: Readonly<Record<string, string>> = {}): Program {
    const program = new Program([...this.launcher, ...words], environment);
    this.#programs.add(program);
    return program;
  }

  /**
   * Starts dnsmasq on the TAP device: DHCP with a fixed address for the guest, router advertisements for
   * the IPv6 prefix, and names of a domain.
   */
  async startNameAndAddressServer(): Promise<void> {
    const { domain } = site;
    const configuration = [
      'no-resolv',
      'no-hosts',
      'no-ping',
      'user=root',
      `pid-file=${path.join(this.#folder, 'dnsmasq.pid')}`,
      `interface=${site.tap}`,
      'bind-interfaces',
      'log-dhcp',
      `dhcp-leasefile=${path.join(this.#folder, 'leases')}`,
      'dhcp-range=10.0.9.2,10.0.9.9,255.255.255.0,1h',
      `dhcp-host=${site.mac},${site.guest}`,
      `dhcp-option=option:router,${site.host}`,
      `dhcp-option=option:domain-search,${domain}`,
      'enable-ra',
      'dhcp-range=fd00:9::,ra-only,64,1h',
      `domain=${domain}`,
      `local=/${domain}/`,
      `host-record=host.${domain},${site.host},${site.host6}`,
      `host-record=guest.${domain},${site.guest}`,
      `cname=alias.${domain},host.${domain}`,
      `mx-host=${domain},host.${domain},10`,
      `txt-record=${domain},"written in a test"`,
      `srv-host=_http._tcp.${domain},guest.${domain},8080,1,2`,
      `address=/missing.${domain}/`,
    ];
    const file = path.join(this.#folder, 'dnsmasq.conf');
    writeFileSync(file, `${configuration.join('\n')}\n`);
    const server = this.start([
      ...['dnsmasq', '--keep-in-foreground', '--log-facility=-', `--conf-file=${file}`],
    ]);
    await server.printed(/started, version[\s\S]*(cleared cache|read |DHCP)/);
  }

  /** Ends what runs in here and removes the namespace. */
  async remove(): Promise<void> {
    await Promise.all([...this.#programs].map((program) => program.stop('SIGKILL')));
    await execa('ip', ['netns', 'del', this.name], { reject: false });
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
