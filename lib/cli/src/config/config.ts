/**
 * What an app says about itself in `runtime.config.ts`.
 *
 * ```ts
 * import { defineConfig } from '@runtimejs/cli';
 *
 * export default defineConfig({
 *   memory: 256,
 *   ports: [8080],
 *   environment: { LOG_LEVEL: 'info' },
 * });
 * ```
 */

import type { Json } from '@runtimejs/isolate/program.ts';

/** Addresses that do not change. */
export interface StaticNetwork {
  /** Of the first network card, each with its prefix length: `192.168.1.5/24`, `2001:db8::5/64`. */
  readonly addresses: readonly string[];
  /** Routers for everything that is on no link: at most one for IPv4 and one for IPv6. */
  readonly gateways?: readonly string[];
  /** Addresses of name servers, in the order in which they are asked. */
  readonly nameServers?: readonly string[];
  /** Domains that are tried after a short name, such as `example.com`. */
  readonly searchDomains?: readonly string[];
}

/** A cloud whose metadata service a machine can ask. */
export type MetadataProvider = 'openstack' | 'gce' | 'digitalocean' | 'hetzner';

/** When the machine starts again after the app has ended. */
export type RestartPolicy = 'never' | 'on-failure' | 'always';

/** A driver by its name, or with the place where it runs. */
export type DriverChoice =
  | string
  | {
      /** The package, or the module of the app. */
      readonly driver: string;
      /**
       * `system`, the default: in the isolate of the system, beside the network stack. `own`: in an isolate of its
       * own for each device, which reaches nothing but its device, and is started anew when it fails.
       */
      readonly placement?: 'system' | 'own';
    };

/** What a screen is put together from. A list that is left out has all drivers that there are. */
export interface ScreenChoice {
  /** Drivers of graphics adapters, such as `@runtimejs/vga`, in the order in which they are looked for. */
  readonly displays?: readonly DriverChoice[];
  /** Drivers of keyboards, such as `@runtimejs/ps2`. */
  readonly keyboards?: readonly DriverChoice[];
}

/** When a service's isolate is started anew after it has ended. */
export interface ServiceRestart {
  /** After which ends; by default `always`. */
  readonly restart?: 'always' | 'on-failure' | 'never';
  /** Milliseconds of the first pause, by default 100; each one that follows is twice as long, up to longestPause. */
  readonly firstPause?: number;
  /** By default 30,000. */
  readonly longestPause?: number;
  /** A life of so many milliseconds, by default 10,000, ends the row of failures. */
  readonly stableLife?: number;
  /** It is given up after more restarts than this within restartWindow; by default never. */
  readonly mostRestarts?: number;
  /** Milliseconds, by default 60,000. */
  readonly restartWindow?: number;
}

/** A service with what the composition says about it. */
export interface PlacedServiceChoice {
  /** The module. */
  readonly service: string;
  /** By which logs and other services know it. By default that of its file, or of its package. */
  readonly name?: string;
  /**
   * `system`, the default: in the isolate of the system, beside the network stack. `own`: in an isolate of its own,
   * which reaches nothing but its endpoints, and is started anew when it ends.
   */
  readonly placement?: 'system' | 'own';
  /** What it may call: names of other services, `sockets` (the network) and `clock` (sets the time). Default: none. */
  readonly endpoints?: readonly string[];
  /** Given to it. */
  readonly argument?: Json;
  /** With an isolate of its own: most memory of its heap, and of its ArrayBuffers; MiB, or `32M`. Default: 64. */
  readonly heapLimit?: number | string;
  /** Likewise: its share of a processor where others want it, too, above 0 and at most 1, which is the default. */
  readonly cpuShare?: number;
  /** Likewise: most milliseconds that it may compute at a time. Default: 10,000. */
  readonly turnLimit?: number;
  readonly restart?: ServiceRestart;
}

/** A service by its module, or with more. */
export type ServiceChoice = string | PlacedServiceChoice;

/** What an app says about itself. Everything may be left out. */
export interface RuntimeConfig {
  /** Name of the image and of virtual machines made from it. Default: that of package.json. */
  readonly name?: string;
  /** Entry module of the app. Default: `main` of package.json, or `src/main.ts`, `main.ts`, `src/index.ts`. */
  readonly entry?: string;
  /** The app's arguments: `process.argv` from the third word on. */
  readonly arguments?: readonly string[];
  /** Variables of `process.env`. Those of the `.env` file replace these. */
  readonly environment?: Readonly<Record<string, string | number | boolean>>;
  /** File with more variables, `NAME=value` a line. Default: `.env` if there is one; `false` reads none. */
  readonly environmentFile?: string | false;
  /** Options of Node itself, such as `--max-old-space-size=128`. */
  readonly nodeOptions?: readonly string[];
  /** Memory of the machine: MiB, or text such as `512M` or `2G`. Default: 512. */
  readonly memory?: number | string;
  /** Processors of the machine. Default: 1. */
  readonly cpus?: number;
  /**
   * Ports of the guest that `dev` and `start` forward: a number (the host's is the same, or the next free
   * one), or `host:guest`, `address:host:guest`, `host:guest/udp`. Default: 8080.
   */
  readonly ports?: readonly (number | string)[];
  /** How the network is configured. Default: `dhcp` (and IPv6 as routers advertise it); `none` leaves it out. */
  readonly network?: 'dhcp' | 'none' | StaticNetwork;
  /**
   * Drivers of network cards: packages, or modules of the app, that export `attach`.
   * Default: `@runtimejs/virtio-net` and `@runtimejs/e1000`. What is not named is not in the image.
   */
  readonly networkDrivers?: readonly DriverChoice[];
  /**
   * Drivers of serial lines and consoles, which the app's input and output are on: packages, or modules of the app,
   * that export `attach`. Default: `@runtimejs/uart` and `@runtimejs/virtio-console`.
   */
  readonly terminalDrivers?: readonly DriverChoice[];
  /** Whether graphics adapters and keyboards have drivers, or which ones. Default: true, for all of them. */
  readonly screen?: boolean | ScreenChoice;
  /**
   * Drivers of other devices. Default: `@runtimejs/virtio-rng`. An entry may be an object that says where a driver
   * runs, here, in `networkDrivers`, in `terminalDrivers` and in `screen`.
   */
  readonly drivers?: readonly DriverChoice[];
  /**
   * Modules whose default export is a `PlaceableService`, or a `Service`, of `@runtimejs/system`; they run beside the
   * network, or in isolates of their own. See docs/isolates.md.
   */
  readonly services?: readonly ServiceChoice[];
  /** A module that composes the system isolate itself, instead of the six settings before this one. */
  readonly system?: string;
  /**
   * What the app may call: names of services. An app in Node does so by `endpoint()` of `@runtimejs/isolate/endpoint.ts`,
   * a bare one by the third argument of its `fetch()`.
   */
  readonly endpoints?: readonly string[];
  /** Files, directories and patterns below the project that the app reads by path, such as `public/**`. */
  readonly assets?: readonly string[];
  /** More files: path in the image (absolute) to a file of this machine. */
  readonly files?: Readonly<Record<string, string>>;
  /** Disks for the app. There is no driver for disks yet, so naming one is an error. */
  readonly volumes?: readonly string[];
  /**
   * The cloud whose metadata service each machine asks, before the app starts, for its variables (user data of
   * `NAME=value` lines). `runtime deploy` names its target's by itself. Default: `none`.
   */
  readonly metadata?: MetadataProvider | 'none';
  /**
   * Whether images start from a frozen process: the machine is booted once while the image is built, and machines
   * that boot the image go on from before the app's first line. Default: false. See docs/warm-images.md.
   */
  readonly warm?: boolean;
  /** Whether the machine starts again after the app has ended. Default: `never`. */
  readonly restart?: RestartPolicy;
  /** Seconds that the app may take to end after the power button, 0 to 86400. Default: 30. */
  readonly shutdown?: number;
  /** More options of the kernel's command line, such as `log=debug`. */
  readonly kernelOptions?: readonly string[];
  /** More arguments for QEMU, such as `-device edu`, one word each; for `dev`, `start` and `test`. */
  readonly qemu?: readonly string[];
  /** Test files, for `runtime test`. Default: `test/**` and `src/**` with `.test.` in their names. */
  readonly tests?: readonly string[];
  /** Where `runtime build` puts what it makes. Default: `dist`. */
  readonly output?: string;
}

/** What a config that is a function is told. */
export interface ConfigContext {
  /** The command that runs, such as `dev` or `build`. */
  readonly command: string;
}

/** What `runtime.config.ts` exports. */
export type ConfigExport =
  | RuntimeConfig
  | Promise<RuntimeConfig>
  | ((context: ConfigContext) => RuntimeConfig | Promise<RuntimeConfig>);

/**
 * Gives a config its type, so that an editor completes and checks it.
 * @param config the config, or a function that returns it
 * @returns the same
 */
export function defineConfig<Config extends ConfigExport>(config: Config): Config {
  return config;
}
