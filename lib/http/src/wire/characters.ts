/** Classes of characters (RFC 9110, sections 5.5 and 5.6; RFC 3986). */

const token = 1;
const fieldContent = 2;
const targetCharacter = 4;
const hexadecimal = 8;
const hostCharacter = 16;

export const tab = 0x09;
export const lineFeed = 0x0a;
export const carriageReturn = 0x0d;
export const space = 0x20;
export const colon = 0x3a;

/** What each byte may be part of. */
const classes: Uint8Array = classify();

function classify(): Uint8Array {
  const table = new Uint8Array(256);
  const add = (characters: string, kind: number): void => {
    for (let index = 0; index < characters.length; index += 1) {
      const code = characters.charCodeAt(index);
      table[code] = (table[code] as number) | kind;
    }
  };
  const digits = '0123456789';
  const lower = 'abcdefghijklmnopqrstuvwxyz';
  const alphanumeric = digits + lower + lower.toUpperCase();
  add(`${alphanumeric}!#$%&'*+-.^_\`|~`, token);
  add(`${digits}abcdefABCDEF`, hexadecimal);
  // uri-host and port, IP literals included (RFC 3986, section 3.2.2).
  add(`${alphanumeric}-._~!$&'()*+,;=%:[]`, hostCharacter);
  for (let code = 0x20; code < 0x100; code += 1) {
    if (code === 0x7f) continue;
    table[code] = (table[code] as number) | fieldContent;
    // Clients send more than RFC 3986 allows, such as | and {}; a fragment is never part of it.
    if (code > 0x20 && code < 0x7f && code !== 0x23) {
      table[code] = (table[code] as number) | targetCharacter;
    }
  }
  table[tab] = (table[tab] as number) | fieldContent;
  return table;
}

/** tchar. */
export function isToken(byte: number): boolean {
  return ((classes[byte] as number) & token) !== 0;
}

/** VCHAR, obs-text, space or tab: what a field value may hold. */
export function isFieldContent(byte: number): boolean {
  return ((classes[byte] as number) & fieldContent) !== 0;
}

/** What a request target may hold. */
export function isTarget(byte: number): boolean {
  return ((classes[byte] as number) & targetCharacter) !== 0;
}

export function isHexadecimal(byte: number): boolean {
  return ((classes[byte] as number) & hexadecimal) !== 0;
}

/** What a host with its port may hold. */
export function isHost(byte: number): boolean {
  return ((classes[byte] as number) & hostCharacter) !== 0;
}

export function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** Is the whole text a token? */
export function isTokenText(text: string): boolean {
  if (text === '') return false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0xff || !isToken(code)) return false;
  }
  return true;
}

/** May the whole text be a field's value? Code units above 255 have no place in a byte. */
export function isFieldText(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0xff || !isFieldContent(code)) return false;
  }
  return true;
}

/** Bytes as text of the same code units. */
export function decodeLatin1(bytes: Uint8Array, start: number, end: number): string {
  // Arguments lie on the stack, so in pieces.
  let text = '';
  for (let at = start; at < end; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, Math.min(at + 4096, end)));
  }
  return text;
}
