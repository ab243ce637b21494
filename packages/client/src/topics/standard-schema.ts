/**
 * What a validator offers that follows Standard Schema, version 1 (standardschema.dev): zod,
 * valibot, arktype and others.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (
      value: unknown,
    ) => StandardResult<Output> | PromiseLike<StandardResult<Output>>
    /** For the compiler only: it is never there. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a validator says to a value. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardIssue[] }

/** One fault that a validator found. */
export interface StandardIssue {
  /** What is wrong. */
  readonly message: string
  /** Where, from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema takes: the shape on the wire. */
export type SchemaInput<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema['~standard']['types']>['input']
  : never

/** What a schema makes of it. */
export type SchemaOutput<Schema> = Schema extends StandardSchema
  ? NonNullable<Schema['~standard']['types']>['output']
  : never
