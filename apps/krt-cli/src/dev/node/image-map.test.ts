import {describe, expect, test} from '@jest/globals';
import {findProgram, imageName} from './image-map.ts';

describe('imageName', () => {
  test.each([
    ['kruntimes-bash-runtime', 'kruntimes-bash-runtime'],
    ['kruntimes-bash-runtime:latest', 'kruntimes-bash-runtime'],
    ['registry:5000/kruntimes-bash-runtime', 'kruntimes-bash-runtime'],
    ['registry.example:5000/team/kruntimes-bash-runtime:v1.2@sha256:abc', 'kruntimes-bash-runtime'],
    ['', ''],
  ])('%s is %s', (image, name) => {
    expect(imageName(image)).toBe(name);
  });
});

test('findProgram knows nothing but what is in the map', () => {
  const images = {runtimed: {command: ['node', 'runtimed.js']}};
  expect(findProgram(images, 'example.org/runtimed:1')).toBe(images.runtimed);
  expect(findProgram(images, 'constructor')).toBeUndefined();
});
