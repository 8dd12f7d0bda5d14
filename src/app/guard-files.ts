/** The PEM files that a guard is started with. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { AllclearError, systemCode } from '../kernel/index.ts';

interface CertificateFiles {
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly cwd: string;
}

/** The listeners' certificate; undefined when none is asked for. @throws AllclearError `E_USAGE`, `E_FILE_NOT_FOUND` */
export async function readCertificate({
  tlsCert,
  tlsKey,
  cwd,
}: CertificateFiles): Promise<{ cert: string; key: string } | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  const [cert, key] = await Promise.all([readPem(tlsCert, cwd), readPem(tlsKey, cwd)]);
  if (cert !== undefined && key !== undefined) return { cert, key };
  throw new AllclearError('E_USAGE', {
    what:
      tlsCert === undefined
        ? '--tls-key is given without --tls-cert'
        : '--tls-cert is given without --tls-key',
    next: 'HTTPS takes both: --tls-cert server.pem --tls-key server-key.pem',
  });
}

/** A small text file; undefined when none is asked for. @throws AllclearError `E_FILE_NOT_FOUND`, `E_FILE_UNREADABLE` */
export async function readPem(file: string | undefined, cwd: string): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const path = resolve(cwd, file);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = systemCode(error) ?? 'unknown reason';
    throw new AllclearError(code === 'ENOENT' ? 'E_FILE_NOT_FOUND' : 'E_FILE_UNREADABLE', {
      what: code === 'ENOENT' ? `${path} does not exist` : `${path} cannot be read (${code})`,
      next: 'Give the path of a PEM file that this user may read.',
      cause: error,
    });
  }
}
