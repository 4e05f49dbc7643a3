// PROTOCOL §4, Resume: what begins a separation, and what leaves a PING unanswered.
import { describe, expect, test } from 'vitest';
import { Probe } from '../../src/channel/probe.js';
import { seeded } from '../simulator/seeded.js';

const newProbe = () => new Probe(seeded(1).bytes);

describe('a PING', () => {
  test('begins a separation when sent, until any frame opens', () => {
    const probe = newProbe();
    probe.ask(true, 0, 1_000);
    probe.ask(true, 0, 2_000);
    expect(probe.separatedSince).toBe(1_000);
    probe.heard(2_100);
    expect(probe.separated).toBe(false);
  });

  test('is unanswered until a question is answered, whatever else arrives', () => {
    const probe = newProbe();
    probe.ask(true, 0, 1_000);
    const later = probe.ask(true, 0, 2_000);
    probe.heard(2_100);
    probe.answer(12_345, 2_200);
    expect(probe.askedSince).toBe(1_000);
    probe.answer(later, 2_300);
    expect(probe.askedSince).toBeNull();
  });

  test('counts as answered after a new acknowledgement or a registration', () => {
    const probe = newProbe();
    probe.ask(true, 0, 1_000);
    probe.progress(1_100);
    expect(probe.askedSince).toBeNull();
    probe.ask(true, 0, 2_000);
    probe.reconnected(2_100);
    expect(probe.askedSince).toBeNull();
  });
});

test('a RESUME begins no separation and is never unanswered', () => {
  const probe = newProbe();
  probe.ask(false, 0, 1_000);
  expect([probe.separated, probe.askedSince]).toEqual([false, null]);
});

test('the last 8 questions can be answered, and an answer settles older ones', () => {
  const probe = newProbe();
  const ids = Array.from({ length: 9 }, (_, i) => probe.ask(true, i, 1_000 + i));
  expect(probe.answer(ids[0] ?? 0, 2_000)).toBeNull();
  expect(probe.answer(ids[3] ?? 0, 2_000)).toMatchObject({ cursor: 3 });
  expect(probe.answer(ids[2] ?? 0, 2_000)).toBeNull();
  expect(probe.answer(ids[4] ?? 0, 2_000)).toMatchObject({ cursor: 4 });
});
