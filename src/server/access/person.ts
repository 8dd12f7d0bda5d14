/** Who somebody is, by what the identity provider says of them. */
import { includesRole, isRole, type Role } from '../../engine/index.ts';
import { AllclearError, oneLine } from '../../kernel/index.ts';
import type { OidcConfig } from './oidc-config.ts';
import type { Person } from './sessions.ts';

export type Claims = Readonly<Record<string, unknown>> & { readonly iss: string; readonly sub: string };

const MAX_NAME = 200;

/**
 * The person of the claims, with a name and the highest role that the configuration gives.
 * @throws `E_LOGIN` when the name is missing, or nobody gave them a role
 */
export function personOf(claims: Claims, config: OidcConfig): Person {
  const name = nameOf(claims, config['name-claim']);
  const role = roleOf(claims, config.roles);
  if (role !== null) return { name, role, issuer: claims.iss, subject: claims.sub };
  throw new AllclearError('E_LOGIN', {
    what: `${name} has no role here`,
    next: `Ask an admin: the claim "${config.roles.claim}" gives roles.`,
  });
}

/** Whether all that `personOf` asks for is there; if not, the provider may say more at its userinfo. */
export function isEnough(claims: Claims, { 'name-claim': name, roles }: OidcConfig): boolean {
  return look(claims, roles.claim) !== undefined && (name ?? 'email') in claims;
}

function nameOf(claims: Claims, wanted: string | undefined): string {
  const verified = claims['email_verified'] === false ? undefined : claims['email'];
  const candidates =
    wanted === undefined ? [verified, claims['preferred_username'], claims.sub] : [look(claims, wanted)];
  const found = candidates.find((value) => typeof value === 'string' && value.trim() !== '');
  const name = typeof found === 'string' ? oneLine(found, MAX_NAME) : '';
  if (name !== '') return name;
  throw new AllclearError('E_LOGIN', {
    what: `the provider does not say "${wanted ?? 'sub'}", which names people here`,
    next: 'Let the provider send this claim, or name another one as `name-claim` in the configuration.',
  });
}

function roleOf(claims: Claims, { claim, map, default: otherwise }: OidcConfig['roles']): Role | null {
  const values = [look(claims, claim)].flat().filter((value) => typeof value === 'string');
  const given = values.filter((value) => Object.hasOwn(map, value)).map((value) => map[value]!);
  const highest = given.toSorted((a, b) => (includesRole(a, b) ? -1 : 1))[0];
  return highest ?? (isRole(otherwise) ? otherwise : null);
}

/** By its whole name, which may be a URL, or by a path into objects: `realm_access.roles`. */
function look(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) => (isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined),
      claims,
    );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
