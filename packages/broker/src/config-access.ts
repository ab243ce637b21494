import { z } from 'zod'
import { accessActions } from './access/access.ts'
import { parseTopicPattern } from './access/topic-pattern.ts'
import { always, mqttText } from './config-text.ts'

const actions = z.array(z.enum(accessActions)).min(1).optional()

const actionWords = 'a list of publish, retain, subscribe, receive'

const names = z.array(mqttText).min(1).optional()

const topicPattern = z.string().check(({ value, issues }) => {
  try {
    parseTopicPattern(value)
  } catch (error) {
    const text = `is ${JSON.stringify(value.slice(0, 60))}: ${(error as Error).message}; allowed is a Topic Filter with %c, %u, %{name} or %%`
    issues.push({ code: 'custom', input: value, params: { text } })
  }
})

const rule = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(100)
      .optional()
      .meta({ allowed: 'text', description: 'What the log calls the rule.' }),
    allow: actions.meta({
      allowed: actionWords,
      description:
        'What the rule allows. `publish` includes `retain` (to publish with RETAIN), `subscribe` includes `receive` (to be sent).',
    }),
    deny: actions.meta({
      allowed: actionWords,
      description: 'What the rule denies, instead of `allow`.',
    }),
    users: names.meta({
      allowed: 'a list of names',
      description: 'Users that the rule is about; everybody when left out.',
    }),
    groups: names.meta({
      allowed: 'a list of names',
      description: 'Groups one of which the client is in.',
    }),
    clients: names.meta({
      allowed: 'a list of Client Identifiers',
      description: 'Client Identifiers that the rule is about.',
    }),
    anonymous: z.boolean().optional().meta({
      description:
        '`true`: the rule is about clients without a user; `false`: about those with one.',
    }),
    topics: z.array(topicPattern).min(1).meta({
      allowed: 'a list of Topic Filters',
      description:
        'Topic Filters, in which `%c` is the Client Identifier, `%u` the user, `%{name}` a variable of the authentication and `%%` a percent sign.',
    }),
  })
  .check(
    always(({ value, issues }) => {
      if ((value.allow === undefined) !== (value.deny === undefined)) return
      const found = value.allow === undefined ? 'has neither allow nor deny' : 'has allow and deny'
      const params = { text: `${found}; allowed is one of them` }
      issues.push({ code: 'custom', input: undefined, params })
    }),
  )

const rules = z.array(rule)

const otherwise = z.enum(['allow', 'deny']).optional()

const file = z.string().min(1).optional()

const shadow = z.strictObject({
  default: otherwise.meta({
    description:
      'What the shadow policy says where none of its rules decides; `deny` when left out.',
  }),
  rules: rules.default([]).meta({ description: 'Its rules.' }),
  file: file.meta({ allowed: 'a path', description: 'A file with more of them.' }),
})

/** Who may do what. */
export const access = z.strictObject({
  default: otherwise.meta({
    description:
      'What is said where no rule decides. Not given: `deny` as soon as there is any authentication, rule or file; else `allow`.',
  }),
  rules: rules.default([]).meta({
    description: 'The first rule that is about the client, the action and the topic decides.',
  }),
  file: file.meta({
    allowed: 'a path',
    description: 'A YAML file with a list of such rules under `rules`, which come after these.',
  }),
  shadow: shadow.optional().meta({
    description:
      'A policy that is tried out: what it would deny is counted and logged, and not denied.',
  }),
  whenPublishDenied: z.enum(['ack', 'close']).default('ack').meta({
    description:
      'What a 3.x client gets for a message that it may not publish: `ack` drops it and acknowledges, `close` closes the connection. A 5.0 client gets Not authorized (0x87).',
  }),
  checkRetainedSource: z.boolean().default(true).meta({
    description:
      'Whether a retained message is withheld when its publisher may not publish it any more.',
  }),
})

/** What a file of rules holds. */
export const rulesFile = z.strictObject({ rules: rules.meta({ description: 'Access rules.' }) })
