// Replaces files and directories by symlinks and back, as fast as it can, until it is killed.
// Usage: node swapper.fixture.ts DIRECTORY SECRET
import {renameSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';

const [directory, secret] = process.argv.slice(2) as [string, string];
const outside = join(directory, '..');

/** Pairs of a place and what takes turns there. */
const swaps = [
  {place: join(directory, 'file'), away: join(outside, 'away-1'), link: join(outside, 'link-1')},
  {place: join(directory, 'tree', 'file'), away: join(outside, 'away-2'), link: join(outside, 'link-2')},
  {place: join(directory, 'tree', 'swapped'), away: join(outside, 'away-3'), link: join(outside, 'link-3')},
];
symlinkSync(join(secret, 'token'), swaps[0]!.link);
symlinkSync(join(secret, 'token'), swaps[1]!.link);
symlinkSync(secret, swaps[2]!.link);
process.stdout.write('swapping\n');
for (;;) {
  for (const {place, away, link} of swaps) {
    renameSync(place, away);
    renameSync(link, place);
    renameSync(place, link);
    renameSync(away, place);
  }
}
