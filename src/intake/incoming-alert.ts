import type { Alert } from '../metrics/index.ts';

/** An alert as it comes in; only Alertmanager tells where its query can be looked at. */
export interface IncomingAlert extends Alert {
  readonly generatorUrl?: string | null;
}
