import type { FastifyHelmetOptions } from '@fastify/helmet';
import type { OwnNames } from './hosts.ts';

/**
 * What browsers are told: scripts, styles and calls from this server only, no frames, nothing guessed, nothing
 * said to other sites about where somebody comes from. There is no CORS: pages of other sites read nothing.
 */
export function securityHeaders({ publicUrl }: OwnNames): FastifyHelmetOptions {
  const https = publicUrl?.protocol === 'https:';
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        'default-src': ["'none'"],
        'script-src': ["'self'"],
        'style-src': ["'self'"],
        'img-src': ["'self'", 'data:'],
        'font-src': ["'self'"],
        'connect-src': ["'self'"],
        'form-action': ["'self'"],
        'base-uri': ["'none'"],
        'frame-ancestors': ["'none'"],
      },
    },
    frameguard: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    // Only who is reached by HTTPS can promise that it stays so.
    strictTransportSecurity: https ? { maxAge: 31_536_000, includeSubDomains: false } : false,
  };
}
