/** The OpenAPI document: made from the schemas that validate the requests. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifySchema } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { RouteAccess } from './gate.ts';

const DESCRIPTION = `Incidents of MCP servers: from the alert to "all clear".

Every write needs a token (\`Authorization: Bearer …\`) or a log-in, with a role: viewer, responder, approver or admin,
each including those before it. Errors are \`{"error": {"code", "what", "next"}}\`. Times are milliseconds since 1970.`;

export function openApi(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Allclear', version, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: '`allclear token create` makes one' },
          login: { type: 'apiKey', in: 'cookie', name: 'allclear', description: 'As /login sets it' },
          secret: { type: 'http', scheme: 'basic', description: "The webhook's secret, as the password" },
        },
      },
      tags: [
        { name: 'incidents', description: 'What happened, what is known, what to do' },
        { name: 'actions', description: 'What people do about it' },
        { name: 'runbooks', description: 'The library' },
        { name: 'alerts', description: 'How alerts come in' },
        { name: 'service', description: 'The service itself' },
      ],
    },
    transform: (route) => {
      const transformed = jsonSchemaTransform(route);
      return { ...transformed, schema: withAccess(transformed.schema, route.route.config?.access) };
    },
    transformObject: jsonSchemaTransformObject,
  };
}

/** What a route asks of its caller. */
function withAccess(schema: FastifySchema, access: RouteAccess | undefined): FastifySchema {
  if (access === undefined || access === 'anyone') return { ...schema, security: [] };
  if (access === 'webhook') return { ...schema, security: [{ secret: [] }, { token: [] }] };
  const role = `Role: ${access}.`;
  const description = schema.description === undefined ? role : `${role} ${schema.description}`;
  return { ...schema, description, security: [{ token: [] }, { login: [] }] };
}
