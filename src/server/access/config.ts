/** The sections of the configuration file that say who may come in. docs/service-access.md describes them. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { parseDuration } from '../../kernel/index.ts';
import { oidcConfig } from './oidc-config.ts';
import { secretKeys } from './secret-source.ts';

const requests = z.int('it takes a whole number').min(1).max(1_000_000);

const hostName = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/, 'it takes a host name without scheme and port');

const proxy = z
  .string()
  .trim()
  .refine((text) => {
    const [address = '', bits] = text.split('/');
    return isIP(address) !== 0 && (bits === undefined || /^\d{1,3}$/.test(bits));
  }, 'it takes an address or a network, for example 10.0.0.5 or 10.0.0.0/8');

export const publicUrl = z.string().transform((text, context) => {
  const url = URL.parse(text);
  if (
    url &&
    /^https?:$/.test(url.protocol) &&
    url.pathname === '/' &&
    url.search + url.hash + url.username === ''
  )
    return url;
  context.addIssue('it takes the address that people see, without a path: https://allclear.example.org');
  return z.NEVER;
});

const duration = (least: number, most: number) =>
  z.union([z.string(), z.number()]).transform((value, context) => {
    const seconds = parseDuration(String(value));
    if (seconds !== undefined && seconds >= least && seconds <= most) return seconds;
    context.addIssue(`it takes a duration from ${least} s to ${most} s, for example 12h`);
    return z.NEVER;
  });

/** To be spread into the schema of the whole file. */
export const accessConfig = {
  /** Where people reach the service, when a name or a proxy stands before it. */
  'public-url': publicUrl.optional(),
  /** Further names it answers to. */
  hosts: z.array(hostName).max(100).default([]),
  /** Proxies whose `X-Forwarded-For` is believed. */
  'trust-proxy': z.array(proxy).max(100).default([]),
  /** Requests a minute. */
  limits: z
    .strictObject({
      'per-actor': requests.default(3_000),
      'per-address': requests.default(600),
      failures: requests.default(30),
    })
    .prefault({}),
  /** What Alertmanager sends to show that it is the one; also ALLCLEAR_WEBHOOK_SECRET. */
  webhook: z
    .strictObject({
      ...secretKeys('secret'),
      /** The user of basic auth; any when left out. */
      user: z.string().min(1).max(200).optional(),
    })
    .optional(),
  /** How long a log-in lasts, in all and unused. */
  session: z
    .strictObject({
      lasts: duration(60, 30 * 86_400).default(12 * 3600),
      idle: duration(60, 30 * 86_400).default(2 * 3600),
    })
    .prefault({}),
  oidc: oidcConfig.optional(),
} as const;

export type AccessConfig = z.output<z.ZodObject<typeof accessConfig>>;
