/** Domain names in the form of RFC 1035, section 3.1, as search lists of DHCP and RAs carry them. */

/** Why a list of names was refused. */
export type DomainNamesRefusal =
  | 'domain name truncated'
  | 'domain name label too long'
  | 'domain name too long'
  | 'domain name pointer not backwards'
  | 'domain name has bad characters';

/** Longest name in its wire form (RFC 1035, section 2.3.4). */
const nameLimit = 255;
/** Longest label (likewise). */
const labelLimit = 63;

/**
 * Reads names one after the other.
 * @param compressed whether pointers into the range are allowed: RFC 3397 does, RFC 8106 does not
 * @param padded whether empty names are padding, to be skipped (RFC 8106, section 5.2)
 * @returns the names without the root's dot, in lower case, or why not
 */
export function parseDomainNames(
  bytes: Uint8Array,
  offset: number,
  length: number,
  compressed: boolean,
  padded: boolean,
): string[] | DomainNamesRefusal {
  const names: string[] = [];
  const end = offset + length;
  let at = offset;
  while (at < end) {
    const labels: string[] = [];
    let cursor = at;
    let resume = -1;
    let lowest = at;
    let total = 0;
    for (;;) {
      if (cursor >= end) return 'domain name truncated';
      const size = bytes[cursor] as number;
      if (size >= 0xc0 && compressed) {
        if (cursor + 1 >= end) return 'domain name truncated';
        const target = offset + (((size & 0x3f) << 8) | (bytes[cursor + 1] as number));
        // Only ever further back: a loop is impossible.
        if (target >= lowest) return 'domain name pointer not backwards';
        if (resume < 0) resume = cursor + 2;
        lowest = target;
        cursor = target;
        continue;
      }
      if (size > 63) return 'domain name label too long';
      cursor += 1;
      if (size === 0) break;
      if (cursor + size > end) return 'domain name truncated';
      total += size + 1;
      if (total >= nameLimit) return 'domain name too long';
      const label = readLabel(bytes, cursor, size);
      if (label === undefined) return 'domain name has bad characters';
      labels.push(label);
      cursor += size;
    }
    at = resume < 0 ? cursor : resume;
    if (labels.length > 0) names.push(labels.join('.'));
    else if (!padded) return 'domain name truncated';
  }
  return names;
}

/**
 * Checks a name that came as text (DHCP option 15, static configuration), since it ends up in a
 * configuration file of lines and spaces.
 * @returns the name in lower case without a last dot, undefined when it is not a domain name
 */
export function checkDomainName(text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length === 0 || name.length > nameLimit - 2) return undefined;
  return name.split('.').every(isLabel) ? name.toLowerCase() : undefined;
}

const codeOf = { hyphen: 0x2d, underscore: 0x5f, digit0: 0x30, digit9: 0x39, a: 0x61, z: 0x7a };
const lowerCase = 0x20;

// Without a regular expression: a machine checks names as it starts, and the first expression costs milliseconds.
function isLabel(label: string): boolean {
  const { length } = label;
  if (length === 0 || length > labelLimit || label.startsWith('-') || label.endsWith('-')) {
    return false;
  }
  for (let at = 0; at < length; at++) {
    const code = label.charCodeAt(at);
    const letter = code | lowerCase;
    const isGood =
      (letter >= codeOf.a && letter <= codeOf.z) ||
      (code >= codeOf.digit0 && code <= codeOf.digit9) ||
      code === codeOf.underscore ||
      code === codeOf.hyphen;
    if (!isGood) return false;
  }
  return true;
}

function readLabel(bytes: Uint8Array, offset: number, size: number): string | undefined {
  let text = '';
  for (let at = offset; at < offset + size; at++) {
    text += String.fromCharCode(bytes[at] as number);
  }
  return checkDomainName(text) !== undefined && !text.includes('.')
    ? text.toLowerCase()
    : undefined;
}
