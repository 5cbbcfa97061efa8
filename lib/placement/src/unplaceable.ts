/** What a service has in the system isolate only: interfaces without promises, which RPC cannot have. */

/** By name in its context: what it is, and what to use in its place. */
export const unplaceable: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  bindings: [
    'the bindings of the kernel',
    'now(), wall(), random(), log() and the endpoint "clock" of the same context do most of it',
  ],
  platform: [
    'devices, their memory and interrupts',
    'now(), at() and log() are in the same context; what drives a device is a driver, which can be placed',
  ],
  memory: ['the memory that drivers and the network stack share', 'ArrayBuffers are its own'],
  services: ['the services in the system isolate as objects', 'endpoint() calls other services'],
  parts: ['what can be replaced in the system isolate', 'services are replaced by themselves'],
  life: ['the life of the system isolate', 'handOver() and takeOver() carry state'],
  switchboard: ['what connects services', 'endpoint() and serve() do'],
};

/**
 * Says why a service cannot have an isolate of its own.
 * @param service for people
 * @param name of what it takes of its context
 */
export function describeUnplaceable(service: string, name: string): string {
  const [what, remedy] = unplaceable[name] as readonly [string, string];
  return (
    `${service} cannot have an isolate of its own: its start() takes "${name}" of its context, ${what}, whose ` +
    `interface is synchronous. Use something else (${remedy}), or leave out placement: 'own'.`
  );
}
