import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startTestServer, type TestServer, testAccess } from './testing.ts';

interface Operation {
  summary?: string;
  security?: unknown[];
  parameters?: { name: string; in: string; schema?: object }[];
  responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
  requestBody?: { content: Record<string, { schema: object }> };
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

let server: TestServer;
let document: Document;
let routes: { method: string; url: string }[];
beforeEach(async () => {
  routes = [];
  const install = async (app: FastifyInstance) => {
    app.addHook('onRoute', ({ method, url, schema }) => {
      const hidden = schema !== undefined && 'hide' in schema && schema.hide === true;
      if (!hidden) routes.push({ method: String(method), url });
    });
  };
  server = await startTestServer({ access: { ...testAccess, install } });
  document = (await server.app.inject({ url: '/openapi.json' })).json();
});
afterEach(() => server.close());

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

it('the document has every route', () => {
  const documented = operations().map(({ path, method }) => `${method.toUpperCase()} ${path}`);
  const registered = routes.map(({ method, url }) => `${method} ${url.replace(/:(\w+)/g, '{$1}')}`);
  expect(registered.length).toBeGreaterThan(8);
  expect(documented.toSorted()).toEqual(registered.toSorted());
});

it("has the form of Alertmanager's webhook", () => {
  const body = document.paths['/api/v1/webhooks/alertmanager']!['post']!.requestBody;
  expect(body?.content['application/json']?.schema).toMatchObject({
    required: ['alerts'],
    properties: { alerts: { items: { required: ['labels', 'startsAt'] } } },
  });
});

it('every reference leads to a schema of the document', () => {
  const text = JSON.stringify(document);
  const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
  const broken = references.filter((reference) => {
    const name = /^#\/components\/schemas\/([^/]+)$/.exec(reference)?.[1];
    return name === undefined || !Object.hasOwn(document.components.schemas, name);
  });
  expect(document.openapi).toBe('3.1.0');
  expect(broken).toEqual([]);
});

it('every operation says what it does, what it answers, who may, and names each part of its path', () => {
  for (const { path, operation } of operations()) {
    expect(operation.summary, path).toEqual(expect.any(String));
    expect(
      Object.keys(operation.responses).some((status) => /^[23]/.test(status)),
      path,
    ).toBe(true);
    const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const given = (operation.parameters ?? []).filter((one) => one.in === 'path').map(({ name }) => name);
    expect(given, path).toEqual(named);
    for (const response of Object.values(operation.responses))
      expect(response.description, path).not.toBe('');
    const open = operation.responses['401'] === undefined;
    expect(operation.security, path).toEqual(open ? [] : [expect.any(Object), expect.any(Object)]);
  }
});
