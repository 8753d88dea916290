/** What is used of cli-progress, which carries no types. */
declare module 'cli-progress' {
  export class SingleBar {
    constructor(options: {
      format?: string
      stream?: NodeJS.WritableStream
      hideCursor?: boolean
      clearOnComplete?: boolean
    })
    start(total: number, startValue: number): void
    update(value: number): void
    stop(): void
  }
}
