import assert from 'node:assert/strict';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { openApiDocument } from '../../../server/src/http/openapi.ts';

/** The structure of OpenAPI 3.1 (sections 4.8.1 to 4.8.26), as far as our description uses it; nothing else may occur. */
const STRUCTURE = {
  type: 'object',
  required: ['openapi', 'info', 'paths', 'components', 'security', 'jsonSchemaDialect'],
  unevaluatedProperties: false,
  properties: {
    openapi: { pattern: '^3\\.1\\.\\d+$' },
    jsonSchemaDialect: { type: 'string', format: 'uri' },
    info: {
      type: 'object',
      required: ['title', 'version'],
      additionalProperties: false,
      properties: {
        title: { type: 'string' },
        version: { type: 'string' },
        summary: { type: 'string' },
        description: { type: 'string' },
        license: { type: 'object', required: ['name'], properties: { name: {}, identifier: { type: 'string' } } },
      },
    },
    paths: {
      type: 'object',
      additionalProperties: false,
      patternProperties: {
        '^/': {
          type: 'object',
          additionalProperties: false,
          patternProperties: { '^(get|post|delete)$': { $ref: '#/$defs/operation' } },
        },
      },
    },
    components: {
      type: 'object',
      additionalProperties: false,
      properties: {
        schemas: { type: 'object', additionalProperties: { $ref: 'https://json-schema.org/draft/2020-12/schema' } },
        securitySchemes: {
          additionalProperties: {
            required: ['type', 'scheme'],
            properties: { type: { const: 'http' }, scheme: { const: 'bearer' } },
          },
        },
      },
    },
    security: { type: 'array', items: { type: 'object', additionalProperties: { type: 'array' } } },
  },
  $defs: {
    operation: {
      type: 'object',
      required: ['operationId', 'responses'],
      additionalProperties: false,
      properties: {
        operationId: { type: 'string' },
        summary: { type: 'string' },
        description: { type: 'string' },
        security: { type: 'array' },
        parameters: {
          type: 'array',
          items: {
            type: 'object',
            required: ['name', 'in', 'schema'],
            additionalProperties: false,
            properties: {
              name: { type: 'string' },
              in: { enum: ['path', 'query'] },
              required: { type: 'boolean' },
              schema: { $ref: 'https://json-schema.org/draft/2020-12/schema' },
            },
          },
        },
        requestBody: {
          type: 'object',
          required: ['content'],
          properties: { content: { $ref: '#/$defs/content' }, required: { type: 'boolean' } },
        },
        responses: {
          type: 'object',
          minProperties: 1,
          additionalProperties: false,
          patternProperties: {
            '^([1-5]\\d\\d|default)$': {
              type: 'object',
              required: ['description'],
              additionalProperties: false,
              properties: { description: { type: 'string' }, content: { $ref: '#/$defs/content' } },
            },
          },
        },
      },
    },
    content: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        properties: { schema: { $ref: 'https://json-schema.org/draft/2020-12/schema' } },
      },
    },
  },
};

describe('OpenAPI description', () => {
  const document = JSON.parse(JSON.stringify(openApiDocument()));
  const ajv = new Ajv2020.default({ strict: false, allErrors: true });
  addFormats.default(ajv);

  it('has the structure of OpenAPI 3.1', () => {
    const validate = ajv.compile(STRUCTURE);
    assert.ok(validate(document), JSON.stringify(validate.errors));
  });

  it('refers only to what it contains, and every schema in it compiles', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path!);
    assert.ok(references.length > 20);
    for (const path of references) {
      const target = path.split('/').reduce((node, key) => node?.[key], document);
      assert.ok(target, path);
    }
    ajv.addSchema({ $id: 'hepar:api', ...document });
    for (const name of Object.keys(document.components.schemas)) {
      assert.ok(ajv.getSchema(`hepar:api#/components/schemas/${name}`), name);
    }
  });

  it('gives each operation a name of its own, and declares the parameters of its path', () => {
    const ids = new Set<string>();
    for (const [path, operations] of Object.entries<Record<string, never>>(document.paths)) {
      for (const { operationId, parameters = [] } of Object.values<{
        operationId: string;
        parameters?: { name: string; in: string; required: boolean }[];
      }>(operations)) {
        assert.ok(!ids.has(operationId));
        ids.add(operationId);
        const declared = parameters.filter((each) => each.in === 'path' && each.required).map(({ name }) => name);
        assert.deepEqual(
          declared,
          [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
        );
      }
    }
    assert.ok(ids.size >= 12);
  });

  it('lets a client leave out what has a default, and nothing else', () => {
    const { SegmentationRequest } = document.components.schemas;
    assert.deepEqual(SegmentationRequest.required, ['studyInstanceUID', 'seriesInstanceUID']);
    assert.equal(SegmentationRequest.additionalProperties, false);
  });
});
