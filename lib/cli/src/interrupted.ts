// Ctrl-C while something is made: what was there stays, and the user is told so. Products are written beside
// their places and moved there when they are whole, so there is nothing to undo.
import { interrupted } from './machine.ts';

let handler: (() => void) | undefined;

/**
 * Says what to tell when Ctrl-C comes from now on.
 * @param message undefined to let Ctrl-C be as it was
 */
export function onInterrupt(message: string | undefined): void {
  if (handler !== undefined) {
    process.off('SIGINT', handler);
    process.off('SIGTERM', handler);
  }
  handler = undefined;
  if (message === undefined) return;
  handler = () => {
    console.error(`\n${message}`);
    process.exit(interrupted);
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
}
