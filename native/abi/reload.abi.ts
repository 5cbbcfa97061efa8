/**
 * The bindings for live reload, of the system isolate: scripts of isolates are replaced, and the system isolate is
 * started anew with its own. native/shim answers all of them. Part of bindings.abi.ts.
 */
import { argument, type Binding, type BindingGroup, binding, bindingGroup } from './declare.ts';

const system = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system'], ...description });

const nothing = { kind: 'nothing' } as const;

const reload = bindingGroup('reload', 'Other code in the place of what the image has.', [
  system({
    name: 'replace',
    doc:
      'Has isolates that start from now on run another script; those that run go on with theirs. It is on trial: ' +
      'when the system isolate fails before keep(), the script before is back.',
    calls: { host: 'ReplaceScript' },
    arguments: [
      argument('path', { kind: 'text' }, 'Path of the script in the image.'),
      argument('script', { kind: 'source' }, 'The script as UTF-8, its source map at the end.'),
    ],
    returns: nothing,
  }),
  system({
    name: 'keep',
    doc:
      'Ends the trial of all scripts that were replaced: they work. To be called by each life of the system isolate ' +
      'that restart() has begun, within 60 s.',
    calls: { host: 'KeepScripts' },
    arguments: [],
    returns: nothing,
  }),
  system({
    name: 'revert',
    doc: 'Takes back all scripts that are on trial.',
    calls: { host: 'RevertScripts' },
    arguments: [],
    returns: nothing,
  }),
  system({
    name: 'restart',
    doc:
      'Ends this isolate and starts it anew at once, with what replace() has put in the place of its script; what ' +
      'follows the call does not run. When that life fails before keep(), scripts on trial are taken back, and the ' +
      'life that follows gets the state. Throws with the code EPERM in a bare app.',
    calls: { host: 'Restart' },
    arguments: [argument('state', { kind: 'text' }, 'For the next life.')],
    returns: { kind: 'checked', gives: 'nothing' },
  }),
  system({
    name: 'state',
    doc: 'Gives the state that this life was left.',
    calls: { host: 'HandedOver' },
    arguments: [],
    returns: { kind: 'value', type: 'string | undefined', doc: 'it, undefined without restart()' },
  }),
  system({
    name: 'failure',
    doc: 'Tells why the life before has failed.',
    calls: { host: 'LastFailure' },
    arguments: [],
    returns: {
      kind: 'value',
      type: 'string | undefined',
      doc: 'what the log said of it, undefined when it did not fail',
    },
  }),
]);

/** All groups of this file. */
export const reloadBindingGroups: readonly BindingGroup[] = [reload];
