/** The live view of a drill: one dated line per thing that happened, and a moving line for the fleet. */
import type { createLogUpdate } from 'log-update';
import type { TimelineEvent, VerdictKind } from '../engine/index.ts';
import { formatDuration, oneLine, printable } from '../kernel/index.ts';
import type { DrillEvent, LabAccess, SceneWords } from '../lab/index.ts';
import type { Io } from './io.ts';
import { type Paint, painter, type Style } from './paint.ts';
import { wrap } from './wrap.ts';

type LiveLine = ReturnType<typeof createLogUpdate>;

/** Seconds between two lines about the fleet where no line can move (a log file, CI). */
const QUIET_SECONDS = 10;
const LABEL_WIDTH = 11;

export class DrillView {
  readonly #io: Io;
  readonly #live: LiveLine | null;
  readonly #paint: Paint;
  readonly #startedAt: number;
  readonly #now: () => number;
  #lastFleetLine = 0;
  #lastConnected = -1;
  #verify = '';
  #words: Pick<SceneWords, 'having' | 'attempts'> = { having: 'a session', attempts: 'handshakes' };

  /** @param live moves the last line; null where the output is not a terminal */
  constructor(io: Io, live: LiveLine | null, now: () => number) {
    this.#io = io;
    this.#paint = painter(io);
    this.#live = live;
    this.#now = now;
    this.#startedAt = now();
  }

  show(event: DrillEvent): void {
    switch (event.kind) {
      case 'fleet':
        return this.#fleet(event);
      case 'verifying':
        this.#verify = `verify: ${event.normal} of ${event.total} checks normal`;
        return;
      case 'starting':
        return this.#title(event);
      case 'lab':
        return this.#lab(event);
      case 'connected':
        return this.#line('Clients', `${count(event.connected)} MCP clients have ${this.#words.having}`);
      case 'settling':
        return this.#line(
          '',
          this.#paint('dim', `waiting ${formatDuration(event.seconds)} for a steady state`),
        );
      case 'observing':
        return this.#line(
          '',
          this.#paint('dim', `nobody does anything; watching for ${formatDuration(event.seconds)}`),
        );
      case 'control':
        return this.#verdict('Control', event.verdict, 'ruled-out');
      case 'injected':
        return this.#line('Failure', this.#paint('red', event.what));
      case 'other':
        return this.#other(event.verdict);
      case 'alert':
        this.#line(
          'Alert',
          `${this.#paint('red', oneLine(event.name, 40))} fires: ${oneLine(event.summary, 60)}`,
        );
        return this.#line('', `→ ${oneLine(event.runbookUrl, 70)}`);
      case 'no-alert':
        return this.#line(
          'Alert',
          this.#paint('red', `none fired within ${formatDuration(event.waitedSeconds)}`),
        );
      case 'incident':
        return this.#incident(event.event, event.output);
      case 'recovered':
        return this.#line(
          'Clients',
          `${count(event.connected)} of ${count(event.total)} have ${this.#words.having}`,
        );
      case 'practice':
        return this.#practice(event.runbook, event.access);
      case 'stopped':
        return this.#line('Lab', 'stopped; nothing of it is left');
    }
  }

  /** Ends the moving line, so that other output can follow. */
  end(): void {
    this.#live?.clear();
    this.#live?.done();
  }

  #title({ failure, setting }: Extract<DrillEvent, { kind: 'starting' }>): void {
    this.#io.err(`\n${this.#paint('bold', `Drill: ${printable(failure)}`)}   ${setting}\n\n`);
  }

  #line(label: string, text: string): void {
    this.#live?.clear();
    const seconds = Math.max(0, (this.#now() - this.#startedAt) / 1000);
    const time = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;
    const indent = ' '.repeat(7 + LABEL_WIDTH);
    const stamp = label === '' ? ' '.repeat(7) : `${this.#paint('dim', time.padStart(5))}  `;
    const [first = '', ...rest] = wrap(text, Math.min(this.#io.columns, 100) - indent.length).split('\n');
    this.#io.err(`${stamp}${this.#paint('bold', label.padEnd(LABEL_WIDTH))}${first}\n`);
    for (const line of rest) this.#io.err(`${indent}${line}\n`);
  }

  #lab(event: Extract<DrillEvent, { kind: 'lab' }>): void {
    const { guard: place } = event;
    const guard = place
      ? `guard on ${place.listen}, metrics and levers on ${place.admin}`
      : 'no guard in front';
    this.#words = event.words;
    this.#line('Lab', `${event.parts}, ${guard}`);
    if (event.notice) this.#line('', this.#paint('yellow', event.notice));
  }

  #fleet({ connected, total, attempts }: Extract<DrillEvent, { kind: 'fleet' }>): void {
    if (this.#live) {
      const status = `${count(connected)}/${count(total)} clients have ${this.#words.having}, ${count(attempts)} ${this.#words.attempts} tried`;
      const line = `${' '.repeat(7)}${bar(connected / Math.max(1, total), 24)} ${status}`;
      this.#live(this.#verify === '' ? line : `${line}\n${' '.repeat(7)}${this.#paint('dim', this.#verify)}`);
      return;
    }
    if (connected === this.#lastConnected || this.#now() - this.#lastFleetLine < QUIET_SECONDS * 1000) return;
    this.#lastFleetLine = this.#now();
    this.#lastConnected = connected;
    this.#line('', `${count(connected)} of ${count(total)} clients have ${this.#words.having}`);
  }

  #verdict(
    label: string,
    verdict: { verdict: VerdictKind; why: string; readings: readonly ReadingLine[] },
    wanted: VerdictKind,
  ): void {
    const words = verdict.verdict.toUpperCase().replace('-', ' ');
    this.#line(
      label,
      `${this.#paint(verdict.verdict === wanted ? 'green' : 'red', words)}  ${printable(verdict.why)}`,
    );
    for (const reading of verdict.readings) {
      this.#line(
        '',
        `${this.#judgement(reading.judgement)}  ${reading.check.padEnd(20)} ${oneLine(reading.shown, 36)}`,
      );
    }
  }

  /** The runbook of another failure: it must rule this one out. */
  #other({ runbook, verdict, why }: Extract<DrillEvent, { kind: 'other' }>['verdict']): void {
    const words = this.#paint(verdict === 'ruled-out' ? 'green' : 'red', verdict.replace('-', ' '));
    const reason = verdict === 'ruled-out' ? '' : `: ${oneLine(why, 160)}`;
    this.#line('Not', `${printable(runbook)} ${words}${reason}`);
  }

  #judgement(judgement: string): string {
    const colours: Record<string, Style> = {
      normal: 'green',
      abnormal: 'red',
      unknown: 'yellow',
      error: 'magenta',
    };
    return this.#paint(colours[judgement] ?? 'dim', judgement.padEnd(8));
  }

  /** What became durable on the incident's time line, as far as one wants to follow it live. */
  #incident(event: TimelineEvent, output: string): void {
    switch (event.kind) {
      case 'opened':
        return;
      case 'verdict-reached':
        return this.#verdict('Diagnosis', event.data, 'confirmed');
      case 'checked-before-fix':
        return this.#line(
          'Verify',
          event.data.verified
            ? this.#paint('red', 'passes during the failure: it proves nothing')
            : `fails now, as it must: ${oneLine(event.data.why, 160)}`,
        );
      case 'step-ended':
        this.#line(
          `Step ${event.data.step}`,
          `${printable(event.data.title)}: ${this.#outcome(event.data.state)}`,
        );
        return this.#output(output);
      case 'step-reported':
        return this.#line(
          `Step ${event.data.step}`,
          `${printable(event.data.title)}: ${this.#outcome(event.data.outcome)}`,
        );
      case 'verification-started':
        return this.#line('Verify', this.#paint('dim', 'until every check holds'));
      case 'verified':
        return this.#line('Verify', this.#paint('green', oneLine(event.data.why, 200)));
      case 'not-verified':
        return this.#line('Verify', this.#paint('red', oneLine(event.data.why, 200)));
      case 'levers-released':
        return this.#line('Levers', `back to where they were: ${event.data.levers.join(', ')}`);
      case 'levers-not-released':
        return this.#line('Levers', this.#paint('red', `not given back: ${oneLine(event.data.error, 120)}`));
      default:
        return;
    }
  }

  #outcome(state: string): string {
    return this.#paint(state === 'succeeded' || state === 'done' ? 'green' : 'red', state);
  }

  #output(text: string): void {
    const lines = printable(text)
      .split('\n')
      .filter((line) => line.trim() !== '');
    for (const line of lines.slice(0, 4)) this.#line('', this.#paint('dim', oneLine(line, 100)));
  }

  /** The commands are complete: they can be pasted into another terminal. */
  #practice(runbook: string, { admin, token, targets, params }: LabAccess): void {
    const scrape = targets.map(({ job, url }) => `--scrape ${job}=${url}`).join(' ');
    const given = Object.entries(params)
      .map(([name, value]) => `--param ${name}=${value}`)
      .join(' ');
    this.#line('Lab', 'stays up until Ctrl-C. From another terminal:');
    this.end();
    this.#io.err(`
  export ALLCLEAR_GUARD_URL=http://${admin} ALLCLEAR_GUARD_TOKEN=${token}
  npx allclear diagnose ${runbook} ${scrape}
  npx allclear run ${runbook} ${scrape} ${given}
  npx allclear lever

`);
  }
}

interface ReadingLine {
  readonly check: string;
  readonly judgement: string;
  readonly shown: string;
}

function count(n: number): string {
  return n.toLocaleString('en-US');
}

function bar(share: number, width: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
}
