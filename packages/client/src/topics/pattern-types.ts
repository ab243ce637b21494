// Patterns as types. `sensors/{site}/{id:int}/{rest...}` has three parameters: `{site}` is one
// level, `{id:int}` one level that is a whole number, `{rest...}` all levels from there on.

/** What each parameter of a pattern is. */
export type Params<Pattern extends string> = string extends Pattern
  ? Readonly<Record<string, ParamValue>>
  : { readonly [Level in Named<Levels<Pattern>> as NameOf<Level>]: ValueOf<Level> }

/** What a parameter may be: text, a whole number, or the levels of `{name...}`. */
export type ParamValue = string | number | readonly string[]

/** The Topic Filter of a pattern: `Filter<'a/{x}/b'>` is `'a/+/b'`. */
export type Filter<Pattern extends string> = string extends Pattern
  ? string
  : Join<Wildcards<Levels<Pattern>>>

/** The pattern itself, or a sentence that says which level of it cannot be. */
export type CheckedPattern<Pattern extends string> = string extends Pattern
  ? string
  : CheckLevels<Levels<Pattern>> extends infer Fault extends string
    ? Fault
    : Pattern

/** Nothing for a pattern without parameters. */
export type WithParams<Pattern extends string> = keyof Params<Pattern> extends never
  ? []
  : [params: Params<Pattern>]

type Levels<
  Text extends string,
  Before extends string[] = [],
> = Text extends `${infer Level}/${infer Rest}`
  ? Levels<Rest, [...Before, Level]>
  : [...Before, Text]

type Named<All extends string[]> = Extract<All[number], `{${string}}`>

type NameOf<Level extends string> = Level extends `{${infer Name}...}`
  ? Name
  : Level extends `{${infer Name}:${string}}`
    ? Name
    : Level extends `{${infer Name}}`
      ? Name
      : never

type ValueOf<Level extends string> = Level extends `{${string}...}`
  ? readonly string[]
  : Level extends `{${string}:int}`
    ? number
    : string

type Wildcards<All extends string[]> = {
  [At in keyof All]: All[At] extends `{${string}...}`
    ? '#'
    : All[At] extends `{${string}}`
      ? '+'
      : All[At]
}

type Join<All extends string[], Before extends string = ''> = All extends [
  infer First extends string,
  ...infer Rest extends string[],
]
  ? Rest extends []
    ? `${Before}${First}`
    : Join<Rest, `${Before}${First}/`>
  : Before

/** A sentence for the first level that cannot be, or null. */
type CheckLevels<All extends string[], Seen = never> = All extends [
  infer First extends string,
  ...infer Rest extends string[],
]
  ? CheckLevel<First, Rest, Seen> extends infer Fault extends string
    ? Fault
    : CheckLevels<Rest, Seen | NameOf<First>>
  : null

type CheckLevel<Level extends string, Rest, Seen> = Level extends `{${infer Inside}}`
  ? Inside extends `${infer Name}...`
    ? Rest extends []
      ? CheckName<Name, Seen>
      : `topic parameter {${Name}...} takes all levels that follow and has to be the last one`
    : Inside extends `${infer Name}:${infer Type}`
      ? Type extends 'int'
        ? CheckName<Name, Seen>
        : `topic parameter {${Name}} cannot be of type ${Type}; there is int`
      : CheckName<Inside, Seen>
  : CheckText<Level>

type CheckName<Name extends string, Seen> = Name extends ''
  ? 'a topic parameter needs a name: {name}'
  : Name extends `${string}${'{' | '}' | ':' | '.' | ' '}${string}`
    ? `topic parameter {${Name}} needs a name of letters, digits and _`
    : Name extends Seen
      ? `topic parameter {${Name}} is there twice`
      : null

type CheckText<Level extends string> = Level extends `${string}${'{' | '}'}${string}`
  ? `topic level ${Level} is not a parameter: {name} stands alone between slashes`
  : Level extends `${string}${'+' | '#'}${string}`
    ? `topic level ${Level} has a wildcard: write {name} for one level, {name...} for all that follow`
    : null
