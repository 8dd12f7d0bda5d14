/** Certificates: the guard's own, and whom it trusts. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates } from 'node:tls';
import { AllclearError } from '../kernel/index.ts';

/** PEM texts. */
export interface Certificate {
  /** The certificate, followed by its chain. */
  readonly cert: string;
  readonly key: string;
}

/**
 * A certificate that can be used.
 * @throws AllclearError `E_BAD_VALUE` when the texts are no PEM, do not belong together, or ask for a passphrase
 */
export function checkCertificate(certificate: Certificate): Certificate {
  try {
    createSecureContext(certificate);
    return certificate;
  } catch (error) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `the certificate and its key cannot be used: ${reason(error)}`,
      next: '--tls-cert takes a PEM file with the certificate and its chain, --tls-key the PEM file of its key, without a passphrase.',
      cause: error,
    });
  }
}

/**
 * The authorities to trust at upstreams: those of the system, and one's own.
 * @param pem certificates of one's own authorities, PEM, one after the other
 * @throws AllclearError `E_BAD_VALUE`
 */
export function trusting(pem: string): readonly string[] {
  const own = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    if (own.length === 0) throw new Error('there is no certificate in it');
    // Reading one throws where it is none.
    own.forEach((one) => void new X509Certificate(one));
  } catch (error) {
    throw new AllclearError('E_BAD_VALUE', {
      what: `the authorities for upstreams cannot be used: ${reason(error)}`,
      next: '--upstream-ca takes a PEM file with the certificates of your own authorities.',
      cause: error,
    });
  }
  return [...getCACertificates('default'), ...own];
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
