/** URL and URLSearchParams. */
export function loadUrl(): typeof import('whatwg-url');
/** Streams. */
export function loadStreams(): typeof import('web-streams-polyfill');
