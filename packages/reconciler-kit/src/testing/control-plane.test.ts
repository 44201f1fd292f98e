import {expect, test} from '@jest/globals';
import {defaultFlavour} from './control-plane.ts';

test('the server is the embedded one unless the environment says otherwise', () => {
  expect(defaultFlavour({})).toBe('embedded');
  expect(defaultFlavour({KRUNTIMES_CONTROL_PLANE: ''})).toBe('embedded');
  expect(defaultFlavour({KRUNTIMES_CONTROL_PLANE: 'embedded'})).toBe('embedded');
  expect(defaultFlavour({KRUNTIMES_CONTROL_PLANE: 'kube'})).toBe('kube');
  expect(() => defaultFlavour({KRUNTIMES_CONTROL_PLANE: 'k3s'})).toThrow(
    'KRUNTIMES_CONTROL_PLANE is k3s: say embedded or kube.',
  );
});
