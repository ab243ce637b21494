import { z } from 'zod'

/** A setting, or a section of settings, as JSON Schema describes it. */
export type SettingSchema = z.core.JSONSchema.BaseSchema

/** One row of docs/configuration.md. */
export interface Setting {
  /** Such as `mqtt.receiveMaximum` or `listeners[].port`. */
  readonly path: string
  readonly type: string
  /** Undefined when the setting may be left out and then means nothing. */
  readonly default: unknown
  readonly isRequired: boolean
  /** What is allowed, in words. */
  readonly allowed: string
  readonly description: string
}

export function describeSchema(schema: z.ZodType): SettingSchema {
  return z.toJSONSchema(schema, { io: 'input' })
}

/** Every setting below a section, in the order of declaration. */
export function listSettings(section: SettingSchema, prefix = ''): Setting[] {
  return Object.entries(section.properties ?? {}).flatMap(([key, child]) => {
    if (typeof child === 'boolean') return []
    const path = prefix === '' ? key : `${prefix}.${key}`
    if (child.type === 'object') return listSettings(child, path)
    const setting: Setting = {
      path,
      type: typeName(child),
      default: child.default,
      isRequired: section.required?.includes(key) === true,
      allowed: allowedText(child),
      description: child.description ?? '',
    }
    return [setting, ...branches(child).flatMap((item) => listSettings(item, itemPath(path, item)))]
  })
}

/** The sections that an entry of a list may be. */
function branches(list: SettingSchema): SettingSchema[] {
  const { items } = list
  if (items === undefined || typeof items === 'boolean' || Array.isArray(items)) return []
  return unionOf(items) ?? [items]
}

function itemPath(path: string, item: SettingSchema): string {
  return item.title === undefined ? `${path}[]` : `${path}[${item.title}]`
}

/** Finds the schema of one place in `input`, which decides between the kinds of a list's entries. */
export function schemaAt(
  schema: SettingSchema,
  path: readonly PropertyKey[],
  input: unknown,
): SettingSchema | undefined {
  let node: SettingSchema | undefined = schema
  let value: unknown = input
  for (const key of path) {
    value = member(value, key)
    const next: unknown = typeof key === 'number' ? node.items : node.properties?.[String(key)]
    node = typeof next === 'object' ? chooseKind(next as SettingSchema, value) : undefined
    if (node === undefined) return undefined
  }
  return node
}

function chooseKind(node: SettingSchema, value: unknown): SettingSchema {
  const kinds = node.oneOf === undefined ? undefined : unionOf(node)
  const kind = member(value, 'kind')
  return kinds?.find((branch) => kindOf(branch) === kind) ?? mergedKinds(kinds) ?? node
}

/** For an entry whose kind is unknown: nothing is known but which kinds there are. */
function mergedKinds(kinds: SettingSchema[] | undefined): SettingSchema | undefined {
  return kinds && { type: 'object', properties: { kind: { enum: kinds.map(kindOf) } } }
}

function kindOf(branch: SettingSchema): string {
  const kind = branch.properties?.kind
  return typeof kind === 'object' ? String(kind.const) : ''
}

function unionOf(node: SettingSchema): SettingSchema[] | undefined {
  return (node.oneOf ?? node.anyOf)?.filter((branch) => typeof branch === 'object')
}

/** The value at a key of an unchecked object; never an inherited one. */
export function member(value: unknown, key: PropertyKey): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<PropertyKey, unknown>)[key]
}

function typeName(node: SettingSchema): string {
  const union = unionOf(node)
  if (union !== undefined) return [...new Set(union.map(typeName))].join(' or ')
  if (node.type === 'array') return 'list'
  return typeof node.type === 'string' ? node.type : 'any'
}

/** What may be written there, as the end of `allowed is …`. */
export function allowedText(node: SettingSchema): string {
  const words: unknown = node.allowed
  if (typeof words === 'string') return words
  const union = unionOf(node)
  if (union !== undefined) return either(union.map(allowedText))
  if (node.const !== undefined) return String(node.const)
  if (node.enum !== undefined) return either(node.enum.map(String))
  switch (node.type) {
    case 'integer':
      return `a whole number from ${node.minimum} to ${node.maximum}`
    case 'boolean':
      return 'true or false'
    case 'array':
      return 'a list'
    case 'object':
      return `a section with ${Object.keys(node.properties ?? {}).join(', ')}`
    default:
      return 'text'
  }
}

function either(texts: readonly string[]): string {
  if (texts.length < 2) return texts.join('')
  return `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`
}
