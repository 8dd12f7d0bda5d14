import type { OwnNames } from './hosts.ts';

/** The log-in's cookie; with `__Host-`, a browser takes it from this very host by HTTPS only. */
export function sessionCookie({ publicUrl }: OwnNames): string {
  return publicUrl?.protocol === 'https:' ? '__Host-allclear' : 'allclear';
}
