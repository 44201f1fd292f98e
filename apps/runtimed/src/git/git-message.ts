import {headBytes} from '@kruntimes/api-types';

const messageBytes = 700;

/** Lines with which git and servers only tell what they do. */
const chatter = /^(?:remote: )?(?:Enumerating|Counting|Compressing|Total|Receiving|Resolving|Cloning)\b/;

/**
 * What git said, as one line that may be shown to everybody who may read the Run: bounded, without control characters,
 * credentials and the user part of URLs.
 *
 * @param secrets what must not appear, in all its spellings
 */
export function gitMessage(stderr: string, secrets: readonly string[]): string {
  let text = stderr;
  // The longest first: one may be a part of another.
  for (const secret of secrets.toSorted((a, b) => b.length - a.length)) text = text.replaceAll(secret, '***');
  const lines = text
    .split(/[\r\n]+/)
    // oxlint-disable-next-line no-control-regex -- a server may send what moves a terminal's cursor
    .map((line) => line.replaceAll(/[\u0000-\u001F\u007F-\u009F]+/g, ' ').trim())
    .filter((line) => line !== '' && !chatter.test(line))
    .map((line) => line.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, '$1***@'));
  const cut = headBytes(lines.join('; '), messageBytes);
  return cut === '' ? 'git said nothing' : cut;
}
