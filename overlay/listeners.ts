/** Callbacks by event name: what an {@link Overlay} tells those who listen. */
export class Listeners<Events extends Record<keyof Events, unknown>> {
  readonly #byEvent = new Map<keyof Events, Set<(detail: never) => void>>()

  /** Calls `listener` for every `event` from now on, until the answered function is called. */
  add<Event extends keyof Events>(event: Event, listener: (detail: Events[Event]) => void): () => void {
    const listeners = this.#byEvent.get(event) ?? new Set()
    this.#byEvent.set(event, listeners)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  emit<Event extends keyof Events>(event: Event, detail: Events[Event]): void {
    for (const listener of this.#byEvent.get(event) ?? []) (listener as (detail: Events[Event]) => void)(detail)
  }
}
