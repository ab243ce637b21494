import type { Admission } from '../admission.ts'
import type { Config, ListenerConfig } from '../config.ts'
import type { Log } from '../log.ts'
import type { TransportEvents } from '../transport.ts'
import type { Gate } from './front.ts'
import type { BackEnd } from './io/back-end.ts'
import type { Accept, Listener } from './listener.ts'
import { startFrontedTcpListener, startUnixListener } from './stream.ts'
import type { TlsFiles } from './tls-files.ts'
import { startWebSocketListener } from './websocket.ts'

export interface StartOptions {
  readonly config: Pick<Config, 'limits' | 'mqtt'>
  /** For those whose connections do not begin with MQTT. */
  readonly admission: Gate
  readonly log: Log
  /** Of a listener with TLS. */
  readonly files: TlsFiles | undefined
  /** For plain TCP. */
  readonly backEnd: BackEnd
  /** Others of this process listen on the same port. */
  readonly sharesPort?: boolean
}

/** Whether nothing comes between TCP and MQTT: no TLS, no proxy that speaks first. */
export function isPlainTcp(listener: ListenerConfig): boolean {
  const { kind } = listener
  return kind === 'tcp' && listener.tls === undefined && listener.proxyProtocol === undefined
}

/** Opens one of the places where clients connect. Throws `ListenError`. */
export function startListener(
  listener: ListenerConfig,
  accept: Accept,
  options: StartOptions,
): Promise<Listener> {
  const { admission, log, files, backEnd, sharesPort } = options
  const { limits, mqtt } = options.config
  const closeTimeoutMs = limits.closeTimeoutSeconds * 1_000
  const handshakeTimeoutMs = limits.connectTimeoutSeconds * 1_000
  const front = { closeTimeoutMs, handshakeTimeoutMs, admission }
  if (listener.kind === 'unix') return startUnixListener({ ...listener, ...front }, accept, log)
  const { host, port, tls, proxyProtocol: proxies } = listener
  const place = { host, port, sharesPort }
  if (isPlainTcp(listener)) return backEnd.listen({ ...place, closeTimeoutMs }, accept, log)
  const secure = tls && files && { files, clientCertificate: tls.clientCertificate }
  const fronted = { ...place, proxies, tls: secure, ...front }
  if (listener.kind === 'tcp') return startFrontedTcpListener(fronted, accept, log)
  const { path, origins } = listener
  const { maximumPacketSize } = mqtt
  const { connectBytes } = limits
  const webSocket = { ...fronted, path, origins, maximumPacketSize, connectBytes }
  return startWebSocketListener(webSocket, accept, log)
}

const deaf: TransportEvents = { receive() {}, drained() {}, closed() {} }

/** Asks whether a connection is welcome where nobody has asked before. */
export function admitting(admission: Admission, accept: Accept): Accept {
  return (transport, asked) => {
    const entry = asked ?? admission.enter(transport.address)
    if (entry !== undefined) return accept(transport, entry)
    transport.destroy()
    return deaf
  }
}
