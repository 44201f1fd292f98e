import {describe, expect, it} from '@jest/globals';
import {referencesOf} from './definition-references.ts';
import {builtinDefinition, builtinSchema, definitionName, definitionNames} from './definitions.ts';

describe('definitions', () => {
  it('refer to nothing that is not there', () => {
    const names = new Set(definitionNames());
    for (const name of names)
      for (const reference of referencesOf(builtinDefinition(name))) expect(names).toContain(reference);
  });

  it('are found by kind', () => {
    expect(definitionName('v1', 'Pod')).toBe('io.k8s.api.core.v1.Pod');
    expect(definitionName('apps/v1', 'DeploymentList')).toBe('io.k8s.api.apps.v1.DeploymentList');
    expect(definitionName('v1', '__proto__')).toBeUndefined();
    expect(() => builtinDefinition('__proto__')).toThrow('there is no definition __proto__');
  });
});

describe('linked schemas', () => {
  it('have their parts in them, once', () => {
    const pod = builtinSchema('io.k8s.api.core.v1.Pod');
    const container = pod.properties!['spec']!.properties!['containers']!.items!;
    expect(container.properties!['ports']).toMatchObject({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      'x-kubernetes-patch-strategy': 'merge',
    });
    expect(container.properties!['ports']!.items!.properties!['protocol']).toEqual({type: 'string', default: 'TCP'});
    const template = builtinSchema('io.k8s.api.apps.v1.Deployment').properties!['spec']!.properties!['template']!;
    expect(template.properties!['spec']!.properties).toBe(pod.properties!['spec']!.properties);
  });

  it('may be cyclic', () => {
    const props = builtinSchema('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps');
    expect(props.properties!['not']!.properties).toBe(props.properties);
    expect(props.properties!['properties']!.additionalProperties).toMatchObject({type: 'object'});
  });

  it('know what may be anything', () => {
    expect(builtinSchema('io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1')).toMatchObject({
      'x-kubernetes-preserve-unknown-fields': true,
    });
    expect(builtinSchema('io.k8s.apimachinery.pkg.api.resource.Quantity')).toMatchObject({
      'x-kubernetes-int-or-string': true,
    });
  });
});
