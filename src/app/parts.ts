/** What has been started, for stopping in reverse order. */
export class Parts {
  readonly #stops: (() => Promise<void>)[] = [];

  add(stop: () => Promise<void> | void): void {
    this.#stops.push(async () => stop());
  }

  /** Stops all of them, also when one fails to. @throws what the first one that failed has thrown */
  async stop(): Promise<void> {
    const failed: unknown[] = [];
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) {
      await stop().catch((error: unknown) => failed.push(error));
    }
    if (failed.length > 0) throw failed[0];
  }
}
