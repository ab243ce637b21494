import { describeIssues, PayloadError } from './payload-error.ts'
import type { StandardResult, StandardSchema } from './standard-schema.ts'

/** What the schema makes of the value: at once where the schema is synchronous. */
export function validate<Output>(
  schema: StandardSchema<unknown, Output>,
  value: unknown,
  name: string,
): Output | Promise<Output> {
  const result = schema['~standard'].validate(value)
  if ('then' in result) return Promise.resolve(result).then((each) => outcome(each, name))
  return outcome(result, name)
}

function outcome<Output>(result: StandardResult<Output>, name: string): Output {
  if (result.issues === undefined) return result.value
  const { issues } = result
  throw new PayloadError(`${name} does not fit its schema: ${describeIssues(issues)}`, { issues })
}
