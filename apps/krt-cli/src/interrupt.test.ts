import {EventEmitter} from 'node:events';
import {describe, expect, test} from '@jest/globals';
import {Interrupted, InterruptScope} from './interrupt.ts';

describe('InterruptScope', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s aborts with exit code %i', (signal, exitCode) => {
    const source = new EventEmitter();
    using scope = new InterruptScope(source);
    source.emit(signal);
    expect(scope.signal.aborted).toBe(true);
    expect(scope.signal.reason).toBeInstanceOf(Interrupted);
    expect(scope.signal.reason).toMatchObject({exitCode});
  });

  test('the first signal can be taken for something else, the second aborts', () => {
    const source = new EventEmitter();
    using scope = new InterruptScope(source);
    let intercepted = 0;
    scope.intercept = () => {
      intercepted++;
    };
    source.emit('SIGINT');
    expect([intercepted, scope.signal.aborted]).toEqual([1, false]);
    source.emit('SIGINT');
    expect([intercepted, scope.signal.aborted]).toEqual([1, true]);
  });

  test('listens no longer than it lives', () => {
    const source = new EventEmitter();
    {
      using scope = new InterruptScope(source);
      expect(scope.signal.aborted).toBe(false);
      expect(source.listenerCount('SIGINT')).toBe(1);
    }
    expect(source.listenerCount('SIGINT') + source.listenerCount('SIGTERM')).toBe(0);
  });
});
