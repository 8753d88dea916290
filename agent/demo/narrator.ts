/** Told as the scenario goes. */
export interface Narrator {
  /** A step begins; `total` is what it counts to, if it counts. */
  step(text: string, total?: number): Promise<void>
  /** How far the step is. */
  reached(count: number): void
}
