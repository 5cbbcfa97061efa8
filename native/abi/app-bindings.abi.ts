/**
 * The bindings of a bare app, which shares its isolate with drivers and services: what it says, when it ends,
 * and what the engine does faster than JavaScript. Part of bindings.abi.ts.
 */
import { argument, type Binding, type BindingGroup, binding, bindingGroup } from './declare.ts';

/** A binding of all bare isolates, those that others have started among them. */
const bare = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system', 'bare'], ...description });

/** A binding of the bare isolate that the app is. */
const system = (description: Omit<Binding, 'isolates'>): Binding =>
  binding({ isolates: ['system'], ...description });

const nothing = { kind: 'nothing' } as const;

const app = bindingGroup('app', 'A bare app in this isolate.', [
  system({
    name: 'environment',
    doc: "Gives the app's environment variables.",
    calls: { host: 'Environment' },
    arguments: [],
    returns: { kind: 'value', type: 'Record<string, string>', doc: 'them, by name' },
  }),
  system({
    name: 'write',
    doc: 'Writes to standard output or standard error.',
    calls: { host: 'WriteOutput' },
    arguments: [
      argument(
        'descriptor',
        { kind: 'integer', type: 'u32', least: 1, most: 2 },
        '1 for output, 2 for errors.',
      ),
      argument('text', { kind: 'text' }, 'What to write, its line ends included.'),
    ],
    returns: nothing,
  }),
  system({
    name: 'onShutDown',
    doc:
      'Names the function that runs when the machine is asked to end (SIGTERM, the power button). Without one the ' +
      'app ends at once, with exit code 143.',
    calls: { host: 'OnShutDown' },
    arguments: [argument('shutDown', { kind: 'callback', type: '() => void' }, 'The function.')],
    returns: nothing,
  }),
  system({
    name: 'exit',
    doc: 'Ends this isolate, and with it the app. What follows the call does not run.',
    calls: { host: 'Exit' },
    arguments: [
      argument(
        'code',
        { kind: 'integer', type: 'i32', least: 0, most: 255 },
        'Exit code of the app.',
      ),
    ],
    returns: nothing,
  }),
  system({
    name: 'script',
    doc: 'Gives the script that a development image keeps apart, for run(): the app without what it runs on.',
    calls: { host: 'AppScript' },
    arguments: [],
    returns: { kind: 'value', type: 'string | undefined', doc: 'it, undefined in other images' },
  }),
  system({
    name: 'run',
    doc:
      'Runs a script with globals of its own: those of ECMAScript, `runtime`, and what it is given. Throws what ' +
      'the script throws.',
    calls: { host: 'RunInRealm' },
    arguments: [
      argument('path', { kind: 'text' }, 'What stack traces call it.'),
      argument('source', { kind: 'text' }, 'The script.'),
      argument('globals', { kind: 'any' }, 'An object whose properties become globals.'),
    ],
    returns: { kind: 'value', type: 'unknown', doc: 'what the script comes to' },
  }),
]);

const text = bindingGroup('text', 'Text and bytes, and copies of values, by the engine.', [
  bare({
    name: 'decodeUtf8',
    doc: 'Makes text of UTF-8. What is none becomes U+FFFD, as in the Encoding standard.',
    calls: { host: 'DecodeUtf8' },
    arguments: [argument('bytes', { kind: 'source' }, 'The bytes.')],
    returns: { kind: 'value', type: 'string', doc: 'the text' },
  }),
  bare({
    name: 'decodeLatin1',
    doc: 'Makes text of bytes, one code unit of each.',
    calls: { host: 'DecodeLatin1' },
    arguments: [
      argument('bytes', { kind: 'source' }, 'Where the bytes are.'),
      argument('start', { kind: 'integer', type: 'u32', least: 0, most: 0xffffffff }, 'The first.'),
      argument(
        'end',
        { kind: 'integer', type: 'u32', least: 0, most: 0xffffffff },
        'The one after the last.',
      ),
    ],
    returns: { kind: 'value', type: 'string', doc: 'the text' },
  }),
  bare({
    name: 'encodeUtf8',
    doc: 'Makes UTF-8 of text.',
    calls: { host: 'EncodeUtf8' },
    arguments: [argument('text', { kind: 'text' }, 'The text; lone surrogates become U+FFFD.')],
    returns: { kind: 'value', type: 'Uint8Array<ArrayBuffer>', doc: 'the bytes' },
  }),
  bare({
    name: 'clone',
    doc: 'Copies a value deeply (HTML, section 2.7). Throws an Error for what cannot be copied.',
    calls: { host: 'Clone' },
    arguments: [argument('value', { kind: 'any' }, 'What to copy.')],
    returns: { kind: 'value', type: 'unknown', doc: 'the copy' },
  }),
]);

/** All groups of this file. */
export const appBindingGroups: readonly BindingGroup[] = [app, text];
