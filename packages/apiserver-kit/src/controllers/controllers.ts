import {type Clock, systemClock} from '../clock.ts';
import type {Registry} from '../registry/registry.ts';
import type {Controller, ControllerEnvironment} from './controller.ts';
import {type ControllerName, defaultControllers} from './controller-names.ts';
import {DeploymentController} from './deployment-controller.ts';
import {GarbageCollector} from './garbage-collector.ts';
import {NamespaceController} from './namespace-controller.ts';
import {defaultServiceAccounts, rootCaPublisher} from './namespace-defaults.ts';
import {TimeSlices} from './time-slices.ts';

export interface ControllersOptions {
  /** Default: {@link defaultControllers}. */
  names?: ReadonlySet<ControllerName>;
  /** PEM of the authority by which Pods know this server. Without it nothing is published. */
  rootCa?: string | undefined;
  clock?: Clock;
  /** Told what went wrong and is tried again. */
  onError?: (error: Error) => void;
}

/**
 * Starts controllers in the process of the server: they hear of each change in the turn in which it is made, and write through the
 * stores as requests do. Everything that they know is in the stores: a server that was killed goes on where it was.
 */
export function startControllers(registry: Registry, options: ControllersOptions = {}): Controller {
  const {names = defaultControllers, rootCa, clock = systemClock, onError = () => {}} = options;
  const slices = new TimeSlices(clock);
  const environment: ControllerEnvironment = {registry, clock, slices, onError};
  const controllers: Controller[] = [];
  if (names.has('garbage-collector')) controllers.push(new GarbageCollector(environment));
  if (names.has('namespace')) controllers.push(new NamespaceController(environment));
  if (names.has('serviceaccount')) controllers.push(defaultServiceAccounts(environment));
  if (names.has('root-ca-certificate-publisher') && rootCa !== undefined)
    controllers.push(rootCaPublisher(environment, rootCa));
  if (names.has('deployment')) controllers.push(new DeploymentController(environment));
  return {
    async close() {
      // Whoever stops the server does not want to wait until a large namespace is empty.
      slices.end();
      await Promise.all(controllers.map((controller) => controller.close()));
    },
  };
}
