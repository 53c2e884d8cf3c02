import { z } from 'zod';
import { VERSION } from '../version.ts';
import * as contract from './contract.ts';
import { ROUTES, type Route } from './routes.ts';

type Json = Record<string, unknown>;

/** The description of the server's interface, OpenAPI 3.1.1, made from the contract. */
export function openApiDocument(): Json {
  const paths: Record<string, Json> = {};
  for (const [operationId, route] of Object.entries(ROUTES) as [string, Route][]) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method]: operation(operationId, route) };
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Hepar',
      version: VERSION,
      summary: 'Segments the liver and its lesions in CT series of a DICOMweb archive.',
      description: 'Research use only. Not a medical device.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    paths,
    components: {
      schemas: componentSchemas(),
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    // Either a token or, on a server without HEPAR_AUTH, nothing.
    security: [{ token: [] }, {}],
  };
}

function operation(operationId: string, route: Route): Json {
  const { summary, description, open, query, body, answers } = route;
  const parameters = [...pathParameters(route.path), ...queryParameters(query)];
  return {
    operationId,
    summary,
    ...(description ? { description } : {}),
    ...(open ? { security: [] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: reference(body) } } } } : {}),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, response(answer)])),
      default: response({ says: 'Anything else', body: contract.errorSchema }),
    },
  };
}

function response({ says, body }: Route['answers'][number]): Json {
  if (!body) return { description: says };
  const content =
    body instanceof z.ZodType
      ? { 'application/json': { schema: reference(body) } }
      : { [body.mediaType]: body.mediaType === 'application/json' ? { schema: { type: 'object' } } : {} };
  return { description: says, content };
}

/** What is in a path besides the ids of runs. */
const PATH_PARAMETERS: Readonly<Record<string, z.ZodType>> = {
  study: contract.uidSchema,
  model: contract.modelIdSchema,
};

function pathParameters(path: string): Json[] {
  return Array.from(path.matchAll(/:(\w+)/g), ([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: plainSchema(PATH_PARAMETERS[name!] ?? contract.runIdSchema),
  }));
}

function queryParameters(query: z.ZodObject | undefined): Json[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: !schema.safeParse(undefined).success,
    schema: plainSchema(schema as z.ZodType),
  }));
}

function reference(schema: z.ZodType): Json {
  return { $ref: `#/components/schemas/${nameOf(schema)}` };
}

function nameOf(schema: z.ZodType): string {
  const name = schema.meta()?.id;
  if (!name) throw new Error('A schema that a route of the contract uses has no id.');
  return name;
}

/** Requests are described as they are sent (with defaults left out), answers as they come. */
function componentSchemas(): Json {
  const named = Object.values<unknown>(contract).filter((each) => each instanceof z.ZodType);
  const requests = (Object.values(ROUTES) as Route[]).flatMap(({ body }) => body ?? []);
  const answers = named.filter(
    (schema) => schema.meta()?.id !== undefined && !requests.includes(schema as z.ZodObject),
  );
  return { ...described('input', requests), ...described('output', answers) };
}

function described(io: 'input' | 'output', all: readonly z.ZodType[]): Json {
  const registry = z.registry<{ id: string }>();
  for (const schema of all) registry.add(schema, { id: nameOf(schema) });
  const { schemas } = z.toJSONSchema(registry, { io, uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutAddress(schema as Json)]));
}

function plainSchema(schema: z.ZodType): Json {
  return withoutAddress(z.toJSONSchema(schema) as Json);
}

/** Inside an OpenAPI document a schema needs neither dialect nor address of its own. */
function withoutAddress({ $schema: _dialect, $id: _address, ...schema }: Json): Json {
  return schema;
}
