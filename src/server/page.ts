/** What every page for people stands in: no scripts, one stylesheet, nothing from elsewhere. */
import MarkdownIt from 'markdown-it';

export const { escapeHtml } = new MarkdownIt().utils;

/**
 * @param title escaped already, as is the body
 * @param reloadSeconds so often the browser asks again; 0 never
 */
export function page(title: string, body: readonly string[], reloadSeconds = 0): string {
  const reload = reloadSeconds > 0 ? `\n<meta http-equiv="refresh" content="${reloadSeconds}">` : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">${reload}
<title>${title}</title>
<link rel="stylesheet" href="/page.css">
</head>
<body>
${body.join('\n')}
</body>
</html>
`;
}

/** Colour has a meaning: red needs somebody, yellow is open, green is well. */
export const STYLESHEET = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem; color: #1c2024; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .25rem .75rem .25rem 0; vertical-align: top; border-bottom: 1px solid #d9dde2; }
pre { background: #f4f5f7; padding: .75rem; overflow-x: auto; } code { font-size: .9em; }
.next { border-left: 4px solid #b7791f; padding: .25rem 1rem; background: #fdf8ec; }
.confirmed, .abnormal, .failed, .critical { color: #b42318; font-weight: 600; }
.inconclusive, .unknown, .error, .warning { color: #8a5a00; font-weight: 600; }
.ruled-out, .normal, .done, .resolved { color: #146c43; font-weight: 600; }
@media (prefers-color-scheme: dark) {
  body { color: #e6e8eb; background: #14171a; } td, th { border-color: #33383e; } pre { background: #1e2226; } a { color: #8ab4f8; }
  .next { background: #2a2415; } .confirmed, .abnormal, .failed, .critical { color: #ff8a80; }
  .inconclusive, .unknown, .error, .warning { color: #ffcf66; } .ruled-out, .normal, .done, .resolved { color: #7bd88f; }
}
`;
