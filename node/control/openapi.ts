// The OpenAPI description of the control API, made from the one table that also serves it.

import { z } from 'zod';
import { ROUTES } from '../../protocols/control-api.ts';
import { VERSION } from '../version.ts';

type Entry = (typeof ROUTES)[keyof typeof ROUTES] & {
  query?: z.ZodObject;
  body?: z.ZodType;
  result?: z.ZodType;
};

const schema = (type: z.ZodType, io: 'input' | 'output') => {
  const { $schema: _, ...rest } = z.toJSONSchema(type, { io, unrepresentable: 'any' }) as Record<
    string,
    unknown
  >;
  return rest;
};

const json = (value: unknown) => ({ 'application/json': { schema: value } });

function answerOf({ answer, result }: Entry): object {
  if (answer === 'bytes')
    return { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
  const row = result ? schema(result, 'output') : {};
  if (answer === 'lines') return { 'application/x-ndjson': { schema: row } };
  if (answer === 'object') return json(row);
  const asOf = { type: 'string', format: 'date-time' };
  return json({
    type: 'object',
    required: ['asOf', 'rows'],
    properties: { asOf, rows: { type: 'array', items: row } },
  });
}

function operation(id: string, route: Entry): object {
  const query = route.query
    ? (schema(route.query, 'input') as { properties?: object; required?: string[] })
    : {};
  const parameters = Object.entries(query.properties ?? {}).map(([name, type]) => ({
    name,
    in: 'query',
    required: query.required?.includes(name) ?? false,
    schema: type,
  }));
  return {
    operationId: id,
    summary: route.summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body
      ? { requestBody: { required: true, content: json(schema(route.body, 'input')) } }
      : {}),
    responses: {
      200: { description: 'done', content: answerOf(route) },
      default: { description: 'refused', content: json({ $ref: '#/components/schemas/Refusal' }) },
    },
  };
}

export function describeApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [id, route] of Object.entries(ROUTES)) {
    paths[route.path] ??= {};
    paths[route.path]![route.method.toLowerCase()] = operation(id, route as Entry);
  }
  const text = { type: 'string' };
  const Refusal = {
    type: 'object',
    required: ['code', 'message', 'next'],
    properties: {
      code: text,
      message: text,
      next: { ...text, description: 'what to do next' },
      detail: { type: 'object' },
    },
  };
  return {
    openapi: '3.1.0',
    info: {
      title: 'ODCM mesh node: control API',
      version: VERSION,
      license: { name: 'Apache-2.0' },
    },
    paths,
    components: { schemas: { Refusal } },
  };
}
