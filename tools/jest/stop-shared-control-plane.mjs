export default async function teardown() {
  await globalThis.sharedControlPlane?.stop();
}
