/** Software in an image. */
export interface Component {
  name: string;
  version: string;
  /** SPDX expression, where it is known. */
  license?: string | undefined;
  /** Package URL: `pkg:npm/undici@8.0.0`. */
  purl: string;
}

export interface SpdxPackage {
  SPDXID: string;
  name: string;
  versionInfo: string;
  downloadLocation: string;
  filesAnalyzed: false;
  licenseConcluded: string;
  licenseDeclared: string;
  copyrightText: string;
  primaryPackagePurpose?: string;
  externalRefs: {referenceCategory: string; referenceType: string; referenceLocator: string}[];
}

/** @see https://spdx.github.io/spdx-spec/v2.3/ */
export interface SpdxDocument {
  spdxVersion: string;
  dataLicense: string;
  SPDXID: string;
  name: string;
  documentNamespace: string;
  creationInfo: {created: string; creators: string[]};
  packages: SpdxPackage[];
  relationships: {spdxElementId: string; relationshipType: string; relatedSpdxElement: string}[];
}

export interface DescribeOptions {
  name: string;
  version: string;
  /** `sha256:...` of the image: two images have two documents. */
  imageId: string;
  created: Date;
  components: readonly Component[];
}

/** The bill of materials of an image. */
export function describeImage({name, version, imageId, created, components}: DescribeOptions): SpdxDocument {
  const image: SpdxPackage = {
    ...describe({
      name,
      version,
      license: 'Apache-2.0',
      purl: `pkg:oci/${name}@${encodeURIComponent(imageId)}?tag=${version}`,
    }),
    SPDXID: 'SPDXRef-image',
    primaryPackagePurpose: 'CONTAINER',
  };
  const sorted = [...components].sort((a, b) => (a.purl < b.purl ? -1 : a.purl > b.purl ? 1 : 0));
  const packages = sorted.map(describe);
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${version}`,
    documentNamespace: `https://kruntimes.io/spdx/${name}/${version}/${imageId.replace('sha256:', '')}`,
    creationInfo: {created: created.toISOString().replace(/\.\d+Z$/, 'Z'), creators: ['Tool: kruntimes-images']},
    packages: [image, ...packages],
    relationships: [
      {spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: image.SPDXID},
      ...packages.map(({SPDXID}) => ({
        spdxElementId: image.SPDXID,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: SPDXID,
      })),
    ],
  };
}

function describe({name, version, license, purl}: Component): SpdxPackage {
  return {
    SPDXID: `SPDXRef-${purl.replace(/^pkg:/, '').replace(/[^A-Za-z0-9.-]+/g, '-')}`,
    name,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: license !== undefined && LICENSE_EXPRESSION.test(license) ? license : 'NOASSERTION',
    copyrightText: 'NOASSERTION',
    externalRefs: [{referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl}],
  };
}

/** Identifiers joined by AND, OR and WITH, with parentheses. */
const LICENSE_EXPRESSION = /^\(*[A-Za-z0-9.-]+\+?\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.-]+\+?\)*)*$/;
const ELEMENT_ID = /^SPDXRef-[A-Za-z0-9.-]+$/;
const LICENSE_OF_TEXT = (text: string): boolean =>
  ['NOASSERTION', 'NONE'].includes(text) || LICENSE_EXPRESSION.test(text);

/**
 * What the specification wants of a document and this one has not, in sentences; none if it is valid.
 *
 * @see https://spdx.github.io/spdx-spec/v2.3/document-creation-information/ and the chapters after it
 */
export function spdxProblems(document: SpdxDocument): string[] {
  const problems: string[] = [];
  const must = (isSo: boolean, sentence: string): void => void (isSo || problems.push(sentence));
  must(document.spdxVersion === 'SPDX-2.3', 'spdxVersion is not SPDX-2.3');
  must(document.dataLicense === 'CC0-1.0', 'dataLicense is not CC0-1.0');
  must(document.SPDXID === 'SPDXRef-DOCUMENT', 'SPDXID of the document is not SPDXRef-DOCUMENT');
  must(document.name.length > 0, 'the document has no name');
  must(
    /^https?:\/\/[^#\s]+$/.test(document.documentNamespace),
    'documentNamespace is not an absolute URI without fragment',
  );
  must(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(document.creationInfo.created), 'created is not a UTC time in seconds');
  must(
    document.creationInfo.creators.length > 0 &&
      document.creationInfo.creators.every((creator) => /^(?:Tool|Person|Organization): ./.test(creator)),
    'creators are not tools, persons or organizations',
  );
  const ids = document.packages.map(({SPDXID}) => SPDXID);
  for (const id of ids) must(ELEMENT_ID.test(id), `${id} is no identifier`);
  must(new Set(ids).size === ids.length, 'two packages have the same identifier');
  for (const each of document.packages) {
    must(each.name.length > 0, `${each.SPDXID} has no name`);
    must(each.versionInfo.length > 0, `${each.SPDXID} has no version`);
    must(each.downloadLocation.length > 0, `${each.SPDXID} has no downloadLocation`);
    must(LICENSE_OF_TEXT(each.licenseDeclared), `${each.SPDXID} declares a licence that is no expression`);
    must(LICENSE_OF_TEXT(each.licenseConcluded), `${each.SPDXID} concludes a licence that is no expression`);
    for (const {referenceType, referenceLocator} of each.externalRefs)
      must(
        referenceType === 'purl' && /^pkg:[a-z]+\/[^\s]+@[^\s]+$/.test(referenceLocator),
        `${each.SPDXID} has a reference that is no package URL`,
      );
  }
  const elements = new Set([document.SPDXID, ...ids]);
  for (const {spdxElementId, relatedSpdxElement} of document.relationships)
    for (const id of [spdxElementId, relatedSpdxElement])
      must(elements.has(id), `a relationship names ${id}, which is not there`);
  must(
    document.relationships.some(({relationshipType}) => relationshipType === 'DESCRIBES'),
    'the document describes nothing',
  );
  return problems;
}
