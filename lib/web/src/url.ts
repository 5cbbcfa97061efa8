/** URL and URLSearchParams (URL standard). */
/// <reference path="./whatwg-url.d.ts" />
import type { URLSearchParams } from 'whatwg-url';
import { loadUrl } from './on-demand.cjs';

export type { URL, URLSearchParams } from 'whatwg-url';

let loaded: ReturnType<typeof loadUrl> | undefined;

/** The classes: evaluated with the first use, because most requests need none. */
export function urls(): ReturnType<typeof loadUrl> {
  loaded ??= loadUrl();
  return loaded;
}

/** Whether something is a URLSearchParams; before the first use of the class nothing is. */
export function isSearchParams(value: unknown): value is URLSearchParams {
  return loaded !== undefined && value instanceof loaded.URLSearchParams;
}
