/** The few pages that are not for programs: without scripts. */
import type { AllclearError } from '../../kernel/index.ts';
import { escapeHtml, page } from '../page.ts';

export function failurePage({ code, details, httpStatus }: AllclearError): string {
  const inside = httpStatus === 500;
  const next = inside ? undefined : details.next;
  return page('Log-in - Allclear', [
    '<h1>Log-in</h1>',
    `<p>${escapeHtml(inside ? 'Allclear itself failed' : details.what)} (${code}).</p>`,
    ...(next === undefined ? [] : [`<p>${escapeHtml(next)}</p>`]),
    '<p><a href="/login">Log in</a></p>',
  ]);
}

export function logOutPage(): string {
  return page('Log out - Allclear', [
    '<h1>Log out</h1>',
    '<form method="post" action="/logout"><button>Log out of Allclear</button></form>',
    '<p><a href="/login">Log in</a></p>',
  ]);
}
