/** Attackers on the wire who see nothing; see support/seeds.ts for how to replay a seed. */
import test from 'ava';
import {
  blindSegments,
  fragmentFlood,
  neighbourFlood,
  portScan,
  rubbish,
  spoofedIcmp,
  synFlood,
} from './support/attacks.ts';
import { everySeed } from './support/seeds.ts';

const attacks: readonly (readonly [number, string, (seed: number) => void])[] = [
  [20, 'RST, SYN, FIN and data with guessed numbers end no connection', blindSegments],
  [20, 'spoofed ICMP errors end no connection and make no segment tiny', spoofedIcmp],
  [4, 'clients are served during a flood of 50,000 SYNs', synFlood],
  [4, 'a port scan gets few answers', portScan],
  [4, 'floods and lies of fragments', fragmentFlood],
  [8, 'floods and lies of ARP and Neighbour Discovery', neighbourFlood],
  [10, 'rubbish at every layer', rubbish],
];

for (const [seeds, title, attack] of attacks) {
  test(title, (t) => {
    everySeed(t, seeds, attack);
  });
}
