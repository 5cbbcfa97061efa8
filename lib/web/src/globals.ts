/** Which module has which global of the web's API: a bundle gets those that its program names. */

/** Names of globals by the module, of this package, that exports them. */
export const globalsByModule: Readonly<Record<string, readonly string[]>> = {
  'abort.ts': ['AbortController', 'AbortSignal'],
  'base64.ts': ['atob', 'btoa'],
  'crypto.ts': ['crypto'],
  'dom-exception.ts': ['DOMException'],
  'encoding.ts': ['TextDecoder', 'TextEncoder'],
  'events.ts': ['Event', 'EventTarget'],
  'headers.ts': ['Headers'],
  'performance.ts': ['performance'],
  'request.ts': ['Request'],
  'response.ts': ['Response'],
  'streams.ts': [
    'ByteLengthQueuingStrategy',
    'CountQueuingStrategy',
    'ReadableStream',
    'TransformStream',
    'WritableStream',
  ],
  'structured-clone.ts': ['structuredClone'],
  'url.ts': ['URL', 'URLSearchParams'],
};

/** The functions that load a module's globals, where they are loaded when the first of them is used. */
export const loaderByModule: Readonly<Record<string, string>> = {
  'streams.ts': 'streams',
  'url.ts': 'urls',
};
