import type {Target} from '../cluster/target.ts';
import type {Measurement} from '../measure/measurement.ts';
import type {Profile} from '../profiles.ts';

/** A figure that is no load of Runs. */
export interface Figure {
  scenario: string;
  /** Which case of the scenario. */
  load: string;
  name: string;
  value: number;
  unit: string;
}

export interface Findings {
  measurements: Measurement[];
  figures: Figure[];
  /** What the reader must know, such as what was simulated or left out. */
  notes: string[];
}

export interface Scenario {
  name: string;
  /** One line for the help. */
  title: string;
  /** Needs a control plane of its own. */
  needsWorld?: boolean;
  run(target: Target, profile: Profile): Promise<Partial<Findings>>;
}
