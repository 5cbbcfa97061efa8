// Every place to deploy to; cheap to load, for a command line's help.
import { DeployError, type Target } from './plan.ts';
import { aws } from './targets/aws.ts';
import { azure } from './targets/azure.ts';
import { digitalocean } from './targets/digitalocean.ts';
import { google } from './targets/google.ts';
import { hetzner } from './targets/hetzner.ts';
import { kubevirt } from './targets/kubevirt.ts';
import { libvirt } from './targets/libvirt.ts';
import { nomad } from './targets/nomad.ts';
import { openstack } from './targets/openstack.ts';
import { proxmox } from './targets/proxmox.ts';

/** Every place to deploy to. */
export const targets: readonly Target[] = [
  libvirt,
  proxmox,
  kubevirt,
  nomad,
  openstack,
  google,
  aws,
  azure,
  digitalocean,
  hetzner,
];

/**
 * @param name of a target
 * @throws DeployError that lists what there is
 */
export function findTarget(name: string): Target {
  const target = targets.find((candidate) => candidate.name === name);
  if (target) return target;
  throw new DeployError(
    `There is no target "${name}". There are: ${targets.map((known) => known.name).join(', ')}.`,
  );
}
