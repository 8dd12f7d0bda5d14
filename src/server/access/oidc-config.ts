import { z } from 'zod';
import { roles } from '../../engine/index.ts';
import { secretKeys } from './secret-source.ts';

const role = z.enum(roles, `it is one of ${roles.join(', ')}`);
const claim = z.string().trim().min(1).max(200);

const issuer = z.string().transform((text, context) => {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname))) return url;
  context.addIssue("it takes the provider's https address (http only on this machine)");
  return z.NEVER;
});

/** The section `oidc`: who logs people in. */
export const oidcConfig = z.strictObject({
  /** Where `/.well-known/openid-configuration` is found. */
  issuer,
  'client-id': z.string().min(1).max(500),
  /** Without a secret the client is a public one; PKCE is used in any case. */
  ...secretKeys('client-secret'),
  scopes: z.array(z.string().min(1).max(200)).max(50).default(['openid', 'profile', 'email']),
  /**
   * The claim that names a person; it should be one that nobody can change for themselves. When left out: a
   * verified `email`, else `preferred_username`, else `sub`.
   */
  'name-claim': claim.optional(),
  roles: z
    .strictObject({
      /** A text or a list; `a.b` looks inside an object. */
      claim: claim.default('groups'),
      /** From a value of the claim to a role; of several the highest counts. */
      map: z.record(z.string(), role).default({}),
      /** Of people whom nothing else names; `none`: they may not come in. */
      default: z.enum([...roles, 'none']).default('viewer'),
    })
    .prefault({}),
});

export type OidcConfig = z.output<typeof oidcConfig>;

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
