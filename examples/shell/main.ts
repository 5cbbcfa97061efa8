/**
 * The shell as the whole app: `npm start -- --app examples/shell`. It ends with `exit`, and the machine with it.
 *
 * An app of its own keeps a shell on a second console with one line: see lib/shell.
 */
import { runShell } from '@runtimejs/shell';

process.exitCode = await runShell();
