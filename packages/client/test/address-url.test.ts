import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseAddressUrl, parseRelayUrl } from '../src/address-url.js';
import { newIdentity } from './relay.js';

const peer = newIdentity().publicKey;
const refused = expect.objectContaining({ name: 'SyntaxError' });
/** What the platform says that URLs are relative to. */
const base = vi.hoisted(() => ({ url: undefined as string | undefined }));
vi.mock('#platform', async (original) => ({ ...(await original<object>()), baseUrl: () => base.url }));
afterEach(() => {
  base.url = undefined;
});

test('a relay’s URL: http becomes ws, credentials are split off, registration signs the host', () => {
  const plain = { credentials: '' };
  expect(parseRelayUrl('wss://Relay.Example')).toEqual({
    ...plain,
    url: 'wss://relay.example/',
    host: 'relay.example',
  });
  expect(parseRelayUrl('https://relay.example:443/a/')).toMatchObject({ url: 'wss://relay.example/a/' });
  expect(parseRelayUrl('http://localhost:8787')).toEqual({
    ...plain,
    url: 'ws://localhost:8787/',
    host: 'localhost:8787',
  });
  expect(parseRelayUrl('ws://me:secret@localhost/')).toEqual({
    url: 'ws://localhost/',
    credentials: 'me:secret@',
    host: 'localhost',
  });
  expect(parseRelayUrl('ws://me@localhost/').credentials).toBe('me:@');
  expect(parseRelayUrl('ws://:secret@localhost/').credentials).toBe(':secret@');
});

describe('refused', () => {
  test.each([
    ['what is no URL', 'relay.example'],
    ['another scheme', 'ftp://relay.example/'],
    ['a fragment', 'wss://relay.example/#x'],
    ['an empty fragment', 'wss://relay.example/#'],
    ['a host too long for the DNS', `wss://${'h'.repeat(256)}/`],
  ])('%s', (_, url) => {
    expect(() => parseRelayUrl(url)).toThrow(refused);
    expect(() => parseAddressUrl(url.replace(/(#.*)?$/, `/${peer}$1`))).toThrow(refused);
  });

  test.each([
    ['no address', '/'],
    ['a short one', `/${peer.slice(1)}`],
    ['a long one', `/${peer}0`],
    ['upper case', `/${peer.toUpperCase()}`],
    ['low order', `/${'0'.repeat(64)}`],
    ['a resource that another host could be read from', `/${peer}//evil.example/`],
  ])('%s', (_, path) => {
    expect(() => parseAddressUrl(`wss://relay.example${path}`)).toThrow(refused);
  });

  test('refuses a host that a browser keeps percent-encoded', () => {
    // Node refuses it by itself.
    const url = vi.spyOn(URL.prototype, 'host', 'get').mockReturnValue('a%20b');
    expect(() => parseRelayUrl('wss://relay.example/')).toThrow(refused);
    url.mockRestore();
  });
});

test('a peer’s URL: the first address is the peer, the relay is before it, the resource after it', () => {
  const other = newIdentity().publicKey;
  const parsed = (path: string) => {
    const { href, relay, peer: found, resource } = parseAddressUrl(`https://relay.example${path}`);
    expect([href, found]).toEqual([`wss://relay.example${path}`, peer]);
    return [relay.url, resource];
  };
  expect(parsed(`/${peer}`)).toEqual(['wss://relay.example/', '/']);
  expect(parsed(`/${peer}/`)).toEqual(['wss://relay.example/', '/']);
  expect(parsed(`/a/b/${peer}/room/7?x=1`)).toEqual(['wss://relay.example/a/b/', '/room/7?x=1']);
  expect(parsed(`/${peer}?`)).toEqual(['wss://relay.example/', '/?']);
  expect(parsed(`/${peer}/${other}/x`)).toEqual(['wss://relay.example/', `/${other}/x`]);
});

test('a URL is relative to the page, if there is one', () => {
  expect(() => parseAddressUrl(`/${peer}`)).toThrow(refused);
  base.url = 'https://chat.example/app/index.html';
  expect(parseAddressUrl(`/${peer}/x`)).toMatchObject({ href: `wss://chat.example/${peer}/x`, peer, resource: '/x' });
  expect(parseRelayUrl('relay/').url).toBe('wss://chat.example/app/relay/');
});

describe('the vectors of identities.json', () => {
  interface Vectors {
    readonly urls: { url: string; relay: string; address: string; resource: string }[];
    readonly invalidUrls: { name: string; url: string }[];
  }
  const file = new URL('../../protocol/vectors/identities.json', import.meta.url);
  const { urls, invalidUrls }: Vectors = JSON.parse(readFileSync(file, 'utf8'));

  test.each(urls)('$url', ({ url, relay, address, resource }) => {
    const taken = parseAddressUrl(url);
    expect([taken.relay.url, taken.peer, taken.resource]).toEqual([relay, address, resource]);
  });

  test.each(invalidUrls)('refused: $name', ({ url }) => {
    expect(() => parseAddressUrl(url)).toThrow(refused);
  });
});
