import {setFlagsFromString} from 'node:v8';

/**
 * Keeps what V8 sets aside for new objects small. By default it grows to some 50 MB under load and stays there; the objects of a
 * server are either gone at once or kept for long, and a small one costs no speed.
 */
export function limitYoungGeneration(): void {
  setFlagsFromString('--max-semi-space-size=4');
  setFlagsFromString('--semi-space-growth-factor=1');
}
