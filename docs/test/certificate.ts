import { spawnSync } from 'node:child_process';

/** A key and its certificate for relay.example, as certbot names them, in this folder. Needs openssl. */
export function makeCertificate(target: string): void {
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    `${target}/privkey.pem`,
  ];
  const names = ['-subj', '/CN=relay.example', '-addext', 'subjectAltName=DNS:relay.example'];
  spawnSync('openssl', ['req', '-x509', ...key, '-out', `${target}/fullchain.pem`, '-days', '2', ...names]);
}
