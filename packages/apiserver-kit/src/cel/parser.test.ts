import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {CelError} from './cel-error.ts';
import {CelEnvironment} from './environment.ts';
import {parse} from './parser.ts';
import {types} from './types.ts';

/** The error with which `source` is refused. */
function refusal(source: string): CelError {
  try {
    parse(source);
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
  throw new Error(`${source} was taken`);
}

const fragments = [
  ...Array.from('()[]{}.,:?!-+*/%<>&|="\'`\\ \n'),
  '&&',
  '||',
  '==',
  'in',
  'a',
  'has',
  'all',
  '1',
  '2u',
  '.5',
  'true',
  "b'",
  'r"',
];

describe('hostile sources', () => {
  test('are taken or refused as syntax errors, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constantFrom(...fragments), fc.string({unit: 'binary'}))), (parts) => {
        const source = parts.join('');
        try {
          parse(source);
        } catch (error) {
          expect(error).toBeInstanceOf(CelError);
          expect((error as CelError).code).toBe('SYNTAX');
        }
      }),
      {numRuns: 500},
    );
  });

  test.each([
    ['(', ')'],
    ['[', ']'],
    ['{1:', '}'],
    ['f(', ')'],
    ['a[', ']'],
  ])('that nest %s 300 deep are refused', (open, close) => {
    expect(refusal(`${open.repeat(300)}1${close.repeat(300)}`).message).toContain('recursion limit');
  });

  test.each(['a.b', '1+1', 'a[0]', '1<2'])('that chain %s 30,000 times are refused', (link) => {
    const part = link.slice(1);
    expect(refusal(link + part.repeat(30_000)).message).toContain('nests deeper than 1000');
  });

  test('of a thousand links are checked and evaluated', () => {
    const environment = new CelEnvironment({variables: {x: types.int}});
    const program = environment.compile(`x${'+x'.repeat(900)}`);
    expect(program.evaluate({x: 1n}).value).toBe(901n);
    const chain = environment.compile(`x == 1${' && x == 1'.repeat(9_000)}`);
    expect(chain.evaluate({x: 1n}).value).toBe(true);
  });

  test('that are too long are refused', () => {
    expect(refusal(`'${'x'.repeat(100_000)}'`).message).toContain('100000');
  });
});

describe('evaluation is bounded', () => {
  const environment = new CelEnvironment({variables: {list: types.dyn}});
  const list = Array.from({length: 1_000}, (_, index) => BigInt(index));

  test('by a limit of cost', () => {
    const nested = environment.compile('list.all(a, list.all(b, list.all(c, a + b + c >= 0)))');
    expect(() => nested.evaluate({list}, {costLimit: 10_000})).toThrow(
      expect.objectContaining({code: 'COST', message: 'operation cancelled: actual cost limit exceeded'}),
    );
  });

  test('a regular expression takes time linear in the text', () => {
    const program = environment.compile("string(list).matches('^(a+)+$')");
    const {value} = program.evaluate({list: `${'a'.repeat(50_000)}b`});
    expect(value).toBe(false);
  });
});
