/** Controllers, as kube-controller-manager calls them, but for `-controller` at the end. */
export const controllerNames = [
  'garbage-collector',
  'namespace',
  'serviceaccount',
  'root-ca-certificate-publisher',
  'deployment',
] as const;

export type ControllerName = (typeof controllerNames)[number];

/** Those that run where nothing is said: all but `deployment`, whose Pods need somebody who runs them. */
export const defaultControllers: ReadonlySet<ControllerName> = new Set(
  controllerNames.filter((name) => name !== 'deployment'),
);

/**
 * What a list means, as kube-controller-manager reads it: `*` is all, `name` one, `-name` not that one; what is not named runs only
 * with `*`. Nothing at all: none.
 *
 * @throws Error that names what is no controller
 */
export function selectControllers(list: readonly string[]): ReadonlySet<ControllerName> {
  const selected = new Map<ControllerName, boolean>();
  for (const item of list) {
    if (item === '*') continue;
    const isOff = item.startsWith('-');
    const name = nameOf(isOff ? item.slice(1) : item);
    if (!selected.has(name)) selected.set(name, !isOff);
  }
  const isRest = list.includes('*');
  return new Set(controllerNames.filter((name) => selected.get(name) ?? isRest));
}

function nameOf(text: string): ControllerName {
  const name = controllerNames.find((known) => known === text || `${known}-controller` === text);
  if (name !== undefined) return name;
  throw new Error(`${JSON.stringify(text)} is not in the list of known controllers: ${controllerNames.join(', ')}`);
}
