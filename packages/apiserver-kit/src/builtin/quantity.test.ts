import {expect, it} from '@jest/globals';
import fc from 'fast-check';
import {formatQuantity, parseQuantity} from './quantity.ts';

const canonical = (text: string): string | undefined => {
  const quantity = parseQuantity(text);
  return quantity && formatQuantity(quantity);
};

// Each answer was taken from kube-apiserver 1.36.3, or follows from the API documentation.
it.each<[string, string | undefined]>([
  ['1000m', '1'],
  ['0.5', '500m'],
  ['0.5Gi', '512Mi'],
  ['1024Ki', '1Mi'],
  ['1500m', '1500m'],
  ['1.5', '1500m'],
  ['+1', '1'],
  ['-1', '-1'],
  ['0', '0'],
  ['0Gi', '0'],
  ['1000', '1k'],
  ['1e3', '1e3'],
  ['12e6', '12e6'],
  ['.5', '500m'],
  ['1.', '1'],
  ['100Mi', '100Mi'],
  ['1Ki', '1Ki'],
  ['1x', undefined],
  ['', undefined],
  ['1 Gi', undefined],
  ['--1', undefined],
])('%s is written %s', (text, wanted) => {
  expect(canonical(text)).toBe(wanted);
});

it('means the same when it is read again, and is written the same', () => {
  const suffix = fc.constantFrom('', 'n', 'u', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi', 'e3', 'E-3');
  fc.assert(
    fc.property(
      fc.integer({min: -1_000_000, max: 1_000_000}),
      fc.integer({min: 0, max: 999}),
      suffix,
      (whole, part, end) => {
        const text = `${whole}.${`${part}`.padStart(3, '0')}${end}`;
        const first = parseQuantity(text)!;
        const written = formatQuantity(first);
        expect(parseQuantity(written)?.nanos).toBe(first.nanos);
        expect(canonical(written)).toBe(written);
      },
    ),
  );
});
