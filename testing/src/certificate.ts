import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { temporaryFolder } from './relay-process.js';

/** Writes `<path>.cert` and `<path>.key`, a self-signed certificate for one DNS name and its key. */
export function makeCertificate(path: string, name: string): void {
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'].concat(
      ['-keyout', `${path}.key`, '-out', `${path}.cert`, '-subj', `/CN=${name}`],
      ['-addext', `subjectAltName=DNS:${name}`],
    ),
    { stdio: 'ignore' },
  );
}

/** Returns a certificate for `localhost` and its key (ECDSA, P-256), as PEM. */
export function selfSigned(): { readonly key: string; readonly cert: string } {
  const folder = temporaryFolder();
  try {
    makeCertificate(folder.path('own'), 'localhost');
    return { key: readFileSync(folder.path('own.key'), 'utf8'), cert: readFileSync(folder.path('own.cert'), 'utf8') };
  } finally {
    folder.remove();
  }
}
