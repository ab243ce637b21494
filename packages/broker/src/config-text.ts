import { z } from 'zod'

/** A UTF-8 Encoded String of section 1.5.4 that is not empty. */
export const mqttText = z
  .string()
  .min(1)
  .check(({ value, issues }) => {
    if (Buffer.byteLength(value) > 65_535 || value.includes('\0') || !value.isWellFormed())
      issues.push({ code: 'custom', input: value })
  })
  .meta({ allowed: 'text of 1 to 65535 bytes without U+0000' })

/**
 * A check of a section, or of a list, as a whole that is made also when something in it is wrong: so
 * what it looks at may be anything.
 */
export function always<T extends object>(
  check: (payload: z.core.ParsePayload<T>) => void,
): z.core.$ZodCheck<T> {
  const made = z.check<T>(check)
  made._zod.def.when = ({ value }) => typeof value === 'object' && value !== null
  return made
}

/** A durability level. */
export const level = z.enum(['memory', 'os', 'disk'])
