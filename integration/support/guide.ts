import {readFile} from 'node:fs/promises';

/** A fenced block of a document: its language and its text, as they stand there. */
export interface Block {
  language: string;
  text: string;
}

/** The fenced blocks of a Markdown file of the repository, in order. */
export async function blocksOf(path: string): Promise<Block[]> {
  const text = await readFile(new URL(`../../${path}`, import.meta.url), 'utf8');
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', block = '']) => ({
    language,
    text: block,
  }));
}
