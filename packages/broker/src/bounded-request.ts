import { lookup as resolve } from 'node:dns'
import type { Agent, IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { isLoopback } from './exposure.ts'
import { Agent as HttpAgent, request as httpRequest } from './node-http.ts'

export interface RequestOptions {
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** From the beginning to the last byte of the answer. */
  readonly timeoutMs: number
  /** Of the answer. */
  readonly maximumBytes: number
  /** Whether addresses of the local link may be asked. */
  readonly allowLinkLocal: boolean
}

export interface Response {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

/** Where clouds answer with a machine's own secrets. */
const linkLocal = new BlockList()
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4')
linkLocal.addSubnet('fe80::', 10, 'ipv6')
linkLocal.addAddress('fd00:ec2::254', 'ipv6')

export function isLinkLocal(address: string): boolean {
  const family = isIP(address)
  return family !== 0 && linkLocal.check(address, family === 6 ? 'ipv6' : 'ipv4')
}

/** The host of a URL without the brackets of an IPv6 address. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/** Whether what is sent there can be read on the way. */
export function isInTheClear(url: URL): boolean {
  return url.protocol === 'http:' && !isLoopback(hostOf(url))
}

/**
 * Asks one web server, within limits of time and size, without following redirects. The address is
 * checked after the name is resolved, so that no name leads to the local link.
 */
export class WebClient implements Disposable {
  readonly #url: URL
  readonly #agent: Agent

  constructor(url: URL, maximumSockets: number) {
    this.#url = url
    const options = { keepAlive: true, maxSockets: maximumSockets, timeout: 60_000 }
    this.#agent = url.protocol === 'https:' ? new HttpsAgent(options) : new HttpAgent(options)
  }

  async ask(options: RequestOptions): Promise<Response> {
    const { method, headers = {}, body, timeoutMs, allowLinkLocal } = options
    const url = this.#url
    if (!allowLinkLocal && isLinkLocal(hostOf(url))) throw new Error(refusedAddress)
    const signal = AbortSignal.timeout(timeoutMs)
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const sent = request(url, {
      method,
      headers: { ...headers, ...length },
      agent: this.#agent,
      signal,
      maxHeaderSize: 16_384,
      ...(!allowLinkLocal && { lookup: lookupElsewhere }),
    })
    const answer = new Promise<IncomingMessage>((done, failed) => {
      sent.on('response', done)
      sent.on('error', failed)
    })
    sent.end(body)
    return await readAnswer(await answer, options.maximumBytes)
  }

  [Symbol.dispose](): void {
    this.#agent.destroy()
  }
}

const refusedAddress = 'the address is one of the local link, which may hold secrets of the machine'

/** As the system resolves, without what is on the local link. */
const lookupElsewhere: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return callback(error, '')
    const allowed = found.filter(({ address }) => !isLinkLocal(address))
    const [first] = allowed
    if (first === undefined) return callback(new Error(refusedAddress), '')
    if (options.all === true) callback(null, allowed)
    else callback(null, first.address, first.family)
  })
}

async function readAnswer(answer: IncomingMessage, maximumBytes: number): Promise<Response> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of answer as AsyncIterable<Buffer>) {
    length += part.length
    if (length > maximumBytes) {
      answer.destroy()
      throw new Error(`the answer is longer than ${maximumBytes} bytes`)
    }
    parts.push(part)
  }
  const { statusCode = 0, headers } = answer
  return {
    status: statusCode,
    contentType: headers['content-type'] ?? '',
    body: Buffer.concat(parts),
  }
}
