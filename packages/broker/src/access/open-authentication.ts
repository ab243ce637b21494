import { createPublicKey, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { WebClient } from '../bounded-request.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import { ConfigError, type ConfigSource, fileProblem, Problems, pathText } from '../config-error.ts'
import { readFailure } from '../config-file.ts'
import type { Random } from '../context.ts'
import type { Log } from '../log.ts'
import { AttemptGuard } from './attempt-guard.ts'
import { AuthenticationChain, guarded, lastLink } from './authentication-chain.ts'
import type { AuthenticationMethod, Authenticator } from './authenticator.ts'
import { createCertificateAuthenticator } from './certificate.ts'
import { createHttpHook } from './http-hook.ts'
import { PasswordFileWatch } from './password-file-watch.ts'
import { scramVerifier } from './password-verifier.ts'
import { preparedName } from './sasl-prep.ts'
import type { TokenOptions } from './token.ts'
import { type User, Users } from './users.ts'

export interface AuthenticationRim {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Asked after the certificate and before all that the configuration names. */
  readonly authenticators: readonly Authenticator[]
  /** Where the password file is, if there is one. */
  readonly passwordFile: string | undefined
  readonly allowAnonymous: boolean
  readonly source?: ConfigSource | undefined
}

/** Who is let in, as the configuration says. */
export interface OpenAuthentication extends Disposable {
  readonly authenticator: Authenticator
  readonly methods: readonly AuthenticationMethod[]
  /** Where wrong passwords are counted. */
  readonly guard: AttemptGuard
  /** Called with the names of the users who are gone, or not what they were. */
  usersChanged: (names: ReadonlySet<string>) => void
  /** What is kept of each user, for comparisons only. */
  userRecords(): ReadonlyMap<string, string>
  /** Reads the password file again if it has changed; a bad one changes nothing. */
  reload(): Promise<void>
}

/** Reads the files that the configuration names. Throws `ConfigError`. */
export async function openAuthentication(rim: AuthenticationRim): Promise<OpenAuthentication> {
  const { config, clock, log, authenticators, allowAnonymous } = rim
  const { auth } = config
  const open = new DisposableStack()
  const guard = new AttemptGuard(auth.attempts, { now: () => clock.now(), log })
  const opened: Pick<OpenAuthentication, 'usersChanged'> = { usersChanged: () => {} }
  const listed = await openAll(rim, { guard, open, usersChanged: (n) => opened.usersChanged(n) })
  const { tokens, users, hook } = listed
  const links: Authenticator[] = []
  if (auth.certificate !== 'none') links.push(createCertificateAuthenticator(auth.certificate))
  links.push(...authenticators.map((each) => guarded(each, guard)))
  if (tokens !== undefined) links.push(tokens)
  if (users !== undefined) links.push(users.users)
  if (hook !== undefined) links.push(guarded(hook, guard))
  const refuseUnknown = users?.users.refuseUnknown.bind(users.users)
  const last = lastLink({ allowAnonymous, refuseUnknown })
  // Nobody is known, and everybody may come: a name that is given is as good as none.
  const isOpen = links.length === 0 && allowAnonymous
  return Object.assign(opened, {
    authenticator: isOpen ? everybody : new AuthenticationChain([...links, last]),
    methods: users === undefined ? [] : [users.users.method()],
    guard,
    reload: async () => users?.watch?.check(),
    userRecords: () =>
      new Map([
        ...(users?.watch?.records() ?? []),
        ...auth.users.map((user) => [preparedName(user.name), JSON.stringify(user)] as const),
      ]),
    [Symbol.dispose]: () => open.dispose(),
  })
}

interface Opening {
  readonly guard: AttemptGuard
  /** What has to be closed later, or at once when something is wrong. */
  readonly open: DisposableStack
  readonly usersChanged: (names: ReadonlySet<string>) => void
}

/** Opens all that the configuration names, and says all that is wrong with it. */
async function openAll(rim: AuthenticationRim, opening: Opening) {
  const { jwt, http } = rim.config.auth
  const { open } = opening
  const problems = new Problems()
  try {
    const tokens = jwt && (await problems.gather(() => openTokens(jwt, rim, open)))
    const users = await problems.gather(() => openUsers(rim, opening))
    const hook = http && (await problems.gather(() => openHook(http, rim, open)))
    problems.throwAny()
    return { tokens, users, hook }
  } catch (error) {
    open.dispose()
    throw error
  }
}

const everybody: Authenticator = {
  authenticate: () => ({ outcome: 'accepted', user: undefined }),
}

/** Users of the configuration and of the password file, as one: nobody can tell which knows a name. */
async function openUsers(
  rim: AuthenticationRim,
  { guard, open, usersChanged }: Opening,
): Promise<{ users: Users; watch: PasswordFileWatch | undefined } | undefined> {
  const { config, clock, random, passwordFile, log } = rim
  const { auth } = config
  if (passwordFile === undefined && auth.users.length === 0) return undefined
  const inline = auth.users.map(configuredUser)
  const join = (fromFile: readonly User[]) => {
    const known = new Set(inline.map(({ name }) => name))
    return [...inline, ...fromFile.filter(({ name }) => !known.has(name))]
  }
  const users = new Users(inline, {
    guard,
    random,
    now: () => clock.now(),
    whenUnknown: auth.http === undefined ? 'refuse' : 'pass-on',
    maximumWaiting: auth.waiting,
    cacheMs: auth.cacheSeconds * 1_000,
  })
  if (passwordFile === undefined) return { users, watch: undefined }
  const watch = new PasswordFileWatch(passwordFile, log, (fromFile, names) => {
    users.replace(join(fromFile))
    usersChanged(names)
  })
  open.use(watch)
  const fromFile = await watch.open().catch((error: unknown) => {
    const path = ['auth', 'passwordFile']
    throw auth.passwordFile === undefined
      ? error
      : fileProblem(error, passwordFile, { path, source: rim.source })
  })
  refuseSharedNames(inline, fromFile, rim)
  users.replace(join(fromFile))
  watch.start()
  return { users, watch }
}

/** Which of the two counts would be a guess. When the file is read again, that of the configuration does. */
function refuseSharedNames(
  inline: readonly User[],
  fromFile: readonly User[],
  { passwordFile, source }: AuthenticationRim,
): void {
  const names = new Set(fromFile.map(({ name }) => name))
  const problems = inline.flatMap(({ name }, index) => {
    if (!names.has(name)) return []
    const path = ['auth', 'users', index, 'name']
    const text = `is ${JSON.stringify(name)}, as that of a user in ${passwordFile}; allowed is a name of its own`
    return [{ place: source?.locate(path), path: pathText(path), text }]
  })
  if (problems.length > 0) throw new ConfigError(problems)
}

function configuredUser({ name, groups, scram }: Config['auth']['users'][number]): User {
  const { salt, iterations, storedKey, serverKey } = scram
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
  const keys = { storedKey: bytes(storedKey), serverKey: bytes(serverKey) }
  const credentials = { salt: bytes(salt), iterations, ...keys }
  const verifier = scramVerifier(credentials)
  return { name: preparedName(name), groups, verifier, scram: credentials }
}

type JwtConfig = NonNullable<Config['auth']['jwt']>
type HttpConfig = NonNullable<Config['auth']['http']>

/** Largest key set, and how long its server may take. */
const keySetLimits = { method: 'GET', timeoutMs: 5_000, maximumBytes: 262_144 } as const
const keySetMaximumAgeMs = 600_000

async function openTokens(
  jwt: JwtConfig,
  { clock, log, source }: AuthenticationRim,
  open: DisposableStack,
): Promise<Authenticator> {
  const { audience, issuer, from, userClaim, groupsClaim, clockToleranceSeconds } = jwt
  // Loaded only where it is used: few brokers take tokens.
  const { createTokenAuthenticator } = await import('./token.ts')
  const usual = jwt.secretFile === undefined ? ['RS256', 'ES256', 'EdDSA'] : ['HS256']
  return createTokenAuthenticator({
    key: await openKey(jwt, open, source),
    algorithms: jwt.algorithms ?? usual,
    audience: typeof audience === 'string' ? [audience] : audience,
    issuer,
    from,
    userClaim,
    groupsClaim,
    clockToleranceSeconds,
    wallNow: () => clock.wallNow(),
    log,
  })
}

async function openKey(
  { jwksUrl, publicKeyFile, secretFile, allowLinkLocal }: JwtConfig,
  open: DisposableStack,
  source: ConfigSource | undefined,
): Promise<TokenOptions['key']> {
  if (publicKeyFile !== undefined) {
    const path = ['auth', 'jwt', 'publicKeyFile']
    return readPublicKey(await readSetting(publicKeyFile, path, source), path, source)
  }
  if (secretFile !== undefined) {
    const path = ['auth', 'jwt', 'secretFile']
    const secret = trimmed(await readSetting(secretFile, path, source))
    // A shorter one can be found by trying (RFC 7518, section 3.2).
    if (secret.length >= 32) return secret
    throw settingError(path, `has ${secret.length} bytes; allowed are 32 or more`, source)
  }
  const url = new URL(jwksUrl ?? '')
  const client = open.use(new WebClient(url, 2))
  const { createRemoteJWKSet, customFetch } = await import('jose')
  return createRemoteJWKSet(url, {
    cacheMaxAge: keySetMaximumAgeMs,
    [customFetch]: async () => {
      const { status, body } = await client.ask({ ...keySetLimits, allowLinkLocal })
      if (status !== 200) throw new Error(`the key set was answered with status ${status}`)
      return new Response(new Uint8Array(body), { status })
    },
  })
}

function readPublicKey(
  pem: Buffer,
  path: readonly string[],
  source: ConfigSource | undefined,
): KeyObject {
  try {
    return createPublicKey(pem)
  } catch {
    throw settingError(path, 'is not a public key in PEM', source)
  }
}

async function openHook(
  http: HttpConfig,
  { clock, log, source }: AuthenticationRim,
  open: DisposableStack,
): Promise<Authenticator> {
  const { url, authorizationFile, timeoutMs, concurrency, waiting, allowLinkLocal } = http
  const path = ['auth', 'http', 'authorizationFile']
  const authorization =
    authorizationFile === undefined
      ? undefined
      : trimmed(await readSetting(authorizationFile, path, source)).toString('latin1')
  return createHttpHook({
    client: open.use(new WebClient(new URL(url), concurrency)),
    timeoutMs,
    concurrency,
    maximumWaiting: waiting,
    allowLinkLocal,
    authorization,
    log,
    now: () => clock.now(),
  })
}

async function readSetting(
  file: string,
  path: readonly string[],
  source: ConfigSource | undefined,
): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const reason = readFailure(error as NodeJS.ErrnoException)
    throw settingError(path, `is ${JSON.stringify(file)}, which cannot be read: ${reason}`, source)
  }
}

function settingError(
  path: readonly string[],
  text: string,
  source: ConfigSource | undefined,
): ConfigError {
  return new ConfigError([{ place: source?.locate(path), path: path.join('.'), text }])
}

/** Without the line end that editors add. */
function trimmed(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--
  return bytes.subarray(0, end)
}
