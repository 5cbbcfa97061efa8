/** The shell on the console. */
import { runShell } from '@runtimejs/shell';

process.exitCode = await runShell();
