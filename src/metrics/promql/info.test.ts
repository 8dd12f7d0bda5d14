import { describe, expect, it } from 'vitest';
import { parseExposition } from '../exposition.ts';
import { formatSeries } from '../labels.ts';
import { SampleWindow } from '../window.ts';
import { evaluateInstant } from './evaluate.ts';
import { parsePromql } from './parse.ts';

/** A window with each series' value 1 at its time in seconds. */
function filled(series: Record<string, number>): SampleWindow {
  const window = new SampleWindow();
  for (const [text, seconds] of Object.entries(series)) {
    window.append(parseExposition(`${text} 1`).samples[0]!.labels, seconds * 1000, 1);
  }
  return window;
}

function ask(window: SampleWindow, query: string): string[] {
  const result = evaluateInstant(query, window, 60_000);
  if (result.type !== 'vector') throw new Error('no vector');
  return result.samples.map(({ labels }) => formatSeries(labels)).toSorted();
}

const window = filled({
  'up{instance="i",job="shop"}': 0,
  'up{instance="k",job="shop"}': 0,
  'target_info{instance="i",job="shop",version="1",zone="old"}': 0,
  'target_info{instance="i",job="shop",version="2",zone="b"}': 10,
  'build_info{instance="i",job="shop",commit="c0ffee"}': 0,
});

describe('info', () => {
  it('adds the labels of the newest info metric of the same target, and leaves others as they are', () => {
    expect(ask(window, 'info(up)')).toEqual([
      'up{instance="i", job="shop", version="2", zone="b"}',
      'up{instance="k", job="shop"}',
    ]);
  });

  it('adds only the labels that are asked for, and drops series that lack what may not be empty', () => {
    expect(ask(window, 'info(up, {zone=~".+"})')).toEqual(['up{instance="i", job="shop", zone="b"}']);
    expect(ask(window, 'info(up, {zone=~".*"})')).toEqual([
      'up{instance="i", job="shop", zone="b"}',
      'up{instance="k", job="shop"}',
    ]);
  });

  it('takes other info metrics by name, or all but some', () => {
    const joined = 'up{commit="c0ffee", instance="i", job="shop"}';
    expect(ask(window, 'info(up{instance="i"}, {__name__="build_info"})')).toEqual([joined]);
    expect(ask(window, 'info(up{instance="i"}, {__name__!="target_info"})')).toEqual([joined]);
  });

  it('does not join an info metric with itself', () => {
    expect(ask(window, 'info(build_info, {__name__=~".+_info"})')).toEqual([
      'build_info{commit="c0ffee", instance="i", job="shop"}',
    ]);
    expect(ask(window, 'info(target_info, {zone="b"})')).toHaveLength(2);
    expect(ask(window, 'info(build_info, {__name__!~"build.*"})')).toEqual([
      'build_info{commit="c0ffee", instance="i", job="shop", version="2", zone="b"}',
    ]);
  });

  it('drops the name where the inner function does', () => {
    expect(ask(window, 'info(abs(up{instance="i"}), {zone="b"})')).toEqual([
      '{instance="i", job="shop", zone="b"}',
    ]);
  });

  it('refuses info metrics that contradict one another', () => {
    const clash = { 'up{job="j"}': 0, 'a_info{job="j",x="1"}': 0 };
    const two = filled({ ...clash, 'b_info{job="j",x="2"}': 0 });
    expect(() => ask(two, 'info(up, {__name__=~".+_info"})')).toThrow('conflicting label: x');
    const same = filled({ ...clash, 'a_info{job="j",x="2"}': 0 });
    expect(() => ask(same, 'info(up, {__name__="a_info"})')).toThrow(
      /found duplicate series for info metric/,
    );
  });

  it('takes label matchers only', () => {
    for (const query of ['info(up, target_info)', 'info(up, sum(up))', 'info(up, {a="b"} offset 1m)']) {
      expect(() => parsePromql(query), query).toThrow('expected label selectors only');
    }
  });
});
