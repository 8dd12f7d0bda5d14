import { describe, expect, it } from 'vitest';
import { makeLabels } from '../labels.ts';
import { compileTemplate } from './template.ts';
import { TemplateProblem } from './template-parse.ts';

const labels = makeLabels([
  ['instance', 'host.example.org:9090'],
  ['job', 'web server'],
]);

function expand(source: string, value = 1234.5678): string {
  const template = compileTemplate(source);
  if (template instanceof TemplateProblem) throw new Error(template.message);
  return template.expand({ labels, value });
}

describe('rule templates', () => {
  it.each([
    ['plain { text }', 'plain { text }'],
    ['{{ $labels.job }} is at {{ $value }}', 'web server is at 1234.5678'],
    ['{{ .Labels.job }}={{ .Value }}', 'web server=1234.5678'],
    ['{{$labels.missing}}!', '!'],
    ['{{ $value | humanize }}', '1.235k'],
    ['{{ humanize1024 $value }}', '1.206ki'],
    ['{{ $value | printf "%.2f" }}', '1234.57'],
    ['{{ printf "%s: %.1f%% (%v)" $labels.job $value "x" }}', 'web server: 1234.6% (x)'],
    [
      '{{ printf "%08.2f|%-6s|%6s|%+.1e|%q|%d" 3.14159 "ab" "cd" 12345 "q" 7 }}',
      '00003.14|ab    |    cd|+1.2e+04|"q"|7',
    ],
    ['{{ $labels.job | toUpper }}', 'WEB SERVER'],
    ['{{ $labels.job | title }}', 'Web Server'],
    ['{{ $labels.instance | stripPort }}', 'host.example.org'],
    ['{{ $labels.instance | stripDomain }}', 'host:9090'],
    ['{{ index $labels "job" }}', 'web server'],
    ['{{ (printf "%.0f" $value) | toLower }}', '1235'],
    ['a {{- $labels.job -}} b', 'aweb serverb'],
    ['a{{/* a comment */}}b', 'ab'],
    ['{{ "}}" }}', '}}'],
    ['{{ `raw` }}', 'raw'],
  ])('%s gives %s', (source, expected) => expect(expand(source)).toBe(expected));

  it.each([
    ['humanize', 0, '0'],
    ['humanize', 0.00123, '1.23m'],
    ['humanize', 1e9, '1G'],
    ['humanize', 999_999, '1000k'],
    ['humanize', Number.NaN, 'NaN'],
    ['humanize1024', 1_048_576, '1Mi'],
    ['humanizeDuration', 0, '0s'],
    ['humanizeDuration', 0.2345, '234.5ms'],
    ['humanizeDuration', 45.67, '45.67s'],
    ['humanizeDuration', 3661, '1h 1m 1s'],
    ['humanizeDuration', -90_061, '-1d 1h 1m 1s'],
    ['humanizePercentage', 0.12345, '12.35%'],
    ['humanizeTimestamp', 1_435_065_584.128, '2015-06-23 13:19:44.128 +0000 UTC'],
  ])('%s of %s is %s', (name, value, expected) =>
    expect(expand(`{{ $value | ${name} }}`, value)).toBe(expected),
  );

  it.each([
    [0.000_01, '1e-05'],
    [1e21, '1e+21'],
    [123_456_789, '123456789'],
    [Number.POSITIVE_INFINITY, '+Inf'],
    [0.1, '0.1'],
  ])('shows %s as Go does', (value, expected) => expect(expand('{{ $value }}', value)).toBe(expected));

  it('shows why a function failed in place of the text', () => {
    expect(expand('{{ $labels.job | humanize }}')).toMatch(
      /^<error expanding template: humanize cannot convert "web server"/,
    );
  });

  it.each([
    ['{{ query "up" }}', 'the template function query is not supported', 1],
    ['line\n{{ if $value }}x{{ end }}', 'the template action if is not supported', 2],
    ['{{ range .X }}', 'the template action range is not supported', 1],
    ['{{ $x }}', 'the template variable $x. is not known', 1],
    ['{{ $labels.job ', 'an action is not closed', 1],
    ['{{ }}', 'a command is missing', 1],
    ['{{ $value | }}', 'a command is missing', 1],
    ['{{ ("a" }}', 'a parenthesis is not closed', 1],
    ['{{ $value ~ 1 }}', 'unexpected "~ 1"', 1],
  ])('%j is a problem', (source, message, line) => {
    expect(compileTemplate(source)).toMatchObject({ message, line });
  });
});
