/** Asks a Node process that was started with `--inspect` for its memory, after a full garbage collection. */

export interface Heap {
  /** JavaScript objects. */
  readonly heapBytes: number;
  /** Buffers outside the heap. */
  readonly bufferBytes: number;
}

export class Inspector implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (result: Record<string, number>) => void>();
  #id = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', (event) => {
      const { id, result } = JSON.parse(String(event.data)) as { id: number; result: Record<string, number> };
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  /** @param port as in `--inspect=127.0.0.1:PORT` */
  static async connect(port: number): Promise<Inspector> {
    const targets = (await (await fetch(`http://127.0.0.1:${port}/json`)).json()) as {
      webSocketDebuggerUrl: string;
    }[];
    const socket = new WebSocket(targets[0]!.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error('the inspector does not answer')));
    });
    return new Inspector(socket);
  }

  /** What is alive now: garbage is collected first. */
  async alive(): Promise<Heap> {
    // Finalizers of what the first collection freed may free more.
    for (let time = 0; time < 3; time++) await this.#call('HeapProfiler.collectGarbage');
    const usage = await this.#call('Runtime.getHeapUsage');
    return { heapBytes: usage['usedSize']!, bufferBytes: usage['backingStorageSize'] ?? 0 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    return Promise.resolve();
  }

  #call(method: string): Promise<Record<string, number>> {
    const id = ++this.#id;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#socket.send(JSON.stringify({ id, method, params: {} }));
    });
  }
}
