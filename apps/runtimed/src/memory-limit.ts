import {setFlagsFromString} from 'node:v8';

/**
 * Keeps V8 from compiling WebAssembly a second time, for speed. undici parses HTTP by WebAssembly, so this works only
 * before the first request, and saves more than 10 MB that would never come back.
 */
export function limitMemory(): void {
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
}
