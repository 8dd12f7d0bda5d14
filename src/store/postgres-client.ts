import { Client } from 'pg';

type Connected = (error: Error | null, client?: Client) => void;

/**
 * A client that leaves no socket behind when it cannot connect. `pg` itself lets it be when it gives up by itself, for
 * want of TLS or of a password: the server would wait a minute for the rest.
 */
export class TidyClient extends Client {
  override connect(): Promise<Client>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<Client> | void {
    const connecting = super.connect().catch((error: unknown) => {
      this.#hangUp();
      throw error;
    });
    if (!callback) return connecting;
    // oxlint-disable no-callback-in-promise -- the pool gives one
    connecting.then(
      (client) => callback(null, client),
      (error: Error) => callback(error),
    );
  }

  #hangUp(): void {
    // Not in the typings.
    const { connection } = this as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
  }
}
