import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type ExportDeclaration,
  type Node,
  type SourceFile,
  type Statement,
  SyntaxKind,
} from 'typescript/unstable/ast'
import {
  isClassDeclaration,
  isExportDeclaration,
  isFunctionDeclaration,
  isInterfaceDeclaration,
  isNamedExports,
  isTypeAliasDeclaration,
  isVariableStatement,
} from 'typescript/unstable/ast/is'
import { API, type Program } from 'typescript/unstable/sync'

export interface Member {
  /** As it is written, without its body. */
  readonly text: string
  readonly name: string
  readonly doc: string
}

/** One name that a package exports. */
export interface Export {
  readonly name: string
  readonly kind: 'function' | 'class' | 'const' | 'interface' | 'type'
  /** As it is declared, without bodies; of a class or an interface only its head. */
  readonly text: string
  readonly doc: string
  readonly members: readonly Member[]
}

/** Where the names of an import are declared. */
export type Resolve = (specifier: string, importer: string) => string

/** What an index exports, each with its declaration and comments, in the order of the alphabet. */
export function readExports(project: string, index: string, resolve: Resolve): Export[] {
  const api = new API({ cwd: dirname(project) })
  try {
    const snapshot = api.updateSnapshot({ openProjects: [project] })
    const program = snapshot.getProject(project)?.program
    if (program === undefined) throw new Error(`the compiler does not open ${project}`)
    const found = [...exportsOf(program, index, resolve)]
    return found.sort((one, other) => one.name.localeCompare(other.name, 'en'))
  } finally {
    api.close()
  }
}

function* exportsOf(program: Program, index: string, resolve: Resolve): Generator<Export> {
  const file = fileOf(program, index)
  for (const statement of file.statements) {
    const name = nameOf(statement)
    if (isExportDeclaration(statement)) {
      for (const each of namesOf(statement)) {
        yield find(program, each, { statement, index, resolve })
      }
    } else if (name !== undefined && statement.getText(file).startsWith('export ')) {
      yield describe(statement, name, file)
    }
  }
}

interface Place {
  readonly statement: ExportDeclaration
  readonly index: string
  readonly resolve: Resolve
}

/** Follows a name to its declaration, through files that only pass it on. */
function find(program: Program, name: string, { statement, index, resolve }: Place): Export {
  const specifier = statement.moduleSpecifier?.getText().slice(1, -1) ?? ''
  const path = resolve(specifier, index)
  const file = fileOf(program, path)
  for (const each of file.statements) {
    if (nameOf(each) === name) return describe(each, name, file)
    if (isExportDeclaration(each) && namesOf(each).includes(name)) {
      return find(program, name, { statement: each, index: path, resolve })
    }
  }
  throw new Error(`${name} is not declared in ${path}`)
}

function fileOf(program: Program, path: string): SourceFile {
  const file = existsSync(path) ? program.getSourceFile(path) : undefined
  if (file === undefined) throw new Error(`the compiler does not know ${path}`)
  return file
}

function namesOf({ exportClause }: ExportDeclaration): string[] {
  if (exportClause === undefined || !isNamedExports(exportClause)) return []
  return exportClause.elements.map(({ name }) => name.text)
}

function nameOf(statement: Statement): string | undefined {
  if (isVariableStatement(statement))
    return statement.declarationList.declarations[0]?.name.getText()
  const isNamed =
    isFunctionDeclaration(statement) ||
    isClassDeclaration(statement) ||
    isInterfaceDeclaration(statement) ||
    isTypeAliasDeclaration(statement)
  return isNamed ? statement.name?.text : undefined
}

function describe(statement: Statement, name: string, file: SourceFile): Export {
  const doc = docOf(statement, file)
  const described = (kind: Export['kind'], text: string, members: Member[] = []) => {
    return { name, kind, doc, members, text: text.replace(/^export (?:declare |async )*/, '') }
  }
  if (isFunctionDeclaration(statement)) {
    return described('function', headOf(statement, statement.body, file))
  }
  if (isVariableStatement(statement)) {
    const [declaration] = statement.declarationList.declarations
    return described('const', `const ${name}: ${declaration?.type?.getText(file) ?? 'unknown'}`)
  }
  if (isClassDeclaration(statement) || isInterfaceDeclaration(statement)) {
    const members = [...membersOf(statement.members, file)]
    const kind = isClassDeclaration(statement) ? 'class' : 'interface'
    const before = file.text.slice(statement.getStart(file), statement.members.pos)
    return described(kind, before.replace(/\s*\{$/, ''), members)
  }
  return described('type', statement.getText(file))
}

function* membersOf(members: Iterable<Node>, file: SourceFile): Generator<Member> {
  for (const member of members) {
    const { name, body } = member as { name?: Node; body?: Node }
    const shown = name?.getText(file) ?? ''
    const doc = docOf(member, file)
    // Classes are made by the library; what is @internal is public for its other files.
    // That it is iterable or disposable is in the head of its class.
    const isPlainSymbol = shown.startsWith('[') && doc === ''
    const isHidden = shown.startsWith('#') || doc.startsWith('@internal') || isPlainSymbol
    if (isHidden || member.kind === SyntaxKind.Constructor) continue
    const whole = headOf(member, body, file)
    if (whole.startsWith('override ')) continue // as in the class above it
    const text = whole
      .replace(/^(?:async |\*)/, '')
      .replace(/^((?:readonly )?\w+: [^=]*) = .*$/s, '$1')
      .replace(/^(\w+) = \d+$/, '$1: number')
    yield { name: shown, doc, text: text.replace(/;$/, '') }
  }
}

function headOf(node: Node, body: Node | undefined, file: SourceFile): string {
  return file.text.slice(node.getStart(file), body?.pos ?? node.end).trim()
}

/** The comment above it as one text, without its stars. */
function docOf(node: Node, file: SourceFile): string {
  const { jsDoc = [] } = node as { jsDoc?: readonly Node[] }
  const text = jsDoc.at(-1)?.getText(file) ?? ''
  return text
    .replace(/^\/\*\*|\*\/$/g, '')
    .replaceAll(/^\s*\* ?/gm, '')
    .trim()
}

/** The files of our packages, which are found as the compiler finds them. */
export function resolveIn(packages: string): Resolve {
  return (specifier, importer) => {
    if (specifier === '#platform') return join(packages, 'client/src/platform/contract.ts')
    if (specifier === '@busbar/protocol') return join(packages, 'protocol/src/index.ts')
    return join(dirname(importer), specifier)
  }
}
