/** VGA and PS/2, whose drivers end again and again. */
import * as ps2 from '@runtimejs/ps2/own.ts';
import * as vga from '@runtimejs/vga/own.ts';
import { runEndingScreen } from '../placement/ending-screen.ts';

runEndingScreen(vga, ps2);
