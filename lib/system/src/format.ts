/**
 * Values as text for people who read a log, in the manner of Node's util.format() and
 * util.inspect().
 */

const deepest = 2;
const mostElements = 100;
const widestLine = 72;

function quote(text: string): string {
  return `'${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : quote(name);
}

function isTypedArray(value: object): value is Uint8Array {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

/** `[open item, item close]`, on one line when it fits. */
function enclose(
  prefix: string,
  open: string,
  items: readonly string[],
  close: string,
  indent: string,
): string {
  if (items.length === 0) return `${prefix}${open}${close}`;
  const line = `${prefix}${open} ${items.join(', ')} ${close}`;
  if (line.length + indent.length <= widestLine && !line.includes('\n')) return line;
  return `${prefix}${open}\n${items.map((item) => `${indent}  ${item}`).join(',\n')}\n${indent}${close}`;
}

/** The first elements, and how many there are more. */
function limited<T>(elements: Iterable<T>, size: number, show: (element: T) => string): string[] {
  const items: string[] = [];
  for (const element of elements) {
    if (items.length === mostElements) {
      const more = size - mostElements;
      items.push(`... ${more} more item${more === 1 ? '' : 's'}`);
      break;
    }
    items.push(show(element));
  }
  return items;
}

/** `Name ` of a class instance, nothing of a plain object. */
function className(value: object): string {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null) return '[Object: null prototype] ';
  const name = value.constructor?.name;
  return name === 'Object' || name === undefined || name === '' ? '' : `${name} `;
}

function property(value: object, name: string | symbol, show: (member: unknown) => string): string {
  const shown = typeof name === 'symbol' ? String(name) : key(name);
  const descriptor = Object.getOwnPropertyDescriptor(value, name);
  // Getters are not called: showing a value must not change anything.
  if (descriptor?.get !== undefined) return `${shown}: [Getter]`;
  return `${shown}: ${show(descriptor?.value)}`;
}

function inspectFunction(value: object): string {
  const { name } = value as { readonly name: unknown };
  const shown = typeof name === 'string' && name !== '' ? name : undefined;
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    return `[class ${shown ?? '(anonymous)'}]`;
  }
  return shown === undefined ? '[Function (anonymous)]' : `[Function: ${shown}]`;
}

function inspectObject(
  value: object,
  depth: number,
  seen: readonly object[],
  indent: string,
): string {
  if (seen.includes(value)) return '[Circular]';
  if (value instanceof Error) {
    const text = value.stack ?? String(value);
    return value.cause === undefined
      ? text
      : `${text}\n  [cause]: ${inspect(value.cause, depth + 1, [...seen, value])}`;
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString();
  }
  if (value instanceof RegExp) return String(value);
  const inner = [...seen, value];
  const show = (member: unknown): string => inspect(member, depth + 1, inner, `${indent}  `);
  const name = className(value);
  if (typeof value === 'function') return inspectFunction(value);
  if (depth > deepest) return Array.isArray(value) ? '[Array]' : `[${name.trim() || 'Object'}]`;
  if (Array.isArray(value)) {
    return enclose('', '[', limited(value, value.length, show), ']', indent);
  }
  if (isTypedArray(value)) {
    return enclose(
      `${name.trim()}(${value.length}) `,
      '[',
      limited(value, value.length, show),
      ']',
      indent,
    );
  }
  if (value instanceof ArrayBuffer) return `ArrayBuffer { byteLength: ${value.byteLength} }`;
  if (value instanceof Map) {
    const items = limited(value, value.size, ([from, to]) => `${show(from)} => ${show(to)}`);
    return enclose(`Map(${value.size}) `, '{', items, '}', indent);
  }
  if (value instanceof Set) {
    return enclose(`Set(${value.size}) `, '{', limited(value, value.size, show), '}', indent);
  }
  const names = Reflect.ownKeys(value).filter((each) =>
    Object.prototype.propertyIsEnumerable.call(value, each),
  );
  return enclose(
    name,
    '{',
    limited(names, names.length, (each) => property(value, each, show)),
    '}',
    indent,
  );
}

/**
 * Shows a value.
 * @param value any value; getters are not called
 * @returns text, on one line when it is short
 */
export function inspect(
  value: unknown,
  depth = 0,
  seen: readonly object[] = [],
  indent = '',
): string {
  switch (typeof value) {
    case 'string':
      return quote(value);
    case 'bigint':
      return `${value}n`;
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'object':
      return value === null ? 'null' : inspectObject(value, depth, seen, indent);
    case 'function':
      return inspectObject(value, depth, seen, indent);
    default:
      return String(value); // undefined, boolean, symbol
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : inspect(value);
}

function numeric(value: unknown, convert: (value: unknown) => number): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol') return 'NaN';
  return String(convert(value));
}

function directive(letter: string, value: unknown): string {
  switch (letter) {
    case 's':
      return typeof value === 'object' || typeof value === 'function'
        ? inspect(value)
        : typeof value === 'bigint'
          ? `${value}n`
          : String(value);
    case 'd':
      return numeric(value, Number);
    case 'i':
      return numeric(value, (each) => Number.parseInt(String(each), 10));
    case 'f':
      return numeric(value, (each) => Number.parseFloat(String(each)));
    case 'j':
      try {
        return JSON.stringify(value) ?? 'undefined';
      } catch {
        return '[Circular]';
      }
    case 'c':
      return ''; // a style sheet, of no use in a log
    default:
      return inspect(value); // o and O
  }
}

/**
 * One line of a console: a format string with its values, then all other values, divided by spaces.
 * @param values what console.log() and its like are given; %s %d %i %f %j %o %O %c %% count in the
 * first one when it is a string (WHATWG Console Standard, section 2.2)
 */
export function format(...values: readonly unknown[]): string {
  const [first, ...rest] = values;
  if (typeof first !== 'string') return values.map(show).join(' ');
  let used = 0;
  const text = first.replace(/%([sdifjoOc%])/g, (whole, letter: string) => {
    if (letter === '%') return rest.length === 0 ? whole : '%';
    if (used === rest.length) return whole;
    return directive(letter, rest[used++]);
  });
  return [text, ...rest.slice(used).map(show)].join(' ');
}
