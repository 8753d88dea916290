import { type Clock, isGapmeshError, type Logger, utf8 } from '../../core/index.ts'
import { type Database, ROOM, type Room } from '../../core/store/index.ts'
import { decodeTimeFloor, encodeTimeFloor, type TimeFloor, TrustedClock } from '../../enrollment/node/index.ts'

export interface NodeClockOptions {
  /** When this release was made, in milliseconds since the Unix epoch. */
  readonly releasedAtMs: number
}

export interface NodeClockDependencies {
  readonly database: Database
  /** The machine's. */
  readonly clock: Clock
  readonly logger: Logger
}

const FLOOR_KEY = utf8('time-floor')

/** The clock of a node, which remembers over restarts how late it is at least. */
export class NodeClock extends TrustedClock {
  /** True where no earlier run has left a floor. */
  readonly isNew: boolean
  readonly #keeper: FloorKeeper

  /**
   * The clock with the floor that earlier runs kept; a damaged one is forgotten and learned anew.
   * @throws CORE_STORE_READ
   */
  static async open(options: NodeClockOptions, dependencies: NodeClockDependencies): Promise<NodeClock> {
    const keeper = new FloorKeeper(dependencies)
    return new NodeClock({ ...options, floor: await keeper.load() }, { clock: dependencies.clock, keeper })
  }

  private constructor(
    options: NodeClockOptions & { readonly floor: TimeFloor | undefined },
    { clock, keeper }: { readonly clock: Clock; readonly keeper: FloorKeeper },
  ) {
    super(options, { clock, onChange: (floor) => keeper.keep(floor) })
    this.isNew = options.floor === undefined
    this.#keeper = keeper
  }

  /** What the machine's clock shows, believed or not, in milliseconds since the Unix epoch. */
  get machineMs(): number {
    return this.now() + this.offByMs
  }

  /** Writes what is not on disk yet. */
  close(): Promise<void> {
    return this.#keeper.flush()
  }
}

/** Writes the newest floor; one that the disk refused goes with the next one, or when the node stops. */
class FloorKeeper {
  readonly #database: Database
  readonly #logger: Logger
  readonly #room: Room
  #unsaved: TimeFloor | undefined
  #saving: Promise<void> | undefined

  constructor({ database, logger }: Pick<NodeClockDependencies, 'database' | 'logger'>) {
    this.#database = database
    this.#logger = logger
    this.#room = database.room(ROOM.nodeState)
  }

  async load(): Promise<TimeFloor | undefined> {
    const bytes = await this.#room.get(FLOOR_KEY)
    try {
      return bytes === undefined ? undefined : decodeTimeFloor(bytes)
    } catch (error) {
      if (!isGapmeshError(error, 'ENROLLMENT_TIME_FLOOR_DAMAGED')) throw error
      this.#logger.error({ err: error }, 'What this node knew of the time is damaged; it is learned anew')
      return undefined
    }
  }

  keep(floor: TimeFloor): void {
    this.#unsaved = floor
    this.#saving ??= this.#save().finally(() => {
      this.#saving = undefined
    })
  }

  async flush(): Promise<void> {
    await this.#saving
    if (this.#unsaved !== undefined) await this.#save()
  }

  async #save(): Promise<void> {
    while (this.#unsaved !== undefined) {
      const floor = this.#unsaved
      try {
        await this.#database.commit([this.#room.put(FLOOR_KEY, encodeTimeFloor(floor))])
      } catch (error) {
        this.#logger.warn({ err: error }, 'The time floor could not be written; it is with the next one')
        return
      }
      if (this.#unsaved === floor) this.#unsaved = undefined
    }
  }
}
