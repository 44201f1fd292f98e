import {setFlagsFromString} from 'node:v8';

/**
 * Keeps what V8 sets aside small. Objects are kept as texts, so there is little to collect: without these flags V8 takes three times
 * the memory that is in use, and is no faster for it.
 *
 * Maglev, the compiler between the first and the last one, leaves 20 to 30 MB behind in the allocators of its threads, which nobody gives
 * back. Without it the first thousands of requests take a third more processor time, and then the same.
 */
export function saveMemory(): void {
  setFlagsFromString('--max-semi-space-size=4');
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=40');
  setFlagsFromString('--no-maglev');
}
