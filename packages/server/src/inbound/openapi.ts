import { codes } from '@mintmark/core/errors'
import type { Access } from '@mintmark/core/rules'
import { z } from 'zod'
import { access } from './access.ts'
import type { Operation } from './call.ts'

/** OpenAPI 3.1 made from the tables that are served, so that it cannot say anything else. */
export function describeApi(operations: Readonly<Record<string, Operation>>) {
  const paths: Record<string, Record<string, object>> = {}
  for (const [name, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = name.split(' ')
    const template = path.replace('{.+}', '').replace(/:([a-z]+)/g, '{$1}')
    paths[template] ??= {}
    paths[template][method.toLowerCase()] = describe(name, template, operation)
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Mintmark', version: '1', license: { name: 'Apache-2.0' } },
    paths,
    components: {
      schemas: {
        Refusal: {
          type: 'object',
          required: ['code', 'message'],
          properties: {
            code: { enum: Object.keys(codes) },
            message: { type: 'string' },
            hint: { type: 'string' },
          },
        },
      },
      securitySchemes: {
        certificate: { type: 'mutualTLS' },
        session: { type: 'http', scheme: 'session', description: 'An operator signed in to the console' },
        token: { type: 'http', scheme: 'bearer', description: 'An enrollment token (mmt1_...)' },
      },
    },
  }
}

function describe(
  name: string,
  template: string,
  { summary, input, query = [], accepts = [], status = 200 }: Operation,
) {
  const { roles, token, door, scope }: Access = access[name as keyof typeof access]
  const bodies = Object.fromEntries(accepts.map(type => [type, { schema: { type: 'string', format: 'binary' } }]))
  const object = input && { 'application/json': { schema: z.toJSONSchema(input) } }
  const schema = input || accepts.length > 0 ? { ...object, ...bodies } : undefined
  return {
    summary,
    operationId: name.replaceAll(/[^a-zA-Z]+/g, '-').toLowerCase(),
    security: [
      ...(roles.length > 0 && door !== 'console' ? [{ certificate: [] }] : []),
      ...(roles.includes('operator') && door !== 'machine' ? [{ session: [] }] : []),
      ...(token ? [{ token: [] }] : []),
    ],
    ...(roles.length > 0 ? { 'x-roles': roles } : {}),
    ...(scope === undefined ? {} : { 'x-scope': scope }),
    parameters: [
      ...[...template.matchAll(/\{([a-z]+)\}/g)].map(([, parameter]) => ({
        name: parameter,
        in: 'path',
        required: true,
        schema: { type: 'string' },
      })),
      ...query.map(parameter => ({ name: parameter, in: 'query', schema: { type: 'string' } })),
    ],
    ...(schema ? { requestBody: { required: !input?.safeParse({}).success, content: schema } } : {}),
    responses: {
      [status]: { description: 'Done' },
      default: {
        description: 'Refused',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Refusal' } } },
      },
    },
  }
}
