import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MAX_NAME_BYTES, numberedName, partName, safeName, safePaths } from '../dist/file-name.js';

const PEER = 'ab'.repeat(32);

test.each([
  ['../../etc/passwd', '_.._etc_passwd'],
  ['..', '_'],
  ['.', '_'],
  ['', '_'],
  ['/', '_'],
  ['..\\..\\boot.ini', '_.._boot.ini'],
  ['.bashrc', '_bashrc'],
  ['-rf', '_rf'],
  ['--', '_'],
  ['. -rf', '_rf'],
  ['CON', 'CON_'],
  ['nul.txt', 'nul_.txt'],
  ['C:\\autoexec.bat', 'C_autoexec.bat'],
  ['file\u0000.txt', 'file_.txt'],
  ['two\nlines\u001b[31m', 'two lines_[31m'],
  ['invoice\u202Efdp.exe', 'invoice_fdp.exe'],
  ['stream:hidden', 'stream_hidden'],
  ['trailing. . ', 'trailing'],
  ['\ud800', '_'],
  ['a*b?c|d<e>f"g', 'a_b_c_d_e_f_g'],
  ['👨‍👩‍👧 ❤️‍🔥 🏳️‍🌈.jpg', '👨‍👩‍👧 ❤️‍🔥 🏳️‍🌈.jpg'],
  ['in\u200dvisible', 'in_visible'],
  ['fine name (2) – grün 📷.tar.gz', 'fine name (2) – grün 📷.tar.gz'],
])('a file named %j by a peer gets a harmless name', (given, safe) => {
  expect(safeName(given)).toBe(safe);
});

test('no name from a peer leaves the folder, is hidden, too long or reserved', () => {
  const nasty = fc.constantFrom(
    '..',
    '/',
    '\\',
    '.',
    ' ',
    ':',
    'CON',
    'aux',
    '.part',
    '-',
    '\u202e',
    '\u0000',
    '\n',
    'é',
    '📷',
  );
  const names = fc.array(fc.oneof(nasty, fc.string({ unit: 'binary' }), fc.string()), { maxLength: 300 });
  fc.assert(
    fc.property(names, (parts) => {
      const name = safeName(parts.join(''));
      expect(posix.basename(name)).toBe(name);
      expect(win32.basename(name)).toBe(name);
      expect(name).toMatch(/^[^-.\s].*$|^_$/u);
      expect(name).not.toMatch(/[\p{Cc}\p{Cs}<>:"/\\|?*\u202a-\u202e]|[. ]$/u);
      expect(name).not.toMatch(/^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i);
      expect(Buffer.byteLength(partName(numberedName(name, 9_999), PEER))).toBeLessThanOrEqual(255);
    }),
    { numRuns: 500 },
  );
});

test('a long name is cut between characters, and keeps its extension', () => {
  const name = safeName(`${'ü📷'.repeat(200)}.tar.gz`);
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(MAX_NAME_BYTES);
  expect(Buffer.byteLength(name)).toBeGreaterThan(MAX_NAME_BYTES - 5);
  expect(name).toMatch(/^(ü📷)+ü?\.gz$|^(ü📷)+ü?(\.tar)?\.gz$/u);
  expect(Buffer.byteLength(safeName(`a.${'x'.repeat(1_000)}`))).toBeLessThanOrEqual(MAX_NAME_BYTES);
});

test('a cut name has as many whole characters as fit', () => {
  const text = fc.array(fc.constantFrom('a', 'é', 'e\u0301', '€', '📷', '👩‍👩‍👧', '🇩🇪', '한', '\ud800'), {
    minLength: 90,
    maxLength: 250,
  });
  fc.assert(
    fc.property(text, (parts) => {
      const name = safeName(`x${parts.join('')}`);
      if (Buffer.byteLength(parts.join('')) < MAX_NAME_BYTES) return;
      const whole = [...new Intl.Segmenter().segment(`x${parts.join('')}`)].map(({ segment }) => segment);
      let stem = '';
      for (const one of whole) {
        if (Buffer.byteLength(stem + one) > MAX_NAME_BYTES) break;
        stem += one;
      }
      expect(name).toBe(safeName(stem));
    }),
    { numRuns: 300 },
  );
});

test('a long name costs little more than a short one', () => {
  const microsecondsOf = (text: string): number => {
    const offered = Array.from({ length: 2_000 }, (_, i) => ({ name: `${i}${text}` }));
    const before = process.cpuUsage();
    safePaths(offered, 1);
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const ratios = [1, 2, 3].map(() => microsecondsOf('x'.repeat(500)) / microsecondsOf('x'.repeat(100)));
  expect(Math.min(...ratios)).toBeLessThan(8);
});

test('a peer cannot replace another peer’s part', () => {
  const part = partName('report.pdf', PEER);
  expect(part).toBe('report.pdf.abababababababab.part');
  expect(safeName(part)).toBe(`${part}_`);
});

test('two files that map to one name both arrive', () => {
  const names = ['a.txt', 'x/../a.txt', 'A.TXT', 'a.txt', 'a (1).txt'];
  expect(
    safePaths(
      names.map((name) => ({ name })),
      10,
    ),
  ).toEqual([['a.txt'], ['x_.._a.txt'], ['A (1).TXT'], ['a (2).txt'], ['a (1) (1).txt']]);
});

test('files of one folder stay in one folder, and no folder leaves the receiver’s', () => {
  const paths = safePaths(
    [
      { name: 'tree', kind: 'folder' },
      { name: 'a', folders: ['tree'] },
      { name: 'b', folders: ['tree', '..', '/etc'] },
      { name: 'c', folders: ['tree', '..', '/etc'] },
      { name: 'Tree', kind: 'folder' },
      { name: 'tree' },
      { name: 'tree', kind: 'folder' },
    ],
    3,
  );
  expect(paths).toEqual([
    ['tree'],
    ['tree', 'a'],
    ['tree', '_', '_etc', 'b'],
    ['tree', '_', '_etc', 'c'],
    ['Tree (1)'],
    ['tree (2)'],
    ['tree'],
  ]);
});

test('more folders than allowed give no paths', () => {
  const chain = Array.from({ length: 64 }, (_, depth) => `${depth}`);
  const offered = Array.from({ length: 200 }, (_, i) => ({ name: 'a', folders: [`${i}`, ...chain] }));
  expect(safePaths(offered, 10_000)).toBeNull();
  expect(safePaths(offered.slice(0, 100), 10_000)).toHaveLength(100);
});

test('a long run of blanks or dots costs no more than letters', () => {
  expect(safeName(`a${' '.repeat(1_000)}b.txt`)).toBe('a_b.txt');
  expect(safeName(`a${'. '.repeat(500)}b`)).toBe('a_b');
  expect(safeName(`a${' '.repeat(16)}b`)).toBe(`a${' '.repeat(16)}b`);
});
