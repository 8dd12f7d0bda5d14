/** The routes there are, so that the wrong method is told from the wrong address, and the document can be held against them. */
import type { FastifyInstance } from 'fastify';

export interface KnownRoute {
  readonly method: string;
  /** With `:names`, as it was registered. */
  readonly url: string;
}

export interface KnownRoutes {
  readonly all: readonly KnownRoute[];
  /** The methods that the address takes; none when there is no such address. */
  methodsOf(url: string): string[];
}

/** Watches all routes that are registered from now on. */
export function watchRoutes(app: FastifyInstance): KnownRoutes {
  const all: KnownRoute[] = [];
  const patterns = new Map<string, RegExp>();
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) all.push({ method: one, url });
    patterns.set(url, patternOf(url));
  });
  return {
    all,
    methodsOf: (url) => {
      const path = url.split('?', 1)[0]!;
      const methods = all.filter((route) => patterns.get(route.url)?.test(path)).map((route) => route.method);
      return [...new Set(methods)].toSorted();
    },
  };
}

/** `/a/:id/*` as a pattern over whole paths. */
function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part === '*') return '.*';
    return part.startsWith(':') ? '[^/]+' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
