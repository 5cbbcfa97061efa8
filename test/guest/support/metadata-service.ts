// A cloud's metadata service: answers one request, which comes on standard input. QEMU starts it for each
// connection. The argument is JSON: path to answer, and a header that has to be there.
interface Service {
  readonly answers: Readonly<Record<string, string>>;
  readonly header?: string;
}

const { answers, header } = JSON.parse(
  Buffer.from(process.argv[2] ?? '', 'base64').toString(),
) as Service;
let request = '';
for await (const piece of process.stdin) {
  request += piece;
  if (request.includes('\r\n\r\n')) break;
}
const path = request.split(' ')[1] ?? '';
const isAllowed = header === undefined || request.toLowerCase().includes(header.toLowerCase());
const body = isAllowed ? answers[path] : 'a header is missing';
const status = !isAllowed ? '403 Forbidden' : body === undefined ? '404 Not Found' : '200 OK';
process.stdout.end(
  `HTTP/1.1 ${status}\r\nContent-Length: ${Buffer.byteLength(body ?? '')}\r\nConnection: close\r\n\r\n${body ?? ''}`,
);
