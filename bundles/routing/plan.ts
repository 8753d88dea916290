import { checkOptionKeys } from '../../core/index.ts'
import type { Priority } from '../codec/priority.ts'
import type { RoutingStrategy } from './types.ts'

export interface RoutingPlanOptions {
  /** For every priority that has none of its own. */
  readonly strategy: RoutingStrategy
  /** For single priorities: control bundles may spread faster than bulk. */
  readonly byPriority?: Partial<Record<Priority, RoutingStrategy>>
}

/** The strategy of each bundle of a mesh, by its priority. */
export class RoutingPlan {
  readonly #options: RoutingPlanOptions

  constructor(options: RoutingPlanOptions) {
    checkOptionKeys('routing plan', options, ['strategy', 'byPriority'])
    this.#options = options
  }

  strategyFor(priority: Priority): RoutingStrategy {
    return this.#options.byPriority?.[priority] ?? this.#options.strategy
  }
}
