import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { KIND } from '../src/channel/channel-frame.js';
import { CONTROL_TYPE } from '../src/channel/control.js';
import { FIN, OPCODE } from '../src/channel/data.js';
import { RESET_CODE } from '../src/channel/reset.js';
import {
  DEFAULT_CHANNEL_SETTINGS,
  FAILURE_MEANINGS,
  FAILURES,
  type FailureCode,
  parseChannelFrame,
  UNDELIVERABLE_CODES,
} from '../src/index.js';
import { readVectors, unhex } from './vectors/read-vectors.js';

const text = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8');

/** The source files below a folder, joined. */
function sourceOf(folder: string): string {
  const url = new URL(folder, import.meta.url);
  return readdirSync(url, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(new URL(name.replaceAll('\\', '/'), url), 'utf8'))
    .join('\n');
}

/** What stands under a heading, down to the next of its level or above. */
function section(heading: string): string {
  const level = heading.split(' ')[0] ?? '';
  const start = text.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`PROTOCOL.md has no heading "${heading}"`);
  const rest = text.slice(start + heading.length + 2);
  const end = rest.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

/** The tables of a section whose head has exactly these cells: their rows as cells. */
function rows(heading: string, head: readonly string[]): string[][] {
  const lines = section(heading).split('\n');
  const found: string[][] = [];
  const cellsOf = (line: string) =>
    line
      .replaceAll('\\|', '¦')
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('¦', '|'));
  for (const [index, line] of lines.entries()) {
    if (cellsOf(line).join('|') !== head.join('|')) continue;
    for (const row of lines.slice(index + 2)) {
      if (!row.startsWith('|')) break;
      found.push(cellsOf(row));
    }
  }
  if (found.length === 0) throw new Error(`no table ${head.join(' | ')} under "${heading}"`);
  return found;
}

const column = (table: readonly string[][], index: number): string[] => table.map((row) => row[index] ?? '');
const unquoted = (cells: readonly string[]): string[] => cells.map((cell) => cell.replaceAll('`', ''));

test('the table of failures equals the code’s', () => {
  const documented = rows('## Failures', ['code', 'close code', 'whose fault', 'client reconnects', 'meaning']);
  const actual = Object.entries(FAILURES).map(([code, row]) => [
    `\`${code}\``,
    row.closeCode === null ? '–' : String(row.closeCode),
    FAILURE_MEANINGS[code as FailureCode].fault,
    row.retry ? 'yes' : 'no',
    FAILURE_MEANINGS[code as FailureCode].meaning,
  ]);
  expect(documented).toEqual(actual);
});

test('every failure named in the text exists', () => {
  const named = section('### Channel states') + section('### DATA (kind 3)') + section('### RESET (kind 5)');
  for (const [, code = ''] of named.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)) {
    if (code !== 'half-open') expect(Object.keys(FAILURES), code).toContain(code);
  }
});

test('frame kinds', () => {
  const documented = rows('## 4. Channels', ['kind', 'frame', 'sealed under', 'who sends it']);
  expect(documented.map(([kind, frame]) => [frame?.toLowerCase(), Number(kind)])).toEqual(Object.entries(KIND));
  for (const [name, kind] of Object.entries(KIND)) section(`### ${name.toUpperCase()} (kind ${kind})`);
});

test('opcodes', () => {
  const documented = rows('### DATA (kind 3)', ['opcode', 'name', 'bytes']);
  expect(documented.map(([opcode, name]) => [name, Number(opcode)])).toEqual(Object.entries(OPCODE));
  expect(section('### DATA (kind 3)')).toContain(`FIN = 0x${FIN.toString(16)}`);
});

test('CONTROL types', () => {
  const documented = rows('### CONTROL (kind 4)', ['type', 'name', 'id', 'meaning']);
  expect(documented.map(([type, name]) => [name?.toLowerCase(), Number(type)])).toEqual(Object.entries(CONTROL_TYPE));
});

test('RESET codes', () => {
  const documented = rows('### RESET (kind 5)', ['code', 'name', 'failure at the receiver']);
  expect(documented.map(([code, name]) => [name, Number(code)])).toEqual(Object.entries(RESET_CODE));
});

test('UNDELIVERABLE codes', () => {
  expect(unquoted(column(rows('### UNDELIVERABLE', ['code', 'meaning']), 0))).toEqual([...UNDELIVERABLE_CODES]);
});

test('every frame between client and relay has its heading', () => {
  const types = new Set(
    [...sourceOf('../src/frames/').matchAll(/readonly type: '([A-Z_]+)'/g)].map(([, type]) => type),
  );
  types.delete('UNKNOWN');
  expect(types.size, 'frames in src/frames; a new one changes this number').toBe(12);
  for (const type of types) section(`### ${type}`);
});

test.each(['CHALLENGE', 'CHALLENGE_RESPONSE', 'REGISTER_SUCCESS'])('the fields of %s are complete', (type) => {
  const camel = type.toLowerCase().replace(/(^|_)[a-z]/g, (match) => match.slice(-1).toUpperCase());
  const body = new RegExp(`interface ${camel} \\{([^}]*)\\}`).exec(sourceOf('../src/frames/'))?.[1] ?? '';
  const fields = [...body.matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name).filter((name) => name !== 'type');
  expect(fields.length).toBeGreaterThan(2);
  expect(unquoted(column(rows(`### ${type}`, ['field', 'value']), 0))).toEqual(fields);
});

describe('byte layouts', () => {
  const headings = [
    '### MESSAGE',
    ...Object.entries(KIND).map(([name, kind]) => `### ${name.toUpperCase()} (kind ${kind})`),
  ];

  test.each(headings)('the offsets of %s follow from the lengths', (heading) => {
    let at = 0;
    for (const [offset, bytes] of rows(heading, ['offset', 'bytes', 'field'])) {
      // A table of a plaintext starts again from 0; "5 + length" and "rest" end one.
      if (offset === '0') at = 0;
      if (Number.isNaN(Number(offset))) continue;
      expect(Number(offset)).toBe(at);
      at += Number.parseInt(bytes ?? '', 10) || 0;
    }
  });

  const handshake = readVectors<{ valid: { openFrame: string; acceptFrame: string }[] }>('handshakes.json').valid[0];
  const channel = readVectors<{ valid: { steps: { kind: string; frame: string }[] }[] }>('channels.json').valid[0];
  const reset = readVectors<{ valid: { frame: string }[] }>('resets.json').valid[0];
  const frames: [string, string | undefined][] = [
    ['### OPEN (kind 1)', handshake?.openFrame],
    ['### ACCEPT (kind 2)', handshake?.acceptFrame],
    ['### DATA (kind 3)', channel?.steps.find(({ kind }) => kind === 'DATA')?.frame],
    ['### CONTROL (kind 4)', channel?.steps.find(({ kind }) => kind === 'CONTROL')?.frame],
    ['### RESET (kind 5)', reset?.frame],
  ];
  test.each(frames)('the box of %s begins where it does in the code', (heading, frame) => {
    const parsed = parseChannelFrame(unhex(frame ?? ''));
    const [offset] = rows(heading, ['offset', 'bytes', 'field']).find(([, , field]) => field?.startsWith('box')) ?? [];
    expect(parsed?.box.byteOffset).toBe(Number(offset));
  });
});

describe('states', () => {
  const states = (heading: string, who: string): Set<string> =>
    new Set(
      rows(heading, [`state, ${who}`, 'on', 'next'])
        .flatMap(([from = '', , next = '']) => [from, next.split(/[:;]/)[0] ?? ''])
        .flatMap((cell) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, state]) => state ?? '')),
    );
  const phases = (source: string): Set<string> =>
    new Set([...source.matchAll(/\bphase(?::| =) '([a-z-]+)'/g)].map(([, phase]) => phase ?? ''));
  const registration = sourceOf('../src/registration/');
  const connection = sourceOf('../src/connection/');

  test('of registration, relay', () => {
    expect(states('### Registration states', 'relay')).toEqual(phases(registration));
  });

  test('of registration, client', () => {
    expect(states('### Registration states', 'client')).toEqual(phases(connection));
  });

  test('of a channel, both roles', () => {
    const documented = [...states('### Channel states', 'initiator'), ...states('### Channel states', 'responder')];
    const [, names = ''] = /type PhaseName = ([^;]+);/.exec(sourceOf('../src/channel/')) ?? [];
    expect(new Set(documented.map((name) => `'${name}'`))).toEqual(new Set(names.split(' | ')));
  });
});

/** The value of a constant's expression: numbers, `**`, `*`, `+` and `-`, without parentheses. */
function evaluate(expression: string): number {
  return expression
    .replaceAll('_', '')
    .split(' + ')
    .map((sum) => {
      const [first = '', ...rest] = sum.split(' - ').map(product);
      return rest.reduce<number>((value, one) => value - one, Number(first));
    })
    .reduce((value, one) => value + one, 0);
}

function product(text: string): number {
  return text
    .split(' * ')
    .map((factor) =>
      factor
        .split(' ** ')
        .map(Number)
        .reduceRight((power, base) => base ** power),
    )
    .reduce((value, one) => value * one, 1);
}

describe('numbers', () => {
  const source = sourceOf('../src/');
  const settings = new Map<string, unknown>(Object.entries(DEFAULT_CHANNEL_SETTINGS));

  test.each(rows('## Numbers', ['name', 'value', 'meaning']))('%s is %s', (name = '', value = '') => {
    const bare = name.replaceAll('`', '');
    const documented = evaluate(value.replaceAll(',', '').replace('^', ' ** '));
    expect(documented).not.toBeNaN();
    if (settings.has(bare)) expect(settings.get(bare)).toBe(documented);
    else {
      const found = [...source.matchAll(new RegExp(`const ${bare} = ([^;]+);`, 'g'))].map(([, one]) =>
        evaluate(one ?? ''),
      );
      expect(new Set(found)).toEqual(new Set([documented]));
    }
  });

  test('every limit and time of channels is listed', () => {
    const listed = unquoted(column(rows('## Numbers', ['name', 'value', 'meaning']), 0));
    const own = [...sourceOf('../src/channel/').matchAll(/^export const ([A-Z_]+(?:_MS|_BYTES)|MAX_[A-Z_]+) = [\d]/gm)];
    expect(own.length).toBeGreaterThan(10);
    // The tag is secretbox's.
    for (const [, name = ''] of own) if (name !== 'TAG_BYTES') expect(listed).toContain(name);
  });
});

test('the named vectors are those that exist', () => {
  const named = unquoted(column(rows('## Vectors', ['file', 'what it holds']), 0));
  expect(named.sort()).toEqual(readdirSync(new URL('../vectors/', import.meta.url)).sort());
});

test('every link target exists', () => {
  const anchors = new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
      title
        .toLowerCase()
        .replace(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
  for (const [, anchor = ''] of text.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
});

test('every section that the code cites exists', () => {
  const parts = new Set([
    ...[...text.matchAll(/^#+ (?:\d\. )?([^(\n]+?)(?: \(kind \d\))?$/gm)].map(([, title = '']) => title),
    ...[...text.matchAll(/^\*\*([^*]+?)\.\*\*/gm)].map(([, title = '']) => title),
  ]);
  const cited = [...sourceOf('../src/').matchAll(/PROTOCOL(?: §\d)?, ([A-Z][A-Za-z_ ]+)[).]/g)].flatMap(
    ([, names = '']) => names.split(' and '),
  );
  expect(cited.length).toBeGreaterThan(10);
  for (const name of cited) expect(parts).toContain(name);
});
