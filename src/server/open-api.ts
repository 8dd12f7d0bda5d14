/** The OpenAPI document: made from the schemas that validate the requests. */
import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

const DESCRIPTION = `Incidents of MCP servers: from the alert to "all clear".

Every write needs a token (\`Authorization: Bearer …\`) or a log-in, with a role: viewer, responder, approver or admin,
each including those before it. Errors are \`{"error": {"code", "what", "next"}}\`. Times are milliseconds since 1970.`;

export function openApi(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Allclear', version, description: DESCRIPTION, license: { name: 'Apache-2.0' } },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      tags: [
        { name: 'incidents', description: 'What happened, what is known, what to do' },
        { name: 'runbooks', description: 'The library' },
        { name: 'alerts', description: 'How alerts come in' },
        { name: 'access', description: 'Who calls, and who may' },
        { name: 'service', description: 'The service itself' },
      ],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  };
}
