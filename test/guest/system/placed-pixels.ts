/** A bochs-display and a virtio keyboard, whose drivers end again and again. */
import * as bochs from '@runtimejs/framebuffer/bochs-own.ts';
import * as virtioInput from '@runtimejs/virtio-input/own.ts';
import { runEndingScreen } from '../placement/ending-screen.ts';

runEndingScreen(bochs, virtioInput);
