import {expect, test} from '@jest/globals';
import {type Component, describeImage, type SpdxDocument, spdxProblems} from './spdx.ts';

const components: Component[] = [
  {name: 'undici', version: '8.12.4', license: 'MIT', purl: 'pkg:npm/undici@8.12.4'},
  {
    name: 'git',
    version: '1:2.39.5-0+deb12u3',
    purl: 'pkg:deb/debian/git@1%3A2.39.5-0%2Bdeb12u3?arch=amd64&distro=bookworm',
  },
  {
    name: '@bufbuild/protobuf',
    version: '2.17.0',
    license: '(Apache-2.0 AND BSD-3-Clause)',
    purl: 'pkg:npm/%40bufbuild/protobuf@2.17.0',
  },
  {name: 'odd', version: '1.0.0', license: 'SEE LICENSE IN odd.txt', purl: 'pkg:npm/odd@1.0.0'},
];

function document(change: (document: SpdxDocument) => void = () => {}): SpdxDocument {
  const created = new Date('2026-01-02T03:04:05.678Z');
  const made = describeImage({
    name: 'kruntimes-runtimed',
    version: '1.2.3',
    imageId: `sha256:${'a'.repeat(64)}`,
    created,
    components,
  });
  change(made);
  return made;
}

test('the bill of an image names what is in it, in an order of its own', () => {
  const {packages, relationships, creationInfo} = document();
  expect(spdxProblems(document())).toEqual([]);
  expect(creationInfo.created).toBe('2026-01-02T03:04:05Z');
  expect(packages.map(({name}) => name)).toEqual(['kruntimes-runtimed', 'git', '@bufbuild/protobuf', 'odd', 'undici']);
  expect(packages.map(({licenseDeclared}) => licenseDeclared)).toEqual([
    'Apache-2.0',
    'NOASSERTION',
    '(Apache-2.0 AND BSD-3-Clause)',
    'NOASSERTION',
    'MIT',
  ]);
  expect(relationships.filter(({relationshipType}) => relationshipType === 'CONTAINS')).toHaveLength(components.length);
  expect(document()).toEqual(document());
});

test.each<[string, RegExp, (document: SpdxDocument) => void]>([
  ['another version', /spdxVersion/, (it) => void (it.spdxVersion = 'SPDX-3')],
  ['a namespace with a fragment', /documentNamespace/, (it) => void (it.documentNamespace += '#part')],
  ['a time with fractions', /created/, (it) => void (it.creationInfo.created = '2026-01-02T03:04:05.678Z')],
  ['a creator of no kind', /creators/, (it) => void (it.creationInfo.creators = ['me'])],
  ['an identifier with a slash', /no identifier/, (it) => void (it.packages[1]!.SPDXID = 'SPDXRef-a/b')],
  ['the same identifier twice', /same identifier/, (it) => void (it.packages[1]!.SPDXID = it.packages[2]!.SPDXID)],
  ['no version', /no version/, (it) => void (it.packages[1]!.versionInfo = '')],
  ['a licence in prose', /no expression/, (it) => void (it.packages[1]!.licenseDeclared = 'see the file')],
  [
    'a relationship that leads nowhere',
    /not there/,
    (it) => void (it.relationships[1]!.relatedSpdxElement = 'SPDXRef-x'),
  ],
  ['nothing described', /describes nothing/, (it) => void it.relationships.shift()],
  [
    'a package URL without version',
    /package URL/,
    (it) => void (it.packages[1]!.externalRefs[0]!.referenceLocator = 'pkg:npm/x'),
  ],
])('%s is a problem', (_name, problem, change) => {
  expect(spdxProblems(document(change))).toEqual(expect.arrayContaining([expect.stringMatching(problem)]));
});
