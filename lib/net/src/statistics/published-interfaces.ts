/** Interfaces and addresses as the kernel shows them to the app (netlink, ioctl, /proc/net/if_inet6). */
import type { IpAddress } from '../address.ts';
import { publishedAddress, publishedInterface } from '../generated/shared-memory.ts';
import type { Interface, InterfaceAddress } from '../interface/interface.ts';
import { familyV4, familyV6 } from '../sockets/block.ts';

/** netdevice(7). */
const flag = {
  up: 0x1,
  broadcast: 0x2,
  loopback: 0x8,
  running: 0x40,
  multicast: 0x1000,
  lowerUp: 0x10000,
} as const;

/** ARPHRD_ETHER and ARPHRD_LOOPBACK. */
const hardwareType = { ethernet: 1, loopback: 772 } as const;

/** RT_SCOPE_*: rtnetlink(7). */
const scope = { universe: 0, link: 253, host: 254 } as const;

function scopeOf(on: Interface, address: IpAddress): number {
  if (on.isLoopback) return scope.host;
  const linkLocal = address.isV4
    ? address.word3 >>> 16 === 0xa9fe
    : address.word0 >>> 22 === 0xfe80 >>> 6;
  return linkLocal ? scope.link : scope.universe;
}

/** Addresses that others may send to: those being probed are not shown yet. */
function shown(on: Interface): InterfaceAddress[] {
  return on.addresses.filter(({ state }) => state !== 'tentative');
}

function flagsOf(on: Interface): number {
  const running = on.isUp ? flag.running | flag.lowerUp : 0;
  const kind = on.isLoopback ? flag.loopback : flag.broadcast | flag.multicast;
  return flag.up | kind | running;
}

/** Renders what Broker.publishInterfaces() takes. */
export function renderInterfaces(interfaces: readonly Interface[]): Uint8Array {
  const size = interfaces.reduce(
    (sum, on) => sum + publishedInterface.size + shown(on).length * publishedAddress.size,
    0,
  );
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const on of interfaces) {
    const addresses = shown(on);
    view.setUint32(at + publishedInterface.index, on.index, true);
    view.setUint32(at + publishedInterface.flags, flagsOf(on), true);
    view.setUint32(at + publishedInterface.mtu, on.mtu, true);
    const type = on.isLoopback ? hardwareType.loopback : hardwareType.ethernet;
    view.setUint32(at + publishedInterface.hardwareType, type, true);
    bytes.set(on.hardwareAddress.subarray(0, 6), at + publishedInterface.hardwareAddress);
    for (let index = 0; index < Math.min(on.name.length, 15); index++) {
      bytes[at + publishedInterface.name + index] = on.name.charCodeAt(index);
    }
    view.setUint32(at + publishedInterface.addressCount, addresses.length, true);
    at += publishedInterface.size;
    for (const { address, prefixLength } of addresses) {
      const family = address.isV4 ? familyV4 : familyV6;
      view.setUint16(at + publishedAddress.family, family, true);
      view.setUint16(at + publishedAddress.prefixLength, prefixLength, true);
      view.setUint32(at + publishedAddress.scope, scopeOf(on, address), true);
      address.write(bytes, at + publishedAddress.address);
      at += publishedAddress.size;
    }
  }
  return bytes;
}
