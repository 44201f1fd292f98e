/** Logical units by resource name, e.g. `{runs: 4}`: what a Pod offers, or what a Run asks for. Whole numbers ≥ 0. */
export type Resources = Readonly<Record<string, number>>;

/** The units of one resource; 0 when it is not named. Names come from users, so an inherited property is no resource. */
export function unitsOf(resources: Resources, name: string): number {
  return Object.hasOwn(resources, name) ? (resources[name] ?? 0) : 0;
}

/** Whether `free` holds all of `requests`. */
export function fits(requests: Resources, free: Resources): boolean {
  return missingResource(requests, free) === undefined;
}

/** The first resource of `requests` of which `free` has too little. */
export function missingResource(requests: Resources, free: Resources): string | undefined {
  return Object.keys(requests).find((name) => unitsOf(requests, name) > unitsOf(free, name));
}

/** One text per set of requests, whatever the order of its names. */
export function shapeOf(requests: Resources): string {
  const names = Object.keys(requests).sort();
  return names.map((name) => `${name}=${requests[name]}`).join(',');
}
