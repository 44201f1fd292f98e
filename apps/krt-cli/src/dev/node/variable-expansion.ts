/**
 * Replaces each `$(NAME)` by the variable's value. A name that is not set stays as it is, and `$$` is a `$`, so that
 * `$$(NAME)` yields `$(NAME)`.
 *
 * @see https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (reference: string, name: string | undefined) => {
    if (name === undefined) return '$';
    return variables.get(name) ?? reference;
  });
}
