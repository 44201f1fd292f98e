import {readFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {parse} from 'yaml';

const guidePath = fileURLToPath(new URL('../../../../../docs/usage-guide.md', import.meta.url));

export interface GuideExample {
  /** `Runtime/bash`, `Run/hello`, … */
  id: string;
  /** As it stands in the guide. */
  text: string;
}

/** The manifests of the usage guide: what the demo shows is what the guide says. */
export async function guideExamples(): Promise<GuideExample[]> {
  return manifestsIn(await readFile(guidePath, 'utf8'));
}

/** The manifests in the YAML blocks of a Markdown text. */
export function manifestsIn(markdown: string): GuideExample[] {
  const blocks = [...markdown.matchAll(/^```ya?ml\n(.*?)^```/gms)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.split(/^---\n/m))
    .flatMap((text) => {
      const {kind, metadata} = parse(text) as {kind?: string; metadata?: {name?: string}};
      return kind && metadata?.name ? [{id: `${kind}/${metadata.name}`, text}] : [];
    });
}

export function findExample(examples: readonly GuideExample[], id: string): GuideExample {
  const example = examples.find((other) => other.id === id);
  if (example === undefined) throw new Error(`docs/usage-guide.md has no example ${id}`);
  return example;
}
