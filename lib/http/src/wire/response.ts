/** Responses (RFC 9112, sections 4 and 5). */
import { isFieldText, isTokenText } from './characters.ts';

/** Reason phrases (RFC 9110, section 15, and IANA's registry). */
const reasons: Readonly<Record<number, string>> = {
  100: 'Continue',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  418: "I'm a Teapot",
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
  511: 'Network Authentication Required',
};

/** The usual reason phrase of a status, empty for one without. */
export function reasonPhrase(status: number): string {
  return reasons[status] ?? '';
}

/** Fields that say how a message is delimited or what becomes of its connection: the server's own. */
const ownFields = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Header fields, name and value in turns. */
export type FieldPairs = readonly string[];

/** The line with the status. An empty reason phrase is replaced by the usual one. */
export function statusLine(status: number, reason: string): string {
  return `HTTP/1.1 ${status} ${reason === '' ? reasonPhrase(status) : reason}\r\n`;
}

/**
 * Field lines of a response, without those that the server itself sets.
 * @throws TypeError for a name or value that could end its line
 */
export function fieldLines(pairs: FieldPairs): string {
  let text = '';
  for (let index = 0; index + 1 < pairs.length; index += 2) {
    const name = pairs[index] as string;
    const value = pairs[index + 1] as string;
    if (ownFields.has(name.toLowerCase())) continue;
    if (!isTokenText(name)) throw new TypeError(`"${name}" is no name of a header field`);
    if (!isFieldText(value)) {
      throw new TypeError(`The header field ${name} cannot have this value: ${value}`);
    }
    text += `${name}: ${value}\r\n`;
  }
  return text;
}

/** Is there a Date field among them? */
export function hasDate(pairs: FieldPairs): boolean {
  for (let index = 0; index < pairs.length; index += 2) {
    if ((pairs[index] as string).length === 4 && (pairs[index] as string).toLowerCase() === 'date')
      return true;
  }
  return false;
}

/** May a response with this status have content (RFC 9110, section 6.4.1)? */
export function allowsContent(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

/** Interim response for a client that waits for it. */
export const continueResponse = 'HTTP/1.1 100 Continue\r\n\r\n';
