// Work that must not overlap waits for its turn, in order of arrival.

export class Turn {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Pieces of work that run or wait. */
  get waiting(): number {
    return this.#waiting;
  }

  take<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++;
    const turn = this.#last.then(work).finally(() => {
      this.#waiting--;
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  /** Resolves when everything that waits now is done. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
