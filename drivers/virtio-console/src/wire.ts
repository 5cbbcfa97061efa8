/** Numbers and messages of virtio consoles (virtio 1.2, section 5.3). */

/** Feature bits. */
export const consoleFeature = { size: 0, multiport: 1 } as const;

/** Offsets of device configuration. */
export const consoleConfiguration = { columns: 0, rows: 2, portCount: 4 } as const;

/** Ports that this driver looks after; further ones stay closed. */
export const mostPorts = 8;

/** Queues. Port 0 has the first two, behind the control queues each further port has two. */
export const controlReceiveQueue = 2;
export const controlTransmitQueue = 3;
export const receiveQueue = (port: number): number => (port === 0 ? 0 : 2 * port + 2);
export const transmitQueue = (port: number): number => receiveQueue(port) + 1;

/** Events of control messages (5.3.6.2). */
export const controlEvent = {
  deviceReady: 0,
  deviceAdd: 1,
  deviceRemove: 2,
  portReady: 3,
  consolePort: 4,
  resize: 5,
  portOpen: 6,
  portName: 7,
} as const;

/** Bytes of a control message; a size or a name follows some. */
export const controlBytes = 8;
export const resizeBytes = 4;

/** A control message. */
export interface ControlMessage {
  readonly port: number;
  readonly event: number;
  readonly value: number;
  /** With resize: the port's new size. */
  readonly size?: { readonly columns: number; readonly rows: number };
}

/** Reads a control message. @returns why it is none, as text */
export function parseControl(bytes: Uint8Array): ControlMessage | string {
  if (bytes.length < controlBytes) return `a control message of ${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const port = view.getUint32(0, true);
  const event = view.getUint16(4, true);
  const value = view.getUint16(6, true);
  if (event !== controlEvent.resize) return { port, event, value };
  if (bytes.length < controlBytes + resizeBytes) return 'a resize message without a size';
  const columns = view.getUint16(controlBytes, true);
  const rows = view.getUint16(controlBytes + 2, true);
  return { port, event, value, size: { columns, rows } };
}

/** Writes a control message to the start of `into`. @returns its length */
export function emitControl(into: Uint8Array, message: ControlMessage): number {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  view.setUint32(0, message.port, true);
  view.setUint16(4, message.event, true);
  view.setUint16(6, message.value, true);
  return controlBytes;
}
