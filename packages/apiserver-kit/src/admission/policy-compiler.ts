import {
  CelEnvironment,
  CelError,
  type CelType,
  kubernetesLibraries,
  objectType,
  type Program,
  types,
  typeText,
} from '../cel/index.ts';
import {authorizerLibrary, authorizerType, resourceCheckType} from './cel-authorizer.ts';
import {admissionFieldType, namespaceType, requestType} from './request-variable.ts';

const VARIABLES_TYPE = 'kubernetes.variables';

/** An expression that was compiled, or what is wrong with it. */
export type CompiledExpression = {source: string; program: Program} | {source: string; problem: string};

export interface NamedExpression {
  name: string;
  expression: string;
}

/** Compiles the expressions of one policy. They share its variables, each of which sees those before it. */
export class PolicyCompiler {
  readonly #variableTypes = new Map<string, CelType>();
  readonly #full: CelEnvironment;
  readonly #withoutAuthorizer: CelEnvironment;

  constructor({hasParams}: {hasParams: boolean}) {
    const fieldType = (object: string, field: string): CelType | undefined =>
      object === VARIABLES_TYPE ? this.#variableTypes.get(field) : admissionFieldType(object, field);
    const common = {
      object: types.dyn,
      oldObject: types.dyn,
      namespaceObject: namespaceType,
      request: requestType,
      variables: objectType(VARIABLES_TYPE),
      ...(hasParams && {params: types.dyn}),
    };
    const options = {
      libraries: [...kubernetesLibraries, authorizerLibrary],
      fieldType,
      homogeneousLiterals: true,
      extensions: 'kubernetes',
    } as const;
    this.#full = new CelEnvironment({
      ...options,
      variables: {...common, authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType},
    });
    this.#withoutAuthorizer = new CelEnvironment({...options, variables: common});
  }

  /** A variable whose expression is wrong may be anything, so that one mistake is told once. */
  variable({name, expression}: NamedExpression): CompiledExpression {
    const compiled = this.#compile(this.#full, expression, []);
    this.#variableTypes.set(name, 'program' in compiled ? compiled.program.type : types.dyn);
    return compiled;
  }

  condition(expression: string): CompiledExpression {
    return this.#compile(this.#full, expression, ['bool']);
  }

  /** Messages cannot ask the authorizer. */
  message(expression: string): CompiledExpression {
    return this.#compile(this.#withoutAuthorizer, expression, ['string']);
  }

  annotation(expression: string): CompiledExpression {
    return this.#compile(this.#full, expression, ['string', 'null']);
  }

  /** @param kinds of which the result must be one; empty: any */
  #compile(environment: CelEnvironment, source: string, kinds: readonly CelType['kind'][]): CompiledExpression {
    try {
      const program = environment.compile(source);
      if (kinds.length === 0 || kinds.includes(program.type.kind)) return {source, program};
      return {source, problem: wrongType(kinds, program.type)};
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      return {source, problem: `compilation failed: ${error.message}`};
    }
  }
}

function wrongType(kinds: readonly CelType['kind'][], type: CelType): string {
  const names = kinds.map((kind) => (kind === 'null' ? 'null_type' : kind));
  const wanted = names.length === 1 ? names[0] : `one of [${names.join(' ')}]`;
  return `must evaluate to ${wanted} but got ${typeText(type)}`;
}
