interface OwnedPod {
  /** Of the owner. */
  uid: string;
  /** Key of the owner. */
  deployment: string;
}

/** Keys of the Pods that Deployments own. */
export class PodsByOwner {
  readonly #pods = new Map<string, OwnedPod>();
  readonly #keys = new Map<string, Set<string>>();

  set(pod: string, owner: OwnedPod): void {
    if (this.#pods.get(pod)?.uid === owner.uid) return;
    this.delete(pod);
    this.#pods.set(pod, owner);
    const keys = this.#keys.get(owner.uid);
    if (keys === undefined) this.#keys.set(owner.uid, new Set([pod]));
    else keys.add(pod);
  }

  /** @returns the key of the Deployment that had it */
  delete(pod: string): string | undefined {
    const owner = this.#pods.get(pod);
    if (owner === undefined) return undefined;
    this.#pods.delete(pod);
    const keys = this.#keys.get(owner.uid);
    keys?.delete(pod);
    if (keys?.size === 0) this.#keys.delete(owner.uid);
    return owner.deployment;
  }

  of(uid: string): string[] {
    return [...(this.#keys.get(uid) ?? [])];
  }

  keys(): string[] {
    return [...this.#pods.keys()];
  }
}
