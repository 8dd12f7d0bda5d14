/** Who wants to know that something may have changed. */
export class Listeners {
  readonly #all = new Set<() => void>();

  get any(): boolean {
    return this.#all.size > 0;
  }

  /** Returns how to stop. */
  add(listener: () => void): () => void {
    // A new function each time: the same listener may be added twice.
    const entry = () => listener();
    this.#all.add(entry);
    return () => this.#all.delete(entry);
  }

  call(): void {
    for (const listener of this.#all) listener();
  }
}
