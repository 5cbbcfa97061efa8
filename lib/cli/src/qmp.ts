// QEMU's control socket (QEMU Machine Protocol): one JSON value a line; a greeting first, then answers and
// events. Source: QEMU's docs/interop/qmp-spec.txt.
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { ToolError } from './command.ts';
import { escapeComma } from './network.ts';

/** The arguments that give a machine a control socket. */
export function controlArguments(socketFile: string): string[] {
  return ['-qmp', `unix:${escapeComma(socketFile)},server=on,wait=off`];
}

/**
 * Gives a running machine one command, such as system_powerdown (its power button).
 * @param socketFile path of its control socket
 * @param command name of the command
 * @returns what the command returns
 * @throws ToolError when the machine does not listen, or refuses the command
 */
export async function controlMachine(socketFile: string, command: string): Promise<unknown> {
  const socket = connect(socketFile);
  const send = (execute: string) => socket.write(`${JSON.stringify({ execute })}\n`);
  let waitsFor = 'qmp_capabilities';
  try {
    for await (const line of createInterface({ input: socket })) {
      const message = JSON.parse(line) as Record<string, unknown>;
      if ('QMP' in message) {
        send(waitsFor);
      } else if ('error' in message) {
        throw new ToolError(`QEMU refuses ${waitsFor}: ${JSON.stringify(message.error)}`);
      } else if ('return' in message) {
        if (waitsFor === command) return message.return;
        waitsFor = command;
        send(command);
      }
    }
  } catch (error) {
    if (error instanceof ToolError) throw error;
    throw new ToolError(`QEMU's control socket ${socketFile} does not answer: ${String(error)}`);
  } finally {
    socket.destroy();
  }
  throw new ToolError(`QEMU ended before it answered to ${command}.`);
}
