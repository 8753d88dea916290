/**
 * Who gets which bundle: pure strategies from bundle, contact and state to a decision. Whoever performs it is in
 * `bundles/node/`.
 */
export { decide } from './decide.ts'
export { RoutingPlan, type RoutingPlanOptions } from './plan.ts'
export {
  direct,
  epidemic,
  type SprayAndWaitOptions,
  type StaticRoute,
  sprayAndWait,
  staticRoutes,
} from './strategies.ts'
export type {
  Decision,
  HoldReason,
  RoutedBundle,
  RoutedContact,
  RoutingState,
  RoutingStrategy,
} from './types.ts'
