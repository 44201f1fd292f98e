/** A body from this size on is work that others notice. */
const LARGE_BYTES = 128 * 1024;

/**
 * Lets what else there is to do go first, between two steps of the work on a large body: the steps are long enough.
 *
 * @param bytes of the body; a small one goes on at once
 */
export async function giveWay(bytes: number): Promise<void> {
  if (bytes < LARGE_BYTES) return;
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}
