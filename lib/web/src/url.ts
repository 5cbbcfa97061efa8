/** URL and URLSearchParams (URL standard). */
/// <reference path="./whatwg-url.d.ts" />
export { URL, URLSearchParams } from 'whatwg-url';
