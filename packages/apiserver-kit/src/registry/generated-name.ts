/** Without vowels and what looks like them: no bad words come out. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_LENGTH = 63;

/**
 * A name that begins with a prefix, of which so much is kept that the name is a DNS label.
 *
 * @param random from 0 to 1, excluding 1
 */
export function generatedName(prefix: string, random: () => number): string {
  const base = prefix.slice(0, MAX_LENGTH - SUFFIX_LENGTH);
  let suffix = '';
  for (let index = 0; index < SUFFIX_LENGTH; index++) suffix += ALPHABET[Math.floor(random() * ALPHABET.length)];
  return base + suffix;
}
