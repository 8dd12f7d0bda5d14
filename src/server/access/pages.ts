/** The few pages that are not for programs: without scripts and styles. */
import type { AllclearError } from '../../kernel/index.ts';

export function failurePage({ code, details, httpStatus }: AllclearError): string {
  const inside = httpStatus === 500;
  const next = inside ? undefined : details.next;
  return page('Log-in', [
    `<p>${escaped(inside ? 'Allclear itself failed' : details.what)} (${code}).</p>`,
    ...(next === undefined ? [] : [`<p>${escaped(next)}</p>`]),
    '<p><a href="/login">Log in</a></p>',
  ]);
}

export function logOutPage(): string {
  return page('Log out', [
    '<form method="post" action="/logout"><button>Log out of Allclear</button></form>',
    '<p><a href="/login">Log in</a></p>',
  ]);
}

function page(title: string, body: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} - Allclear</title></head>
<body>
<h1>${title}</h1>
${body.join('\n')}
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
