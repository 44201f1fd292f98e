import {evaluationError} from './cel-error.ts';
import {functionTable} from './function-table.ts';

/** @see https://pkg.go.dev/github.com/google/cel-go/ext#Encoders */
export const encoderLibrary = functionTable({
  'base64.encode': {'(bytes): string': (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')},
  'base64.decode': {
    '(string): bytes': (text: string) => {
      // Buffer skips what is no base64.
      if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw evaluationError('illegal base64 data');
      return new Uint8Array(Buffer.from(text, 'base64'));
    },
  },
});
